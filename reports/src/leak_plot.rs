//! The plot of a leak finding: what was measured, the fitted course, when it set in, and where it leads, with its
//! interval, up to the limit if there is one.

use plotters::prelude::{
    BitMapBackend, Color as _, DrawingBackend, IntoDrawingArea as _, IntoFont as _, PathElement, Polygon,
    RGBColor, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde::{Deserialize, Serialize};
use shakedown_leaks::{Finding, Verdict};

use crate::pages::{learn_font, pack};
use crate::show;

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct LeakPlot<'a> {
    /// Its title; control characters are left out.
    pub title: &'a str,
    /// Unit of the values, as it is told.
    pub unit: &'a str,
    /// What was measured, and the course that was fitted to it.
    pub picture: &'a Picture,
    /// When the leak set in, in seconds.
    pub onset: Option<f64>,
    /// Where a leak leads; `None` without one.
    pub leads: Option<Leads>,
    /// What must not be reached.
    pub limit: Option<f64>,
}

/// Where a leak leads from the end of what was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leads {
    /// The level at the end.
    pub level: f64,
    /// Growth an hour: the most likely, and the interval of 95 %.
    pub per_hour: [f64; 3],
}

/// A trace made small enough for a plot, and the course that was fitted to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Moment in seconds, smallest and largest value of each column.
    pub columns: Vec<[f64; 3]>,
    /// Moments in seconds, and values.
    pub course: Vec<(f64, f64)>,
}

const SIZE: (u32, u32) = (960, 420);
const LEFT: f64 = 96.0;
const RIGHT: f64 = 936.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 376.0;
const INK: RGBColor = RGBColor(60, 60, 67);
const GRID: RGBColor = RGBColor(226, 226, 230);
const RAW: RGBColor = RGBColor(120, 160, 210);
const COURSE: RGBColor = RGBColor(20, 60, 120);
const ALARM: RGBColor = RGBColor(190, 40, 30);
/// More columns than this cannot be told apart.
const COLUMNS: usize = 420;

/// The ranges that are shown.
struct Frame {
    time: (f64, f64),
    value: (f64, f64),
}

// === impl Frame ===

impl Frame {
    fn new(plot: &LeakPlot<'_>) -> Self {
        let columns = &plot.picture.columns;
        let (first, last) = (columns.first().map_or(0.0, |it| it[0]), columns.last().map_or(1.0, |it| it[0]));
        let length = (last - first).max(1e-9);
        // A forecast is shown for as long again at the most: further out, nobody should trust a picture.
        let ahead = plot.leads.map_or(0.0, |leads| {
            let reached = plot.limit.map_or(0.0, |limit| (limit - leads.level) / leads.per_hour[0] * 3_600.0);
            reached.clamp(0.1 * length, length)
        });
        let low = columns.iter().map(|it| it[1]).fold(f64::MAX, f64::min);
        let mut high = columns.iter().map(|it| it[2]).fold(f64::MIN, f64::max);
        if let Some(leads) = plot.leads {
            let steep = leads.per_hour[2];
            high = high.max((leads.level + steep * ahead / 3_600.0).min(high + 2.0 * (high - low)));
        }
        if let Some(limit) = plot.limit.filter(|limit| *limit <= high + 1.5 * (high - low)) {
            high = high.max(limit);
        }
        let room = (0.05 * (high - low)).max(high.abs() * 1e-6).max(1e-9);
        Self { time: (first, last + ahead), value: (low - room, high + room) }
    }

    fn at(&self, time: f64, value: f64) -> (i32, i32) {
        let part = |it: f64, range: (f64, f64)| ((it - range.0) / (range.1 - range.0)).clamp(0.0, 1.0);
        let x = LEFT + part(time, self.time) * (RIGHT - LEFT);
        let y = BOTTOM - part(value, self.value) * (BOTTOM - TOP);
        (x.round() as i32, y.round() as i32)
    }
}

