//! What was found of leaks, of models of races, and of histories.

use serde::Serialize;
use shakedown_scenarios::experiment::Engine;

use super::{Badge, NOTHING, PlotRow, ROWS_MAX, badge, cleaned};
use crate::analysis::{Analysis, ConsistencyFinding, LeakFinding, OperationLine, Verdict, model_verdict};
use crate::journal::ModelPlayed;
use crate::show;

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
pub struct LeakRow {
    pub badge: Badge,
    pub target: String,
    pub resource: String,
    pub words: String,
    pub level: String,
    pub looked_at: String,
    pub gated: bool,
}

pub(super) fn leaks(analysis: &Analysis) -> Vec<LeakRow> {
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
pub(super) fn models(analysis: &Analysis) -> Vec<ModelRow> {
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

pub(super) fn history(finding: &ConsistencyFinding) -> HistoryRow {
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
