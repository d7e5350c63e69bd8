//! The timeline as a figure: which series stand in which panel, and what is marked on all of them. Knows numbers and
//! words, no pixels and no colours.

use std::collections::BTreeMap;

use super::axis::Axis;
use super::clean::clean;
use crate::analysis::series::{Panel, Series};
use crate::analysis::{Analysis, FaultFinding, Recovery};
use crate::journal::HARNESS;
use crate::show::Unit;

/// All panels over one axis of time.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Length of the axis in seconds.
    pub seconds: f64,
    /// The panels from top to bottom.
    pub panels: Vec<PanelPlot>,
    /// Phases that began, with their names.
    pub phases: Vec<Stretch>,
    /// Faults that were injected.
    pub faults: Vec<FaultBand>,
    /// Where nothing was measured.
    pub gaps: Vec<(f64, f64)>,
    /// Exits of targets: moment and name.
    pub exits: Vec<(f64, String)>,
}

/// A named stretch of time.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// Start in seconds.
    pub from: f64,
    /// End in seconds.
    pub to: f64,
    /// Its name.
    pub name: String,
}

/// A fault on the timeline.
#[derive(Clone, Debug)]
pub struct FaultBand {
    /// From its injection to its heal.
    pub held: Stretch,
    /// Until when it was felt; the same as its end where it was not.
    pub felt_to: f64,
    /// Faults of one name share a hue.
    pub hue: usize,
}

/// One panel.
#[derive(Clone, Debug)]
pub struct PanelPlot {
    /// Short name for files: `latency`.
    pub key: &'static str,
    /// Title.
    pub title: &'static str,
    /// Of the values.
    pub unit: Unit,
    /// The vertical axis.
    pub axis: Axis,
    /// Height in units of the figure.
    pub height: f64,
    /// Lines, or areas that stand on one another.
    pub lines: Vec<Line>,
    /// Whether the lines are areas that stand on one another.
    pub stacked: bool,
    /// What an empty panel says.
    pub empty: &'static str,
}

/// One line of a panel.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name in the legend.
    pub label: String,
    /// Which of the palette's colours.
    pub hue: usize,
    /// How it is drawn.
    pub stroke: Stroke,
    /// Moments in seconds.
    pub at: Vec<f64>,
    /// Values.
    pub value: Vec<f64>,
    /// Smallest and largest values behind each; empty: there is one value each.
    pub range: Vec<(f64, f64)>,
    /// The unbroken parts.
    pub pieces: Vec<std::ops::Range<usize>>,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// The ones to look at.
    Full,
    /// Beside them.
    Thin,
    /// For what was asked or is background.
    Dashed,
}

/// Colours that the eye tells apart; more lines than these repeat them.
pub const HUES: usize = 8;
/// The hue of what is background: the harness, the host, what was asked for.
pub const GREY: usize = HUES;
/// Lines in one panel; more would hide one another. The others stand in `summary.json`.
const LINES_MAX: usize = 9;

// === impl Figure ===

impl Figure {
    /// The figure of a run.
    #[must_use]
    pub fn of(analysis: &Analysis) -> Self {
        let pick = Pick { series: &analysis.timeline.series };
        let mut panels =
            vec![pick.load(), pick.latency(), pick.errors(), pick.memory(), pick.handles(), pick.cpu()];
        panels.extend(pick.exported());
        let seconds = analysis.timeline.seconds;
        let seconds = if seconds.is_finite() { seconds.max(1.0) } else { 1.0 };
        Self {
            seconds,
            panels,
            phases: phases(analysis),
            faults: bands(&analysis.faults, analysis.run.observed),
            gaps: analysis.timeline.gaps.clone(),
            exits: exits(analysis),
        }
    }
}

impl Figure {
    /// The same with one panel, taller.
    #[must_use]
    pub fn only(&self, panel: &PanelPlot) -> Self {
        let panel = PanelPlot { height: 240.0, ..panel.clone() };
        Self { panels: vec![panel], ..self.clone() }
    }
}

fn phases(analysis: &Analysis) -> Vec<Stretch> {
    let begun = analysis.phases.iter().filter_map(|phase| {
        let (from, to) = (phase.from?.max(0.0), phase.to?);
        (to > from).then(|| Stretch { from, to, name: phase.phase.word().into() })
    });
    begun.collect()
}

fn bands(faults: &[FaultFinding], observed: f64) -> Vec<FaultBand> {
    let mut hues: BTreeMap<&str, usize> = BTreeMap::new();
    let mut bands = Vec::new();
    for fault in faults {
        let next = hues.len();
        let hue = *hues.entry(&fault.name).or_insert(next);
        let Some(from) = fault.injected else { continue };
        let to = if fault.instant { from } else { fault.healed.unwrap_or(observed).max(from) };
        let felt_to = match fault.recovery {
            Recovery::After(after) | Recovery::AtLeast(after, _) => to + after,
            _ => to,
        };
        bands.push(FaultBand { held: Stretch { from, to, name: clean(&fault.name).into() }, felt_to, hue });
    }
    bands
}

