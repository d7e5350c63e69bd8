//! Painting a figure: where each thing stands, in one set of units, for any canvas.

use std::collections::BTreeSet;

use super::axis::time_marks;
use super::figure::{FaultBand, Figure, HUES, Line, PanelPlot, Stroke};

/// What can be painted on.
pub trait Canvas {
    /// A filled rectangle.
    fn rect(&mut self, area: Area, ink: Ink);
    /// A line through points.
    fn line(&mut self, points: &[(f64, f64)], ink: Ink, stroke: Stroke);
    /// A filled shape.
    fn shape(&mut self, points: &[(f64, f64)], ink: Ink);
    /// One line of text; `at` is its baseline.
    fn text(&mut self, at: (f64, f64), text: &str, ink: Ink, anchor: Anchor);
}

/// What a stroke or a fill means; each canvas has its own colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Titles.
    Strong,
    /// Numbers and names.
    Text,
    /// Lines behind everything.
    Grid,
    /// Phases that are not chaos.
    Phase,
    /// The chaos phase.
    Chaos,
    /// Where nothing was measured.
    Gap,
    /// A target's exit.
    Exit,
    /// While a fault held, by hue.
    Held(usize),
    /// While it was still felt.
    Felt(usize),
    /// Its name and edges.
    Fault(usize),
    /// A series.
    Series(usize),
    /// What lies behind a series or fills it.
    Fill(usize),
    /// The smallest and largest values behind a series.
    Range(usize),
}

/// Where a text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

/// Where the parts of a figure stand.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Width of the whole.
    pub width: f64,
    /// Height of the whole.
    pub height: f64,
    /// The area that all panels share.
    pub plot: Area,
    /// The panels.
    pub panels: Vec<Area>,
    /// Seconds on the axis.
    pub seconds: f64,
    lanes: usize,
}

/// Width of a figure in its own units.
pub const WIDTH: f64 = 1_180.0;
/// Size of text.
pub const TEXT: f64 = 12.0;
/// Fault hues before they repeat.
pub const FAULT_HUES: usize = 4;

const LEFT: f64 = 78.0;
const RIGHT: f64 = 14.0;
const PHASE_STRIP: f64 = 20.0;
const LANE: f64 = 17.0;
const LANES_MAX: usize = 4;
/// Up to so many faults are told apart by edges and names.
const FEW_FAULTS: usize = 24;
/// Above each panel: its title and legend.
const HEAD: f64 = 30.0;
const FOOT: f64 = 28.0;
/// How wide a letter is on average, as a part of its size.
const LETTER: f64 = 0.6;

// === impl Layout ===

impl Layout {
    /// Of a figure.
    #[must_use]
    pub fn of(figure: &Figure) -> Self {
        let lanes = lanes(figure).iter().flatten().max().map_or(0, |lane| lane + 1);
        let top = PHASE_STRIP + 4.0 + lanes as f64 * LANE;
        let mut y = top;
        let mut panels = Vec::new();
        for panel in &figure.panels {
            y += HEAD;
            panels.push(Area { x: LEFT, y, w: WIDTH - LEFT - RIGHT, h: panel.height });
            y += panel.height;
        }
        let plot = Area { x: LEFT, y: top, w: WIDTH - LEFT - RIGHT, h: y - top };
        Self { width: WIDTH, height: y + FOOT, plot, panels, seconds: figure.seconds, lanes }
    }

    /// Where a moment lies.
    #[must_use]
    pub fn x(&self, at: f64) -> f64 {
        let share = (at / self.seconds).clamp(0.0, 1.0);
        self.plot.x + self.plot.w * if share.is_finite() { share } else { 0.0 }
    }
}

/// Paints all of a figure.
pub fn paint(figure: &Figure, canvas: &mut impl Canvas) {
    let layout = Layout::of(figure);
    phases(figure, &layout, canvas);
    fault_bands(figure, &layout, canvas);
    times(&layout, canvas);
    for (panel, area) in figure.panels.iter().zip(&layout.panels) {
        grid(panel, area, canvas);
    }
    gaps(figure, &layout, canvas);
    exits(figure, &layout, canvas);
    for (panel, area) in figure.panels.iter().zip(&layout.panels) {
        heading(panel, area, canvas);
        series(panel, area, &layout, canvas);
    }
    fault_names(figure, &layout, canvas);
}

