//! What the pages say, as rows of finished, cleaned text; the templates only place it.

use serde::Serialize;
use shakedown_scenarios::plan::Plan;
use shakedown_scenarios::target::Target;

use super::clean::{clean, shell_word};
use crate::analysis::series::POINTS_MAX;
use crate::analysis::{Analysis, Ended, FaultFinding, Recovery, Verdict};
use crate::show;

mod faults;
mod findings;
mod gates;
mod loads;
mod targets;

use faults::{Chip, FaultRow, chips, fault};
use findings::{HistoryRow, LeakRow, ModelRow, history, leaks, models};
use gates::{GateRow, ProbeRow, gate, probe};
use loads::{LoadTable, load};
use targets::{ExportRow, TargetRow, export, target};

/// Everything that a page shows.
#[derive(Debug, Serialize)]
pub struct View {
    pub name: String,
    pub about: String,
    pub verdict: Badge,
    pub exit_code: u8,
    pub headline: String,
    pub reasons: Vec<ReasonRow>,
    pub rehearsal: Option<String>,
    pub facts: Vec<(String, String)>,
    pub again: String,
    pub gates: Vec<GateRow>,
    pub faults: Vec<FaultRow>,
    pub faults_left_out: usize,
    pub chips: Vec<Chip>,
    pub chips_left_out: usize,
    pub probes: Vec<ProbeRow>,
    pub leaks: Vec<LeakRow>,
    pub leak_plots: Vec<PlotRow>,
    pub models: Vec<ModelRow>,
    pub models_left_out: usize,
    pub histories: Vec<HistoryRow>,
    pub exports: Vec<ExportRow>,
    pub targets: Vec<TargetRow>,
    pub load: Vec<LoadTable>,
    pub health: Vec<HealthRow>,
    pub degraded: Vec<String>,
    pub losses: Vec<String>,
    pub events: Vec<EventRow>,
    pub events_left_out: u64,
}

/// A verdict as a class for the style sheet and a word for people.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Badge {
    pub class: &'static str,
    pub word: &'static str,
}

#[derive(Debug, Serialize)]
pub struct ReasonRow {
    pub badge: Badge,
    pub about: String,
    pub why: String,
    pub at: String,
}

/// A finding, drawn.
#[derive(Debug, Serialize)]
pub struct PlotRow {
    pub title: String,
    /// The picture itself.
    pub svg: String,
    /// Where it stands in the run folder.
    pub file: String,
}

#[derive(Debug, Serialize)]
pub struct HealthRow {
    pub badge: Badge,
    pub what: String,
    pub found: String,
    pub bound: String,
}

#[derive(Debug, Serialize)]
pub struct EventRow {
    pub at: String,
    pub sort: String,
    pub text: String,
}

/// Rows of a table on a page; the rest stands in `summary.json`.
const ROWS_MAX: usize = 200;
/// Faults at the top of a page: those that were not recovered from first.
const CHIPS_MAX: usize = 8;
const NOTHING: &str = "–";
const INFO: Badge = Badge { class: "info", word: "info" };

// === impl View ===