fn exits(analysis: &Analysis) -> Vec<(f64, String)> {
    let exits = analysis.targets.iter().flat_map(|target| {
        target
            .restarts
            .iter()
            .map(|exit| (exit.exited, format!("{} ended: {}", clean(&target.name), clean(&exit.status))))
    });
    exits.collect()
}

/// Picks series for panels.
struct Pick<'a> {
    series: &'a [Series],
}

impl Pick<'_> {
    fn named<'b>(&'b self, panel: Panel, name: &'b str) -> impl Iterator<Item = &'b Series> {
        self.series.iter().filter(move |series| series.panel == panel && series.name == name)
    }

    fn load(&self) -> PanelPlot {
        let mut lines = Vec::new();
        let many = self.named(Panel::Load, "due").count() > 1;
        for (hue, due) in self.named(Panel::Load, "due").enumerate() {
            let of = if many { format!("{} ", clean(&due.subject)) } else { String::new() };
            lines.push(line(due, format!("{of}offered"), GREY, Stroke::Dashed));
            let ok = self.named(Panel::Load, "ok").find(|ok| ok.subject == due.subject);
            lines.extend(ok.map(|ok| line(ok, format!("{of}right answers"), hue, Stroke::Full)));
        }
        panel("load", "Load", Unit::PerSecond, 96.0, lines, "no load")
    }

    fn latency(&self) -> PanelPlot {
        let mut lines = Vec::new();
        let workloads = self.named(Panel::Latency, "p95").count();
        for (index, name) in ["p50", "p95", "p99"].into_iter().enumerate() {
            for (workload, series) in self.named(Panel::Latency, name).enumerate() {
                let (label, hue) = if workloads > 1 {
                    (format!("{} {name}", clean(&series.subject)), workload)
                } else {
                    (name.to_owned(), [4, 0, 3][index])
                };
                let stroke = [Stroke::Thin, Stroke::Full, Stroke::Thin][index];
                lines.push(line(series, label, hue, stroke));
            }
        }
        let mut plot = panel("latency", "Latency, from due", Unit::Micros, 140.0, lines, "no right answer");
        let values = || plot.lines.iter().flat_map(|line| line.value.iter().copied());
        let (low, high) = (values().reduce(f64::min), values().reduce(f64::max));
        plot.axis = Axis::logarithmic(low, high, Unit::Micros);
        plot
    }

    /// Errors of all workloads by class, on the moments of the load.
    fn errors(&self) -> PanelPlot {
        let mut classes: BTreeMap<&str, BTreeMap<u64, f64>> = BTreeMap::new();
        for series in self.series.iter().filter(|series| series.panel == Panel::Errors) {
            let class = classes.entry(&series.name).or_default();
            for (at, value) in series.at.iter().zip(&series.mean) {
                // Milliseconds: workloads of one run share their moments, and floats are no keys.
                *class.entry((at * 1_000.0) as u64).or_default() += f64::from(*value);
            }
        }
        let moments: std::collections::BTreeSet<u64> =
            classes.values().flat_map(|class| class.keys().copied()).collect();
        let at: Vec<f64> = moments.iter().map(|moment| *moment as f64 / 1_000.0).collect();
        let step =
            self.series.iter().find(|series| series.panel == Panel::Errors).map_or(1.0, |series| series.step);
        let pieces = pieces(&at, 2.5 * step);
        let stacked = classes.iter().take(LINES_MAX).enumerate().map(|(index, (class, values))| Line {
            label: clean(class).into(),
            hue: [3, 1, 5, 2, 6, 7, 0, 4][index % HUES],
            stroke: Stroke::Full,
            value: moments.iter().map(|moment| values.get(moment).copied().unwrap_or(0.0)).collect(),
            at: at.clone(),
            range: Vec::new(),
            pieces: pieces.clone(),
        });
        let mut plot = panel("errors", "Errors", Unit::PerSecond, 80.0, stacked.collect(), "no errors");
        let sums = (0..at.len()).map(|index| plot.lines.iter().map(|line| line.value[index]).sum::<f64>());
        plot.axis = Axis::linear(sums.reduce(f64::max), Unit::PerSecond);
        plot.stacked = true;
        plot
    }

    fn memory(&self) -> PanelPlot {
        let wanted = [("rss", "resident", Stroke::Full), ("anonymous", "anonymous", Stroke::Thin)];
        let mut lines = self.subjects(Panel::Memory, &wanted);
        lines.extend(self.harness(Panel::Memory, "rss", "harness"));
        panel("memory", "Memory", Unit::Bytes, 96.0, lines, "no samples")
    }

    fn handles(&self) -> PanelPlot {
        let wanted = [
            ("fds", "descriptors", Stroke::Full),
            ("sockets", "sockets", Stroke::Thin),
            ("threads", "threads", Stroke::Thin),
        ];
        panel(
            "handles",
            "Descriptors, threads",
            Unit::Count,
            96.0,
            self.subjects(Panel::Handles, &wanted),
            "no samples",
        )
    }

    fn cpu(&self) -> PanelPlot {
        let mut lines = self.subjects(Panel::Cpu, &[("cpu", "CPU", Stroke::Full)]);
        for line in &mut lines {
            line.label = line.label.replace(" CPU", "");
        }
        lines.extend(self.harness(Panel::Cpu, "cpu", "harness"));
        let host = self.named(Panel::Cpu, "cpu").find(|series| series.subject == "(host)");
        lines.extend(host.map(|series| line(series, "whole host".into(), GREY, Stroke::Dashed)));
        panel("cpu", "CPU", Unit::Cores, 84.0, lines, "no samples")
    }

    /// What targets export, a panel for each unit that there is.
    fn exported(&self) -> Vec<PanelPlot> {
        let of = |unit| self.series.iter().filter(move |it| it.panel == Panel::Exported && it.unit == unit);
        let panels = [
            ("exported-bytes", "Exported, bytes", Unit::Bytes),
            ("exported-counts", "Exported, counts", Unit::Count),
            ("exported-seconds", "Exported, seconds", Unit::Seconds),
        ];
        let plot = |(key, title, unit)| {
            let named = |(hue, series): (usize, &Series)| {
                let label = format!("{} {}", clean(&series.subject), clean(&series.name));
                line(series, label, hue, Stroke::Full)
            };
            let lines: Vec<Line> = of(unit).enumerate().map(named).collect();
            (!lines.is_empty()).then(|| panel(key, title, unit, 96.0, lines, ""))
        };
        panels.into_iter().filter_map(plot).collect()
    }

    /// The wanted series of all targets; one target needs no name, and its series get a hue each.
    fn subjects(&self, panel: Panel, wanted: &[(&str, &str, Stroke)]) -> Vec<Line> {
        let is_target = |series: &&Series| series.panel == panel && !series.subject.starts_with('(');
        let mut targets: Vec<&str> =
            self.series.iter().filter(is_target).map(|series| series.subject.as_str()).collect();
        targets.dedup();
        targets.sort_unstable();
        targets.dedup();
        let mut lines = Vec::new();
        for (name, label, stroke) in wanted {
            for series in self.named(panel, name).filter(|series| is_target(series)) {
                let target = targets.iter().position(|target| *target == series.subject).unwrap_or(0);
                let alone = targets.len() == 1 && wanted.len() > 1;
                let label =
                    if alone { (*label).to_owned() } else { format!("{} {label}", clean(&series.subject)) };
                let hue = if alone { [0, 2, 5][lines.len() % 3] } else { target };
                lines.push(line(series, label, hue, *stroke));
            }
        }
        lines
    }

    fn harness(&self, panel: Panel, name: &str, label: &str) -> Option<Line> {
        let series = self.named(panel, name).find(|series| series.subject == HARNESS)?;
        Some(line(series, label.into(), GREY, Stroke::Thin))
    }
}