fn phases(figure: &Figure, layout: &Layout, canvas: &mut impl Canvas) {
    for phase in &figure.phases {
        let (from, to) = (layout.x(phase.from), layout.x(phase.to));
        let ink = if phase.name == "chaos" { Ink::Chaos } else { Ink::Phase };
        canvas.rect(Area { x: from, y: 0.0, w: (to - from - 1.0).max(0.5), h: PHASE_STRIP - 2.0 }, ink);
        if to - from > wide(&phase.name) {
            canvas.text(((from + to) / 2.0, 13.0), &phase.name, Ink::Text, Anchor::Middle);
        }
        if phase.from > 0.0 {
            canvas.line(
                &[(from, PHASE_STRIP), (from, layout.plot.y + layout.plot.h)],
                Ink::Grid,
                Stroke::Dashed,
            );
        }
    }
}

fn fault_bands(figure: &Figure, layout: &Layout, canvas: &mut impl Canvas) {
    for (band, lane) in figure.faults.iter().zip(lanes(figure)) {
        let hue = band.hue % FAULT_HUES;
        let y = lane.map_or(layout.plot.y, |lane| lane_y(lane) - LANE + 5.0);
        let h = layout.plot.y + layout.plot.h - y;
        let (from, to, felt) = (layout.x(band.held.from), layout.x(band.held.to), layout.x(band.felt_to));
        if felt - to > 0.5 {
            canvas.rect(Area { x: to, y, w: felt - to, h }, Ink::Felt(hue));
        }
        canvas.rect(Area { x: from, y, w: (to - from).max(1.5), h }, Ink::Held(hue));
        // Many edges would be a fence in front of the series; then only the named ones have one, and a short one.
        let edge = if figure.faults.len() <= FEW_FAULTS { h } else { layout.plot.y - y };
        if lane.is_some() || figure.faults.len() <= FEW_FAULTS {
            canvas.line(&[(from, y), (from, y + edge)], Ink::Fault(hue), Stroke::Thin);
        }
    }
}

fn fault_names(figure: &Figure, layout: &Layout, canvas: &mut impl Canvas) {
    for (band, lane) in figure.faults.iter().zip(lanes(figure)) {
        let Some(lane) = lane.filter(|lane| *lane < layout.lanes) else { continue };
        let x = layout.x(band.held.from);
        let room = WIDTH - x;
        let at = if room < wide(&band.held.name) {
            (WIDTH - RIGHT, Anchor::End)
        } else {
            (x + 5.0, Anchor::Start)
        };
        canvas.text(
            (at.0, lane_y(lane)),
            &shortened(&band.held.name),
            Ink::Fault(band.hue % FAULT_HUES),
            at.1,
        );
    }
}

/// The line of each fault's name, so that no two names overlap; `None`: there is no room for it, or there are so many
/// faults that a name stands only at its first injection.
fn lanes(figure: &Figure) -> Vec<Option<usize>> {
    let mut free_from = [0.0f64; LANES_MAX];
    let many = figure.faults.len() > FEW_FAULTS;
    let mut named = BTreeSet::new();
    let per_second = (WIDTH - LEFT - RIGHT) / figure.seconds;
    let place = |band: &FaultBand| {
        if !named.insert(band.hue) && many {
            return None;
        }
        let from = LEFT + band.held.from * per_second;
        let lane = free_from.iter().position(|free| *free <= from)?;
        free_from[lane] = from + wide(&shortened(&band.held.name));
        Some(lane)
    };
    figure.faults.iter().map(place).collect()
}

fn lane_y(lane: usize) -> f64 {
    PHASE_STRIP + 12.0 + lane as f64 * LANE
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= 28 { name.into() } else { name.chars().take(27).chain(['…']).collect() }
}

fn wide(text: &str) -> f64 {
    text.chars().count() as f64 * TEXT * LETTER + 12.0
}

fn times(layout: &Layout, canvas: &mut impl Canvas) {
    let bottom = layout.plot.y + layout.plot.h;
    for (at, text) in time_marks(layout.seconds) {
        let x = layout.x(at);
        for area in &layout.panels {
            canvas.line(&[(x, area.y), (x, area.y + area.h)], Ink::Grid, Stroke::Thin);
        }
        // The last one would hang over the edge.
        let hangs = x + wide(&text) / 2.0 > WIDTH;
        let (x, anchor) = if hangs { (WIDTH, Anchor::End) } else { (x, Anchor::Middle) };
        canvas.text((x, bottom + 17.0), &text, Ink::Text, anchor);
    }
}

