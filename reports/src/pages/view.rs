//! What the pages say, as rows of finished, cleaned text; the templates only place it.

use std::collections::BTreeMap;

use serde::Serialize;
use shakedown_scenarios::experiment::Engine;
use shakedown_scenarios::plan::Plan;
use shakedown_scenarios::target::Target;

use super::clean::{clean, shell_word};
use crate::analysis::series::POINTS_MAX;
use crate::analysis::{
    Analysis, ConsistencyFinding, Ended, EndpointFigures, ExportFinding, FaultFinding, FigureFinding,
    GateFinding, LeakFinding, LoadFigures, OperationLine, ProbeFinding, Recovery, TargetFinding, Tries,
    Verdict, WorkloadFinding, model_verdict,
};
use crate::journal::ModelPlayed;
use crate::show::{self, Unit};

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

#[derive(Debug, Serialize)]
pub struct HistoryRow {
    pub badge: Badge,
    pub workload: String,
    pub model: String,
    pub operations: String,
    pub why: String,
    /// The faults that held when it was seen.
    pub during: String,
    /// The operations that show it, as text.
    pub window: Vec<String>,
    pub plot: Option<PlotRow>,
}

#[derive(Debug, Serialize)]
pub struct ModelRow {
    pub badge: Badge,
    pub name: String,
    pub outcome: &'static str,
    pub played: String,
    pub why: String,
    pub place: String,
    pub interleaving: Vec<String>,
    pub replay: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct ExportRow {
    pub page: String,
    pub asked: String,
    pub missed: String,
    pub why: String,
    pub figures: Vec<FigureRow>,
}

#[derive(Debug, Serialize)]
pub struct FigureRow {
    pub name: String,
    pub first: String,
    pub last: String,
    pub max: String,
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

/// A fault in a few words: what, when, and whether it is over.
#[derive(Debug, Serialize)]
pub struct Chip {
    pub badge: Badge,
    pub at: String,
    pub title: String,
    pub outcome: String,
}

#[derive(Debug, Serialize)]
pub struct GateRow {
    pub badge: Badge,
    pub gate: String,
    pub observed: String,
    pub limit: String,
    pub margin: String,
    /// Share of the limit that was used, 0 to 100, for a bar; `None`: no bar.
    pub used: Option<u8>,
    pub worst: String,
    pub note: String,
}

#[derive(Debug, Serialize)]
pub struct FaultRow {
    pub title: String,
    pub does: String,
    pub planned: String,
    pub actual: String,
    pub bit: Badge,
    pub bit_evidence: String,
    pub heal: Badge,
    pub heal_evidence: String,
    pub recovery: Badge,
    pub recovery_words: String,
}

#[derive(Debug, Serialize)]
pub struct ProbeRow {
    pub badge: Badge,
    pub name: String,
    pub why: String,
    pub baseline: String,
    pub chaos: String,
    pub recovery: String,
}

#[derive(Debug, Serialize)]
pub struct LeakRow {
    pub badge: Badge,
    pub target: String,
    pub resource: String,
    pub words: String,
    pub level: String,
    pub looked_at: String,
    pub gated: bool,
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
pub struct TargetRow {
    pub name: String,
    pub starts: u64,
    pub exits: u64,
    pub unexpected: u64,
    pub ready_after: String,
    pub longest: String,
    pub state: String,
    pub restarts: Vec<RestartRow>,
    pub left_out: u64,
}

#[derive(Debug, Serialize)]
pub struct RestartRow {
    pub exited: String,
    pub status: String,
    pub why: &'static str,
    pub ready: String,
    pub took: String,
}

#[derive(Debug, Serialize)]
pub struct LoadTable {
    pub name: String,
    pub rows: Vec<LoadRow>,
    pub endpoints: Vec<EndpointRow>,
}

#[derive(Debug, Serialize)]
pub struct EndpointRow {
    pub name: String,
    pub ok: String,
    pub error_ratio: String,
    pub errors: String,
    pub latency: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct LoadRow {
    pub over: String,
    pub offered: String,
    pub achieved: String,
    pub error_ratio: String,
    pub errors: String,
    pub dropped: String,
    pub latency: Vec<String>,
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
            load: analysis.workloads.iter().map(load).collect(),
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

fn gate(gate: &GateFinding) -> GateRow {
    let observed = gate.observed.map_or_else(
        || NOTHING.into(),
        |value| format!("{}{}", if gate.at_least { "≥ " } else { "" }, gate.unit.show(value)),
    );
    let margin = gate.margin.map_or_else(
        || NOTHING.into(),
        |margin| {
            let word = if margin >= 0.0 { "to spare" } else { "beyond" };
            format!("{} {word}", percent(margin.abs()))
        },
    );
    // A leak gate has no one limit; its note tells.
    let has_limit = gate.limit != 0.0 || gate.observed.is_some();
    GateRow {
        badge: badge(gate.verdict),
        gate: cleaned(&gate.gate),
        observed,
        limit: if has_limit { gate.unit.show(gate.limit) } else { NOTHING.into() },
        margin,
        used: gate.margin.map(|margin| ((1.0 - margin) * 50.0).clamp(0.0, 100.0) as u8),
        worst: gate.worst.as_ref().map_or_else(
            || NOTHING.into(),
            |worst| {
                let during = if worst.during.is_empty() {
                    String::new()
                } else {
                    format!(", {}", cleaned(&worst.during))
                };
                format!("{} at {}{during}", gate.unit.show(worst.value), show::offset(worst.at))
            },
        ),
        note: cleaned(&gate.note),
    }
}

fn chips(analysis: &Analysis) -> Vec<Chip> {
    let mut faults: Vec<&FaultFinding> = analysis.faults.iter().collect();
    // Where there are too many, those that went wrong stay.
    if faults.len() > CHIPS_MAX {
        faults.sort_by_key(|fault| std::cmp::Reverse(recovery_badge(fault).1));
        faults.truncate(CHIPS_MAX);
        faults.sort_by(|a, b| a.planned_from.total_cmp(&b.planned_from));
    }
    let chip = |fault: &FaultFinding| Chip {
        badge: recovery_badge(fault).0,
        at: show::offset(fault.injected.unwrap_or(fault.planned_from)),
        title: cleaned(&fault.title()),
        outcome: outcome(fault),
    };
    faults.into_iter().map(chip).collect()
}

fn outcome(fault: &FaultFinding) -> String {
    if fault.injected.is_none() {
        return "never injected".into();
    }
    match &fault.recovery {
        Recovery::NoEffect => "no effect seen".into(),
        Recovery::After(0.0) => "normal again at once".into(),
        Recovery::After(seconds) => format!("normal again after {}", show::seconds(*seconds)),
        Recovery::AtLeast(seconds, until) => {
            cleaned(&format!("not normal for {} {until}", show::seconds(*seconds)))
        }
        Recovery::Shared(with) => cleaned(&format!("recovered with {with}")),
        Recovery::Unknown(_) if fault.healed.is_none() => "held when the journal stops".into(),
        Recovery::Unknown(_) => "recovery unknown".into(),
    }
}

fn recovery_badge(fault: &FaultFinding) -> (Badge, u8) {
    match fault.recovery {
        _ if fault.injected.is_none() => (badge(Verdict::Inconclusive), 1),
        Recovery::NoEffect | Recovery::After(_) => (badge(Verdict::Pass), 0),
        Recovery::Shared(_) => (INFO, 0),
        Recovery::Unknown(_) => (badge(Verdict::Inconclusive), 1),
        Recovery::AtLeast(..) if fault.recovery.never_came() => (badge(Verdict::Fail), 2),
        Recovery::AtLeast(..) => (badge(Verdict::Inconclusive), 1),
    }
}

/// A margin needs no third digit, and a huge one no percent at all.
fn percent(share: f64) -> String {
    if share >= 10.0 {
        format!("{} times the limit", show::count(share.round()))
    } else {
        format!("{:.0} %", share * 100.0)
    }
}

fn fault(fault: &FaultFinding) -> FaultRow {
    let planned = if fault.instant {
        show::offset(fault.planned_from)
    } else {
        format!("{} – {}", show::offset(fault.planned_from), show::offset(fault.planned_to))
    };
    let actual = match (fault.injected, fault.healed) {
        (None, _) => "never".into(),
        (Some(from), _) if fault.instant => show::offset_tenths(from),
        (Some(from), Some(to)) => format!("{} – {}", show::offset_tenths(from), show::offset_tenths(to)),
        (Some(from), None) => format!("{} – ?", show::offset_tenths(from)),
    };
    let (bit, bit_evidence) = proof(fault.bit.as_ref(), fault.injected.is_some(), Verdict::Inconclusive);
    let (heal, heal_evidence) = if fault.instant && fault.heal.is_none() {
        (INFO, "nothing to undo".into())
    } else {
        proof(fault.heal.as_ref(), fault.injected.is_some(), Verdict::Fail)
    };
    FaultRow {
        title: cleaned(&fault.title()),
        does: cleaned(&fault.does),
        planned,
        actual,
        bit,
        bit_evidence: fault.failed.as_ref().map_or(bit_evidence, |why| cleaned(why)),
        heal,
        heal_evidence,
        recovery: recovery_badge(fault).0,
        recovery_words: cleaned(&fault.recovery.words()),
    }
}

fn proof(proof: Option<&crate::analysis::Proof>, injected: bool, otherwise: Verdict) -> (Badge, String) {
    match proof {
        Some(proof) if proof.proven => (badge(Verdict::Pass), cleaned(&proof.evidence)),
        Some(proof) => (badge(otherwise), cleaned(&proof.evidence)),
        None if injected => (badge(Verdict::Inconclusive), "not on record".into()),
        None => (badge(Verdict::Inconclusive), "never injected".into()),
    }
}

fn probe(probe: &ProbeFinding) -> ProbeRow {
    let tries =
        |tries: Tries| if tries.all == 0 { NOTHING.into() } else { format!("{} of {}", tries.ok, tries.all) };
    ProbeRow {
        badge: badge(probe.verdict),
        name: cleaned(&probe.name),
        why: cleaned(&probe.why),
        baseline: tries(probe.baseline),
        chaos: tries(probe.chaos),
        recovery: tries(probe.recovery),
    }
}

fn export(export: &ExportFinding) -> ExportRow {
    let figure = |figure: &FigureFinding| {
        let show = |value: Option<f64>| value.map_or_else(|| NOTHING.into(), |value| figure.unit.show(value));
        FigureRow {
            name: cleaned(&figure.name),
            first: show(figure.first_last_max.map(|(first, ..)| first)),
            last: show(figure.first_last_max.map(|(_, last, _)| last)),
            max: show(figure.first_last_max.map(|(.., max)| max)),
        }
    };
    let lost = [(export.dropped, "no finite number"), (export.absent, "not on the page")];
    let lost = lost.into_iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = lost.map(|(count, what)| format!("{count} figures were {what}")).collect();
    let last = export.why.iter().map(|why| format!("last: {}", cleaned(why)));
    ExportRow {
        page: format!("{} {}", clean(&export.target), clean(&export.path)),
        asked: export.asked.to_string(),
        missed: export.missed.to_string(),
        why: last.chain(words).collect::<Vec<_>>().join("; "),
        figures: export.figures.iter().map(figure).collect(),
    }
}

fn leaks(analysis: &Analysis) -> Vec<LeakRow> {
    let row = |leak: &LeakFinding| {
        let processes =
            if leak.processes == 1 { String::new() } else { format!(" in {} processes", leak.processes) };
        LeakRow {
            badge: badge(leak.verdict()),
            target: cleaned(&leak.target),
            resource: cleaned(&leak.what()),
            words: cleaned(&leak.words()),
            level: leak.level.map_or_else(|| NOTHING.into(), |level| leak.level_unit().show(level)),
            looked_at: format!("{}{processes}", show::seconds(leak.seconds)),
            gated: leak.gated,
        }
    };
    // Those that matter come first; the others keep their order.
    let mut rows: Vec<&LeakFinding> = analysis.leaks.iter().collect();
    let matters = |leak: &LeakFinding| match leak.verdict() {
        Verdict::Fail => 2,
        Verdict::Inconclusive if leak.gated => 1,
        _ => 0,
    };
    rows.sort_by_key(|leak| std::cmp::Reverse(matters(leak)));
    rows.into_iter().take(ROWS_MAX).map(row).collect()
}

/// What failed comes first.
fn models(analysis: &Analysis) -> Vec<ModelRow> {
    let mut models: Vec<&ModelPlayed> = analysis.models.iter().collect();
    models.sort_by_key(|model| std::cmp::Reverse(model_verdict(model)));
    let row = |model: &ModelPlayed| ModelRow {
        badge: badge(model_verdict(model)),
        name: cleaned(&model.name),
        outcome: model.outcome.word(),
        played: played(model),
        why: cleaned(model.why.as_deref().unwrap_or_default()),
        place: cleaned(model.place.as_deref().unwrap_or_default()),
        interleaving: model.interleaving.iter().map(|step| cleaned(step)).collect(),
        replay: model.replay.as_deref().map(cleaned),
    };
    models.into_iter().take(ROWS_MAX).map(row).collect()
}

fn history(finding: &ConsistencyFinding) -> HistoryRow {
    let ConsistencyFinding { operations, open, failed, keys, .. } = finding;
    let count = |number: &u64| show::count(*number as f64);
    HistoryRow {
        badge: badge(finding.verdict),
        workload: cleaned(&finding.workload),
        model: cleaned(&finding.model),
        operations: format!(
            "{} on {} objects; {} of them open, {} not done",
            count(operations),
            count(keys),
            count(open),
            count(failed)
        ),
        why: cleaned(&finding.why),
        during: cleaned(&finding.during.join(", ")),
        window: window(finding),
        plot: None,
    }
}

/// The operations that show what cannot be, each with its time; the one that cannot be is marked.
fn window(finding: &ConsistencyFinding) -> Vec<String> {
    let line = |op: &OperationLine| {
        let mark = if op.is_stuck { ">" } else { " " };
        let to = op.to.map_or_else(|| "?".to_owned(), |to| format!("{to:.6}"));
        let what = format!("process {}: {} {} ({})", op.process, op.f, op.value, op.fate);
        cleaned(&format!("{mark} {:>12.6} to {to:>12} s  {what}", op.from))
    };
    let mut lines: Vec<String> = finding.window.iter().map(line).collect();
    if finding.open_before > 0 {
        lines.push(format!("  and {} before of which nobody knows how they ended", finding.open_before));
    }
    lines
}

fn played(model: &ModelPlayed) -> String {
    let count = match model.engine {
        Engine::Loom => model.iterations.map_or_else(|| NOTHING.into(), |count| show::count(count as f64)),
        Engine::Shuttle => "random ones".into(),
        Engine::Tsan => "one, watched".into(),
    };
    let bound = model.preemptions.map_or(String::new(), |most| format!(", at most {most} preemptions"));
    format!("{count}{bound}")
}

fn target(target: &TargetFinding) -> TargetRow {
    let length = |seconds: Option<f64>| seconds.map_or_else(|| NOTHING.into(), show::seconds);
    let restart = |exit: &crate::analysis::Restart| RestartRow {
        exited: show::offset_tenths(exit.exited),
        status: cleaned(&exit.status),
        why: if exit.expected { "as meant" } else { "unexpected" },
        ready: exit.ready.map_or_else(|| "never".into(), show::offset_tenths),
        took: length(exit.ready.map(|ready| ready - exit.exited)),
    };
    TargetRow {
        name: cleaned(&target.name),
        starts: target.starts,
        exits: target.exits,
        unexpected: target.unexpected,
        ready_after: length(target.ready_after),
        longest: length(target.longest_restart),
        state: target.failed.as_ref().map_or_else(
            || if target.down_at_end { "down".into() } else { "up".into() },
            |why| format!("failed: {}", cleaned(why)),
        ),
        restarts: target.restarts.iter().map(restart).collect(),
        left_out: target.left_out,
    }
}

fn load(workload: &WorkloadFinding) -> LoadTable {
    LoadTable {
        name: cleaned(&workload.name),
        rows: workload.over.iter().map(load_row).collect(),
        endpoints: workload.endpoints.iter().map(endpoint_row).collect(),
    }
}

fn load_row(figures: &LoadFigures) -> LoadRow {
    let rate = |count: u64| Unit::PerSecond.show(count as f64 / figures.seconds.max(1) as f64);
    LoadRow {
        over: cleaned(&figures.over),
        offered: rate(figures.due),
        achieved: rate(figures.ok),
        error_ratio: ratio(figures.error_ratio),
        errors: classes(&figures.errors),
        dropped: if figures.dropped == 0 { NOTHING.into() } else { show::count(figures.dropped as f64) },
        latency: latencies(figures.latency_us),
    }
}

fn endpoint_row(figures: &EndpointFigures) -> EndpointRow {
    EndpointRow {
        name: cleaned(&figures.name),
        ok: show::count(figures.ok as f64),
        error_ratio: ratio(figures.error_ratio),
        errors: classes(&figures.errors),
        latency: latencies(figures.latency_us),
    }
}

fn ratio(found: Option<f64>) -> String {
    found.map_or_else(|| NOTHING.into(), |ratio| Unit::Ratio.show(ratio))
}

fn classes(errors: &BTreeMap<String, u64>) -> String {
    let shown = |(class, count): (&String, &u64)| format!("{} {}", clean(class), show::count(*count as f64));
    errors.iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn latencies(quantiles: Option<[u64; 5]>) -> Vec<String> {
    let show = |quantiles: [u64; 5]| quantiles.map(|value| Unit::Micros.show(value as f64)).into();
    quantiles.map_or_else(|| vec![NOTHING.into(); 5], show)
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