fn panel(
    key: &'static str,
    title: &'static str,
    unit: Unit,
    height: f64,
    mut lines: Vec<Line>,
    empty: &'static str,
) -> PanelPlot {
    lines.truncate(LINES_MAX);
    let tops = lines.iter().flat_map(|line| {
        let ranges = line.range.iter().map(|(_, high)| *high);
        line.value.iter().copied().chain(ranges)
    });
    let axis = Axis::linear(tops.reduce(f64::max), unit);
    PanelPlot { key, title, unit, axis, height, lines, stacked: false, empty }
}

fn line(series: &Series, label: String, hue: usize, stroke: Stroke) -> Line {
    let pairs = series.min.iter().zip(&series.max).map(|(low, high)| (f64::from(*low), f64::from(*high)));
    Line {
        label,
        hue: if hue >= GREY { GREY } else { hue % HUES },
        stroke,
        at: series.at.clone(),
        value: series.mean.iter().map(|value| f64::from(*value)).collect(),
        range: pairs.collect(),
        pieces: series.pieces(),
    }
}

fn pieces(at: &[f64], limit: f64) -> Vec<std::ops::Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for index in 1..=at.len() {
        if index == at.len() || at[index] - at[index - 1] > limit {
            pieces.push(start..index);
            start = index;
        }
    }
    pieces
}
