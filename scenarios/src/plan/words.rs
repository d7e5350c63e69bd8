//! A plan in words: what each fault does, and the table that `shakedown plan` prints.

use serde_json::Value;

use crate::experiment::Phase;
use crate::fault::{Act, GroupWay, Groups, Scope};
use crate::plan::{Cue, Plan};
use crate::problem::escaped;
use crate::protocol::Protocol;
use crate::target::{Amount, Way};
use crate::units::Span;
use crate::words;

// === impl Act ===

impl Act {
    /// What it does, in words: `100ms ± 20ms latency on link shop-db, downstream`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Toxic { link, toxic, aim } if toxic.has_ways() || !aim.is_all() => {
                format!("{} on link {link}, {}", toxic.describe(), aim.describe())
            }
            Self::Toxic { link, toxic, .. } => format!("{} on link {link}", toxic.describe()),
            Self::Split { between, way } => {
                let word = match way {
                    GroupWay::Both => "both ways",
                    GroupWay::FirstToSecond => "first to second",
                    GroupWay::SecondToFirst => "second to first",
                };
                format!("partition between {}, {word}", between.describe())
            }
            Self::Protocol { link, protocol, fault } => {
                format!("{} {} on link {link}", protocol.name(), in_words(*protocol, fault))
            }
            Self::Kill { target } => format!("SIGKILL to target {target}"),
            Self::Stop { target } => format!("target {target} stopped (SIGSTOP)"),
            Self::Restart { target } => format!("target {target} restarted (SIGTERM)"),
            Self::CpuPressure { workers: 1, load } => format!("1 core of the host {load} busy"),
            Self::CpuPressure { workers, load } => format!("{workers} cores of the host {load} busy"),
            Self::MemoryPressure { amount, ramp } => {
                format!("{} of the host's memory taken within {ramp}", amount.word())
            }
        }
    }
}

/// A protocol's fault as an experiment writes it, with its act first.
fn in_words(protocol: Protocol, fault: &Value) -> String {
    if protocol.details().is_empty() {
        return words::shown(fault, true);
    }
    let act = fault.get("act").map_or(String::new(), |act| words::shown(act, true));
    let details = protocol.details().iter().filter_map(|name| {
        let value = fault.get(name).filter(|value| !value.is_null())?;
        Some(format!(", {name}: {}", words::shown(value, *name == "qtype")))
    });
    act + &details.collect::<String>()
}

impl Way {
    /// Whether there is a way that both mean.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        !matches!((self, other), (Self::Upstream, Self::Downstream) | (Self::Downstream, Self::Upstream))
    }

    /// The words for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
            Self::Both => "both ways",
        }
    }
}

impl Groups {
    /// For people: `a, b and c`.
    fn describe(&self) -> String {
        format!("{} and {}", self.first.join(", "), self.second.join(", "))
    }
}

impl Amount {
    fn word(&self) -> String {
        match self {
            Self::Size(size) => size.to_string(),
            Self::Share(share) => format!("{share} of what is available"),
        }
    }
}

impl Scope<'_> {
    /// For people: `link shop-db`, `target shop`, `host`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Link(name) => format!("link {name}"),
            Self::Target(name) => format!("target {name}"),
            Self::Groups(groups) => format!("links between {}", groups.describe()),
            Self::Host => "host".to_owned(),
        }
    }
}

/// One line of the timeline.
struct Row {
    from: Span,
    /// Phases come before the cues that start with them.
    order: u32,
    until: String,
    name: String,
    what: String,
}

/// The whole table.
pub(super) fn timeline(plan: &Plan) -> String {
    let mut rows: Vec<Row> = Phase::ALL.iter().filter_map(|phase| phase_row(plan, *phase)).collect();
    rows.extend(plan.cues.iter().filter_map(|cue| cue_row(plan, cue)));
    rows.sort_by_key(|row| (row.from, row.order));
    let mut out = heading(plan);
    out.push_str(&table(&rows));
    out.push_str(&workloads(plan));
    out.push_str(&totals(plan));
    out
}

