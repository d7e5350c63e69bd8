//! The plot of a leak finding: what was measured, the fitted course, when it set in, and where it leads, with its
//! interval, up to the limit if there is one.

use plotters::backend::SVGBackend;
use plotters::prelude::{
    Color as _, IntoDrawingArea as _, IntoFont as _, PathElement, Polygon, RGBColor, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use shakedown_leaks::{Finding, Verdict};

use crate::show;

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct LeakPlot<'a> {
    /// Its title; control characters are left out.
    pub title: &'a str,
    /// Unit of the values, as it is told.
    pub unit: &'a str,
    /// Moments in seconds.
    pub times: &'a [f64],
    /// Values.
    pub values: &'a [f64],
    /// What was found in them.
    pub finding: &'a Finding,
    /// What must not be reached.
    pub limit: Option<f64>,
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
const COLUMNS: usize = 800;

/// The ranges that are shown.
struct Frame {
    time: (f64, f64),
    value: (f64, f64),
}

// === impl Frame ===

impl Frame {
    fn new(plot: &LeakPlot<'_>) -> Self {
        let (first, last) =
            (plot.times.first().copied().unwrap_or(0.0), plot.times.last().copied().unwrap_or(1.0));
        let length = (last - first).max(1e-9);
        // A forecast is shown for as long again at the most: further out, nobody should trust a picture.
        let ahead =
            plot.limit.and_then(|limit| plot.finding.hours_to(limit)).map_or(0.0, |hours| hours[0] * 3_600.0);
        let ahead =
            if plot.finding.verdict == Verdict::Leak { ahead.clamp(0.1 * length, length) } else { 0.0 };
        let low = plot.values.iter().copied().fold(f64::MAX, f64::min);
        let mut high = plot.values.iter().copied().fold(f64::MIN, f64::max);
        if let (Verdict::Leak, Some(level), Some([_, steep])) =
            (plot.finding.verdict, plot.finding.level, plot.finding.slope_ci)
        {
            high = high.max((level + steep * ahead / 3_600.0).min(high + 2.0 * (high - low)));
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
    draw(plot, &mut out).map_err(|error| format!("cannot draw the plot: {error}"))?;
    Ok(out)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(plot: &LeakPlot<'_>, out: &mut String) -> Drawn {
    let root = SVGBackend::with_string(out, SIZE).into_drawing_area();
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
    path(plot.finding.course.iter().map(|(time, value)| frame.at(*time, *value)).collect(), COURSE, 2)?;
    if let Some(onset) = plot.finding.onset_s.filter(|onset| *onset > frame.time.0) {
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

/// Smallest and largest of what falls into each column, in pieces without gaps.
fn raw(plot: &LeakPlot<'_>) -> Vec<Vec<(f64, f64)>> {
    let size = plot.times.len().div_ceil(COLUMNS).max(1);
    let length = plot.times.last().zip(plot.times.first()).map_or(0.0, |(last, first)| last - first);
    let mut pieces: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for (times, values) in plot.times.chunks(size).zip(plot.values.chunks(size)) {
        let time = times[0];
        let low = values.iter().copied().fold(f64::MAX, f64::min);
        let high = values.iter().copied().fold(f64::MIN, f64::max);
        let last = pieces.last().and_then(|piece| piece.last()).map(|point| point.0);
        if last.is_some_and(|last| time - last > 0.05 * length) {
            pieces.push(Vec::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.extend([(time, low), (time, high)]);
        }
    }
    pieces
}

/// Where it leads: from the last level, the slowest way, the fastest, and the likely one at the end.
fn cone(plot: &LeakPlot<'_>, frame: &Frame) -> Option<[(f64, f64); 4]> {
    let finding = plot.finding;
    let (level, slope, [low, high]) = (finding.level?, finding.slope_per_hour?, finding.slope_ci?);
    let last = plot.times.last().copied()?;
    let end = frame.time.1;
    let after = |slope: f64| (end, level + slope * (end - last) / 3_600.0);
    (finding.verdict == Verdict::Leak).then(|| [(last, level), after(low), after(high), after(slope)])
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
            times: &times,
            values: &values,
            finding: &finding,
            limit: Some(250.0),
        };
        let svg = leak_plot(&plot).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("onset") && svg.contains("limit"), "{svg}");
        assert!(svg.contains("a&lt;b&gt;.csv") && !svg.contains("NaN"), "{svg}");
    }
}