fn grid(panel: &PanelPlot, area: &Area, canvas: &mut impl Canvas) {
    for (value, text) in &panel.axis.marks {
        let y = area.y + area.h * (1.0 - panel.axis.share(*value));
        canvas.line(&[(area.x, y), (area.x + area.w, y)], Ink::Grid, Stroke::Thin);
        canvas.text((area.x - 8.0, y + 4.0), text, Ink::Text, Anchor::End);
    }
}

/// Slanted lines where nothing was measured.
fn gaps(figure: &Figure, layout: &Layout, canvas: &mut impl Canvas) {
    const SPACING: f64 = 9.0;
    for (from, to) in &figure.gaps {
        let (from, to) = (layout.x(*from), layout.x(*to).max(layout.x(*from) + 1.0));
        for area in &layout.panels {
            let mut offset = SPACING;
            while offset < to - from + area.h {
                // From the left or lower edge up to the upper or right edge, at 45 degrees.
                let start = if offset <= area.h {
                    (from, area.y + offset)
                } else {
                    (from + offset - area.h, area.y + area.h)
                };
                let reach = to - from;
                let end =
                    if offset <= reach { (from + offset, area.y) } else { (to, area.y + offset - reach) };
                canvas.line(&[start, end], Ink::Gap, Stroke::Thin);
                offset += SPACING;
            }
        }
    }
    if let Some((from, to)) = figure.gaps.iter().max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))
        && let Some(area) =
            layout.panels.first().filter(|_| layout.x(*to) - layout.x(*from) > wide("nothing measured"))
    {
        let middle = (layout.x(*from) + layout.x(*to)) / 2.0;
        canvas.text((middle, area.y + area.h / 2.0), "nothing measured", Ink::Strong, Anchor::Middle);
    }
}

fn exits(figure: &Figure, layout: &Layout, canvas: &mut impl Canvas) {
    let bottom = layout.plot.y + layout.plot.h;
    for (at, _) in &figure.exits {
        let x = layout.x(*at);
        canvas.shape(&[(x - 5.0, bottom + 7.0), (x + 5.0, bottom + 7.0), (x, bottom - 1.0)], Ink::Exit);
    }
}

fn heading(panel: &PanelPlot, area: &Area, canvas: &mut impl Canvas) {
    let y = area.y - 9.0;
    canvas.text((area.x, y), panel.title, Ink::Strong, Anchor::Start);
    let mut x = area.x + wide(panel.title) + 10.0;
    for line in &panel.lines {
        let label = shortened(&line.label);
        if x + 22.0 + wide(&label) > area.x + area.w {
            canvas.text((x, y), "…", Ink::Text, Anchor::Start);
            return;
        }
        if panel.stacked {
            canvas.rect(Area { x, y: y - 9.0, w: 14.0, h: 9.0 }, Ink::Fill(line.hue));
        } else {
            canvas.line(&[(x, y - 4.0), (x + 16.0, y - 4.0)], Ink::Series(line.hue), line.stroke);
        }
        canvas.text((x + 21.0, y), &label, Ink::Text, Anchor::Start);
        x += 27.0 + wide(&label);
    }
}

fn series(panel: &PanelPlot, area: &Area, layout: &Layout, canvas: &mut impl Canvas) {
    if panel.lines.iter().all(|line| line.at.is_empty()) {
        canvas.text((area.x + 10.0, area.y + area.h / 2.0 + 4.0), panel.empty, Ink::Text, Anchor::Start);
        return;
    }
    if panel.stacked {
        stack(panel, area, layout, canvas);
        return;
    }
    for line in &panel.lines {
        for piece in &line.pieces {
            range(panel, line, piece.clone(), area, layout, canvas);
        }
    }
    // What is background is painted first, what to look at last.
    for stroke in [Stroke::Dashed, Stroke::Thin, Stroke::Full] {
        for line in panel.lines.iter().filter(|line| line.stroke == stroke) {
            for piece in &line.pieces {
                let points = piece
                    .clone()
                    .map(|index| (layout.x(line.at[index]), height(panel, area, line.value[index])));
                let points = reduced(&points.collect::<Vec<_>>());
                canvas.line(&dotted(points), Ink::Series(line.hue), line.stroke);
            }
        }
    }
}

fn height(panel: &PanelPlot, area: &Area, value: f64) -> f64 {
    area.y + area.h * (1.0 - panel.axis.share(value))
}