fn heading(plan: &Plan) -> String {
    let experiment = &plan.experiment;
    let mut out = format!("{}, seed {}", escaped(&experiment.name), plan.seed);
    if plan.rehearse != 1.0 {
        out.push_str(&format!(", rehearsal: durations divided by {}", plan.rehearse));
    }
    out.push('\n');
    for line in experiment.about.lines() {
        out.push_str(&escaped(line));
        out.push('\n');
    }
    out.push('\n');
    out
}

fn phase_row(plan: &Plan, phase: Phase) -> Option<Row> {
    let (from, to) = plan.experiment.phases.bounds(phase);
    let what = match phase {
        Phase::Warmup => "load, not judged",
        Phase::Baseline => "load without faults",
        Phase::Chaos => "load with the faults below",
        Phase::Recovery => "load without faults",
    };
    let row =
        Row { from, order: 0, until: clock(to), name: format!("[{}]", phase.word()), what: what.to_owned() };
    (from < to).then_some(row)
}

fn cue_row(plan: &Plan, cue: &Cue) -> Option<Row> {
    let fault = plan.experiment.faults.get(cue.fault)?;
    let until = if fault.act.is_instant() { "at once".to_owned() } else { clock(cue.to) };
    let what = escaped(&fault.act.describe());
    Some(Row { from: cue.from, order: cue.id + 1, until, name: format!("  {}", escaped(&fault.name)), what })
}

fn table(rows: &[Row]) -> String {
    let width = |texts: &mut dyn Iterator<Item = usize>, least: usize| texts.max().unwrap_or(0).max(least);
    let from = width(&mut rows.iter().map(|row| clock(row.from).chars().count()), 4);
    let until = width(&mut rows.iter().map(|row| row.until.chars().count()), 5);
    let name = width(&mut rows.iter().map(|row| row.name.chars().count()), 4);
    let mut out = format!("{:>from$}  {:>until$}  {:name$}  what\n", "from", "until", "name");
    for row in rows {
        let line =
            format!("{:>from$}  {:>until$}  {:name$}  {}", clock(row.from), row.until, row.name, row.what);
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// One line for each workload, and below it what is to be known besides.
fn workloads(plan: &Plan) -> String {
    let workloads = &plan.experiment.workloads;
    let names = || workloads.keys().map(|name| escaped(name));
    let width = names().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut out = if workloads.is_empty() { String::new() } else { "\nload\n".to_owned() };
    for (name, workload) in names().zip(workloads.values()) {
        out.push_str(&format!("  {name:width$}  {}\n", escaped(&workload.describe())));
        for line in workload.outline(plan.experiment.phases.total()) {
            out.push_str(&format!("  {:width$}    {}\n", "", escaped(&line)));
        }
    }
    out
}

fn totals(plan: &Plan) -> String {
    let scope = plan.scope();
    let touched = if scope.touched.is_empty() { "nothing".to_owned() } else { scope.touched.join(", ") };
    let mut out = format!("\ninjections    {}\n", plan.cues.len());
    out.push_str(&format!("fault time    {} in a run of {}\n", seconds(scope.fault_time), scope.total));
    out.push_str(&format!("most at once  {}\n", scope.most_at_once));
    out.push_str(&format!("touched       {}\n", escaped(&touched)));
    if scope.most_cpu.value() > 0.0 {
        out.push_str(&format!("CPU pressure  up to {:.2} cores\n", scope.most_cpu.value()));
    }
    out
}

/// Fault-seconds: the sum over injections is not a stretch of time, so it is told in seconds whatever its size.
fn seconds(span: Span) -> String {
    format!("{:.1} fault-seconds", span.as_secs_f64())
}

/// A moment of the run: `1:02:03.500`, `2:03.500`, always with milliseconds, so that the table's columns line up.
fn clock(moment: Span) -> String {
    // Rounded to the nearest millisecond.
    let millis = (moment.as_nanos() + 500_000) / 1_000_000;
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}.{millis:03}")
    } else {
        format!("{minutes}:{seconds:02}.{millis:03}")
    }
}