impl View {
    /// Of an analysis.
    #[must_use]
    pub fn of(plan: &Plan, analysis: &Analysis) -> Self {
        Self {
            name: cleaned(&analysis.run.name),
            about: cleaned(&analysis.run.about),
            verdict: badge(analysis.verdict),
            exit_code: analysis.exit_code(),
            headline: headline(analysis),
            reasons: reasons(analysis),
            rehearsal: rehearsal(analysis),
            facts: facts(plan, analysis),
            again: analysis
                .run
                .again
                .iter()
                .map(|word| shell_word(&cleaned(word)))
                .collect::<Vec<_>>()
                .join(" "),
            gates: analysis.gates.iter().map(gate).collect(),
            faults: analysis.faults.iter().take(ROWS_MAX).map(fault).collect(),
            chips: chips(analysis),
            chips_left_out: analysis.faults.len().saturating_sub(CHIPS_MAX),
            faults_left_out: analysis.faults.len().saturating_sub(ROWS_MAX),
            probes: analysis.hypothesis.iter().map(probe).collect(),
            leaks: leaks(analysis),
            leak_plots: Vec::new(),
            models: models(analysis),
            models_left_out: analysis.models.len().saturating_sub(ROWS_MAX),
            histories: analysis.consistency.iter().map(history).collect(),
            exports: analysis.exports.iter().map(export).collect(),
            targets: analysis.targets.iter().map(target).collect(),
            load: analysis.workloads.iter().map(|workload| load(plan, workload)).collect(),
            health: health(analysis),
            degraded: analysis.health.degraded.iter().map(|why| cleaned(why)).collect(),
            losses: analysis.losses.iter().map(|loss| cleaned(loss)).collect(),
            events: events(analysis),
            events_left_out: analysis.events.left_out,
        }
    }

    /// Adds the plots of leak findings.
    pub fn show_leaks(&mut self, drawn: &[super::LeakDrawn]) {
        let row = |leak: &super::LeakDrawn| plot_row(&leak.title, &leak.svg, &leak.name);
        self.leak_plots = drawn.iter().map(row).collect();
    }

    /// Adds the plots of histories that are not consistent, each by the number of its row.
    pub fn show_histories(&mut self, drawn: &[super::HistoryDrawn]) {
        for plot in drawn {
            if let Some(row) = self.histories.get_mut(plot.row) {
                row.plot = Some(plot_row(&plot.title, &plot.svg, &plot.name));
            }
        }
    }
}

fn plot_row(title: &str, svg: &str, name: &str) -> PlotRow {
    PlotRow { title: title.to_owned(), svg: svg.to_owned(), file: format!("{}/{name}.svg", super::PLOTS) }
}

fn cleaned(text: &str) -> String {
    clean(text).into_owned()
}

const fn badge(verdict: Verdict) -> Badge {
    match verdict {
        Verdict::Pass => Badge { class: "pass", word: "pass" },
        Verdict::Inconclusive => Badge { class: "open", word: "inconclusive" },
        Verdict::Fail => Badge { class: "fail", word: "fail" },
    }
}

/// One sentence: the worst reason, or what a pass stands on.
fn headline(analysis: &Analysis) -> String {
    match analysis.reasons.first() {
        Some(reason) => {
            let more = match analysis.reasons.len() - 1 {
                0 => String::new(),
                1 => " One more reason below.".into(),
                more => format!(" {more} more reasons below."),
            };
            // What is told of a thing goes on from its name; what is told of a claim stands behind a colon.
            let goes_on = ["run", "guard", "faults", "fault ", "probe ", "target "].iter().any(|start| {
                match start.strip_suffix(' ') {
                    Some(_) => reason.about.starts_with(start),
                    None => reason.about == *start,
                }
            });
            let colon = if goes_on { "" } else { ":" };
            format!("{}{colon} {}.{more}", sentence_start(&cleaned(&reason.about)), cleaned(&reason.why))
        }
        None => passed(analysis),
    }
}

fn passed(analysis: &Analysis) -> String {
    let mut parts = Vec::new();
    let many = |count: usize, one: &str, more: &str| {
        if count == 1 { format!("1 {one}") } else { format!("{count} {more}") }
    };
    if !analysis.gates.is_empty() {
        parts.push(format!("{} held", many(analysis.gates.len(), "gate", "gates")));
    }
    if !analysis.faults.is_empty() {
        parts.push(format!("{} bit and healed", many(analysis.faults.len(), "fault", "faults")));
    }
    let after = |fault: &FaultFinding| match fault.recovery {
        Recovery::After(seconds) => Some(seconds),
        _ => None,
    };
    if let Some(longest) = analysis.faults.iter().filter_map(after).reduce(f64::max) {
        parts.push(format!("the longest recovery took {}", show::seconds(longest)));
    }
    if !analysis.hypothesis.is_empty() {
        parts.push("the steady state held before and after".into());
    }
    if parts.is_empty() {
        "Nothing was asked of this run.".into()
    } else {
        format!("{}.", sentence_start(&parts.join(", ")))
    }
}