/// A single point is a short line, or nobody would see it.
fn dotted(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    match points[..] {
        [(x, y)] => vec![(x - 1.0, y), (x + 1.0, y)],
        _ => points,
    }
}

fn range(
    panel: &PanelPlot,
    line: &Line,
    piece: std::ops::Range<usize>,
    area: &Area,
    layout: &Layout,
    canvas: &mut impl Canvas,
) {
    if line.range.is_empty() || piece.len() < 2 {
        return;
    }
    let point = |index: usize, value: f64| (layout.x(line.at[index]), height(panel, area, value));
    let high = piece.clone().map(|index| point(index, line.range[index].1));
    let low = piece.rev().map(|index| point(index, line.range[index].0));
    canvas.shape(&high.chain(low).collect::<Vec<_>>(), Ink::Range(line.hue));
}

/// Areas on one another, as steps: an error count holds for its second and says nothing of the next.
fn stack(panel: &PanelPlot, area: &Area, layout: &Layout, canvas: &mut impl Canvas) {
    let Some(first) = panel.lines.first() else { return };
    let mut base = vec![0.0f64; first.at.len()];
    for line in &panel.lines {
        for piece in &line.pieces {
            for run in runs(line, piece.clone()) {
                step_area(panel, line, run, &base, area, layout, canvas);
            }
        }
        base.iter_mut().zip(&line.value).for_each(|(base, value)| *base += value);
    }
}

/// The stretches of a piece in which there is something to fill.
fn runs(line: &Line, piece: std::ops::Range<usize>) -> Vec<std::ops::Range<usize>> {
    let indices: Vec<usize> = piece.filter(|index| line.value[*index] > 0.0).collect();
    let runs = indices.chunk_by(|a, b| a + 1 == *b);
    runs.map(|run| run[0]..run[run.len() - 1] + 1).collect()
}

fn step_area(
    panel: &PanelPlot,
    line: &Line,
    run: std::ops::Range<usize>,
    base: &[f64],
    area: &Area,
    layout: &Layout,
    canvas: &mut impl Canvas,
) {
    // In a long run a bucket is narrower than what the eye can see.
    let visible = layout.seconds / layout.plot.w;
    let half = (usual_distance(&line.at) / 2.0).max(visible * 0.75);
    let edges = |index: usize| [layout.x(line.at[index] - half), layout.x(line.at[index] + half)];
    let top = |index: usize| height(panel, area, base[index] + line.value[index]);
    let bottom = |index: usize| height(panel, area, base[index]);
    let over = run.clone().flat_map(|index| edges(index).map(|x| (x, top(index))));
    let under = run.rev().flat_map(|index| {
        let [left, right] = edges(index);
        [right, left].map(|x| (x, bottom(index)))
    });
    canvas.shape(&over.chain(under).collect::<Vec<_>>(), Ink::Fill(line.hue));
}

fn usual_distance(at: &[f64]) -> f64 {
    let least =
        at.windows(2).map(|pair| pair[1] - pair[0]).filter(|distance| *distance > 0.0).reduce(f64::min);
    least.unwrap_or(1.0)
}

/// First, lowest, highest and last point of each unit of width: what the eye can see, and no more.
fn reduced(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() as f64 <= WIDTH {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends =
            [column.first(), column.iter().min_by(by_height), column.iter().max_by(by_height), column.last()];
        for point in ends.into_iter().flatten() {
            if kept.last() != Some(point) {
                kept.push(*point);
            }
        }
    }
    kept.sort_by(|a, b| a.0.total_cmp(&b.0));
    kept
}

/// The colours of a hue, for canvases that know no style sheet.
#[must_use]
pub const fn rgb(hue: usize) -> (u8, u8, u8) {
    const PALETTE: [(u8, u8, u8); HUES + 1] = [
        (37, 99, 235),
        (217, 119, 6),
        (5, 150, 105),
        (220, 38, 38),
        (14, 165, 233),
        (124, 58, 237),
        (190, 24, 93),
        (101, 113, 30),
        (107, 114, 128),
    ];
    PALETTE[if hue > HUES { HUES } else { hue }]
}

/// The colours of a fault's hue.
#[must_use]
pub const fn fault_rgb(hue: usize) -> (u8, u8, u8) {
    const PALETTE: [(u8, u8, u8); FAULT_HUES] = [(180, 83, 9), (109, 40, 217), (15, 118, 110), (190, 24, 93)];
    PALETTE[hue % FAULT_HUES]
}