/// Draws it as an SVG file's text.
///
/// # Errors
/// What could not be drawn, in words.
pub fn leak_plot(plot: &LeakPlot<'_>) -> Result<String, String> {
    let mut out = String::new();
    draw(plot, SVGBackend::with_string(&mut out, SIZE))
        .map_err(|error| format!("cannot draw the plot: {error}"))?;
    Ok(out)
}

/// The same as a PNG file.
///
/// # Errors
/// What could not be drawn, in words.
pub fn leak_png(plot: &LeakPlot<'_>) -> Result<Vec<u8>, String> {
    let mut pixels = vec![0; SIZE.0 as usize * SIZE.1 as usize * 3];
    draw(plot, BitMapBackend::with_buffer(&mut pixels, SIZE))
        .map_err(|error| format!("cannot draw the plot: {error}"))?;
    pack(&pixels, SIZE).map_err(|error| format!("cannot encode the plot: {error}"))
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw<B: DrawingBackend>(plot: &LeakPlot<'_>, backend: B) -> Drawn {
    learn_font();
    let root = backend.into_drawing_area();
    root.fill(&RGBColor(255, 255, 255)).map_err(told)?;
    let frame = Frame::new(plot);
    let text = |words: &str, at: (i32, i32), pos: Pos, ink: RGBColor, size: i32| {
        let style = ("sans-serif", size).into_font().color(&ink).pos(pos);
        root.draw(&Text::new(words.to_owned(), at, style)).map_err(told)
    };
    let path = |points: Vec<(i32, i32)>, ink: RGBColor, width: u32| {
        root.draw(&PathElement::new(points, ink.stroke_width(width))).map_err(told)
    };
    let title: String = plot.title.chars().filter(|it| !it.is_control()).take(80).collect();
    text(&title, (LEFT as i32, 14), Pos::new(HPos::Left, VPos::Top), INK, 16)?;
    for (value, words) in value_marks(&frame, plot.unit) {
        let (left, right) = (frame.at(frame.time.0, value), frame.at(frame.time.1, value));
        path(vec![left, right], GRID, 1)?;
        text(&words, (left.0 - 8, left.1), Pos::new(HPos::Right, VPos::Center), INK, 12)?;
    }
    for step in 0..=6 {
        let seconds = f64::from(step) / 6.0 * (frame.time.1 - frame.time.0);
        let at = frame.at(frame.time.0 + seconds, frame.value.0);
        text(&show::offset(seconds), (at.0, at.1 + 8), Pos::new(HPos::Center, VPos::Top), INK, 12)?;
    }
    for piece in raw(plot) {
        path(piece.into_iter().map(|(time, value)| frame.at(time, value)).collect(), RAW, 1)?;
    }
    if let Some(cone) = cone(plot, &frame) {
        let shape: Vec<(i32, i32)> = cone.iter().map(|(time, value)| frame.at(*time, *value)).collect();
        root.draw(&Polygon::new(shape.clone(), ALARM.mix(0.15))).map_err(told)?;
        path(vec![shape[0], frame.at(cone[3].0, cone[3].1)], ALARM, 2)?;
    }
    path(plot.picture.course.iter().map(|(time, value)| frame.at(*time, *value)).collect(), COURSE, 2)?;
    if let Some(onset) = plot.onset.filter(|onset| *onset > frame.time.0) {
        let foot = frame.at(onset, frame.value.0);
        path(vec![frame.at(onset, frame.value.1), foot], ALARM, 1)?;
        text("onset", (foot.0 + 4, TOP as i32), Pos::new(HPos::Left, VPos::Top), ALARM, 12)?;
    }
    if let Some(limit) = plot.limit.filter(|limit| (frame.value.0..=frame.value.1).contains(limit)) {
        let left = frame.at(frame.time.0, limit);
        path(vec![left, frame.at(frame.time.1, limit)], ALARM, 1)?;
        text("limit", (left.0 + 4, left.1 - 2), Pos::new(HPos::Left, VPos::Bottom), ALARM, 12)?;
    }
    root.present().map_err(told)
}

fn told<E: std::fmt::Display>(error: E) -> Box<dyn std::error::Error> {
    error.to_string().into()
}

/// Five marks of the axis of values.
fn value_marks(frame: &Frame, unit: &str) -> Vec<(f64, String)> {
    let (low, high) = frame.value;
    let value = |step: i32| low + (high - low) * (0.05 + 0.225 * f64::from(step));
    (0..5).map(value).map(|value| (value, show::quantity(value, unit))).collect()
}

/// What was measured, in pieces without gaps.
fn raw(plot: &LeakPlot<'_>) -> Vec<Vec<(f64, f64)>> {
    let columns = &plot.picture.columns;
    let length = columns.last().zip(columns.first()).map_or(0.0, |(last, first)| last[0] - first[0]);
    let mut pieces: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for [time, low, high] in columns {
        let last = pieces.last().and_then(|piece| piece.last()).map(|point| point.0);
        if last.is_some_and(|last| time - last > 0.05 * length) {
            pieces.push(Vec::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.extend([(*time, *low), (*time, *high)]);
        }
    }
    pieces
}

/// Where it leads: from the last level, the slowest way, the fastest, and the likely one at the end.
fn cone(plot: &LeakPlot<'_>, frame: &Frame) -> Option<[(f64, f64); 4]> {
    let Leads { level, per_hour: [slope, low, high] } = plot.leads?;
    let last = plot.picture.columns.last()?[0];
    let end = frame.time.1;
    let after = |slope: f64| (end, level + slope * (end - last) / 3_600.0);
    Some([(last, level), after(low), after(high), after(slope)])
}

// === impl Picture ===

impl Picture {
    /// Of a trace: moments in seconds, ascending, as many values, and what was found in them.
    #[must_use]
    pub fn of(times: &[f64], values: &[f64], finding: &Finding) -> Self {
        let size = times.len().div_ceil(COLUMNS).max(1);
        let column = |(times, values): (&[f64], &[f64])| {
            let low = values.iter().copied().fold(f64::MAX, f64::min);
            let high = values.iter().copied().fold(f64::MIN, f64::max);
            [(times[0] * 1_000.0).round() / 1_000.0, low, high]
        };
        let columns = times.chunks(size).zip(values.chunks(size)).map(column).collect();
        Self { columns, course: finding.course.clone() }
    }
}

// === impl Leads ===

impl Leads {
    /// `None` without a leak.
    #[must_use]
    pub fn of(finding: &Finding) -> Option<Self> {
        let (level, slope, [low, high]) = (finding.level?, finding.slope_per_hour?, finding.slope_ci?);
        (finding.verdict == Verdict::Leak).then_some(Self { level, per_hour: [slope, low, high] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_is_drawn_with_its_onset_and_its_limit() {
        let times: Vec<f64> = (0..7_200).map(f64::from).collect();
        let noise = |at: f64| (at * 0.618_033_988_75).fract();
        let values: Vec<f64> =
            times.iter().map(|at| 100.0 + noise(*at) + (at - 3_000.0).max(0.0) / 50.0).collect();
        let finding = shakedown_leaks::detect(&times, &values);
        assert_eq!(finding.verdict, Verdict::Leak);
        let plot = LeakPlot {
            title: "a\u{7}<b>.csv",
            unit: "bytes",
            picture: &Picture::of(&times, &values, &finding),
            onset: finding.onset_s,
            leads: Leads::of(&finding),
            limit: Some(250.0),
        };
        let svg = leak_plot(&plot).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("onset") && svg.contains("limit"), "{svg}");
        assert!(leak_png(&plot).unwrap().starts_with(b"\x89PNG"));
        assert!(svg.contains("a&lt;b&gt;.csv") && !svg.contains("NaN"), "{svg}");
    }
}