fn sentence_start(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

fn reasons(analysis: &Analysis) -> Vec<ReasonRow> {
    let row = |reason: &crate::analysis::Reason| ReasonRow {
        badge: badge(reason.verdict),
        about: cleaned(&reason.about),
        why: cleaned(&reason.why),
        at: reason.at.map_or_else(String::new, show::offset),
    };
    analysis.reasons.iter().take(ROWS_MAX).map(row).collect()
}

fn rehearsal(analysis: &Analysis) -> Option<String> {
    (analysis.run.rehearse != 1.0).then(|| {
        format!(
            "A rehearsal: durations were divided by {}. It shows that the experiment works; its verdict does not count for a release.",
            show::short(analysis.run.rehearse)
        )
    })
}

fn facts(plan: &Plan, analysis: &Analysis) -> Vec<(String, String)> {
    let run = &analysis.run;
    let ending = match &run.ending {
        Ended::Completed => "as planned".to_owned(),
        Ended::Guard(why) => format!("by the guard: {why}"),
        Ended::CertainLeak(found) => format!("early, since a leak is certain: {found}"),
        Ended::Aborted(why) => format!("given up: {why}"),
        Ended::Signal(signal) => format!("by signal {signal}"),
        Ended::Cut => "the journal stops without an end".to_owned(),
    };
    let host = format!(
        "{}, {}, {} cores, {}",
        run.host.name,
        run.host.system,
        run.host.cores,
        show::bytes(run.host.memory as f64)
    );
    let length = format!("{} of {} planned", show::offset(run.observed), show::offset(run.planned));
    let facts = [
        ("Run", run.id.clone()),
        ("Started", run.started_at.clone()),
        ("Length", length),
        ("Ended", ending),
        ("Seed", run.seed.clone()),
        ("Host", host),
        ("Version", run.version.clone()),
    ];
    let facts = facts.into_iter().map(|(name, fact)| (name.to_owned(), fact));
    let targets =
        plan.experiment.targets.iter().map(|(name, what)| (format!("Target {name}"), target_words(what)));
    let workloads =
        plan.experiment.workloads.iter().map(|(name, what)| (format!("Load {name}"), what.describe()));
    let all = facts.chain(targets.take(ROWS_MAX)).chain(workloads.take(ROWS_MAX));
    all.map(|(name, fact)| (cleaned(&name), cleaned(&fact))).collect()
}

/// Only the program of a process: its arguments may hold secrets.
fn target_words(target: &Target) -> String {
    match target {
        Target::Process(process) => format!("process {}", process.argv.first().map_or("", String::as_str)),
        Target::Pid(attached) => format!("attached to pid {}", attached.pid),
        Target::Address(address) => format!("at {}", address.address),
    }
}

fn health(analysis: &Analysis) -> Vec<HealthRow> {
    let row = |check: &crate::analysis::HealthCheck| HealthRow {
        badge: if check.bound.is_empty() { INFO } else { badge(check.verdict) },
        what: cleaned(&check.what),
        found: cleaned(&check.found),
        bound: if check.bound.is_empty() { NOTHING.into() } else { cleaned(&check.bound) },
    };
    analysis.health.checks.iter().map(row).collect()
}

fn events(analysis: &Analysis) -> Vec<EventRow> {
    let row = |line: &crate::analysis::EventLine| EventRow {
        at: show::offset_tenths(line.at_us as f64 / 1e6),
        sort: cleaned(&line.sort),
        text: cleaned(&line.text),
    };
    analysis.events.lines.iter().take(POINTS_MAX).map(row).collect()
}
