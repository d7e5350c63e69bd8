//! The histories in a run folder, judged: what is there of them is read, and what was under way at its end is open.
//!
//! It knows no clock: whoever calls brings one.

use std::path::Path;

use shakedown_histories::{
    Action, Answer, Budget, Fate, History, Micro, Model, NEVER, Op, ReadError, Rules, Segments, Window,
    check, explain, read,
};
use shakedown_scenarios::experiment::Consistency;
use shakedown_scenarios::plan::Plan;
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::operations::OperationModel;
use shakedown_scenarios::workload::{OperationsWorkload, Workload};

use crate::analysis::{Analysis, ConsistencyFinding, OperationLine, Verdict};

/// The folder of the histories in a run folder.
pub const HISTORIES: &str = "histories";

/// How much time has passed since some moment: it only grows.
pub type Now<'a> = &'a (dyn Fn() -> Span + Sync);

/// The window is looked for no longer than this, whatever the check may take: a longer one is as true.
const WINDOW_MOST: Span = Span::secs(5);
/// The most operations of a window that are told.
const WINDOW_LINES: usize = 200;
/// Searches of several objects run beside each other on so many threads.
const THREADS: usize = 4;

/// Looks at all histories that the experiment asks about.
pub fn judge(dir: &Path, plan: &Plan, analysis: &mut Analysis, now: Now<'_>) {
    if plan.experiment.consistency.is_empty() {
        return;
    }
    analysis.take_histories(|finding| {
        let asked = plan.experiment.consistency.iter().find(|asked| asked.of == finding.workload);
        let workload = plan.experiment.workloads.get(&finding.workload);
        let (Some(asked), Some(Workload::Operations(workload))) = (asked, workload) else {
            "the plan does not say what its objects are".clone_into(&mut finding.why);
            return;
        };
        workload.model.of_history().clone_into(&mut finding.model);
        match look(&dir.join(HISTORIES), (asked, init(workload)), finding, now) {
            Ok(()) => {}
            Err(why) => finding.why = why,
        }
    });
}

/// What the objects begin as, where the model does not say it: a bank has so many accounts with nothing in them.
fn init(workload: &OperationsWorkload) -> Option<String> {
    let accounts = || (0..workload.keys).map(|account| format!("\"{account}\":0")).collect::<Vec<_>>();
    (workload.model == OperationModel::Bank).then(|| format!("{{{}}}", accounts().join(",")))
}

/// Reads, checks and tells. An error is why nobody knows.
fn look(
    folder: &Path,
    (asked, init): (&Consistency, Option<String>),
    finding: &mut ConsistencyFinding,
    now: Now<'_>,
) -> Result<(), String> {
    let model = Model::named(&finding.model).ok_or("the checker does not know its model")?;
    let rules = Rules { memory: asked.memory.as_bytes(), init, ..Rules::of(model) };
    let cut = finding
        .kept
        .as_ref()
        .and_then(|kept| kept.cut.clone())
        .map_or(String::new(), |cut| format!("; {cut}"));
    let mut segments = Segments::open(folder, &finding.workload)
        .map_err(|error| format!("its history cannot be read from {HISTORIES}: {error}{cut}"))?;
    let history = read(&mut segments, &rules).map_err(|error| match error {
        ReadError::Empty => "its history is empty: no operation began".to_owned(),
        ReadError::Memory { most, .. } => {
            let most = most >> 20;
            format!("its history takes more than {most} MiB of memory: give it more (`memory`), or ask less")
        }
        error => format!("its history cannot be read: {error}"),
    })?;
    count(&history, finding);
    let begun = now();
    let deadline = begun.plus(asked.time);
    let stop = || now() >= deadline;
    let memory = rules.memory.saturating_sub(history.bytes());
    let answer = check(&history, &rules, &Budget::new(&stop, memory), THREADS);
    if answer.failure.is_some() {
        let deadline = now().plus(asked.time.min(WINDOW_MOST));
        let stop = || now() >= deadline;
        tell_failure(&history, &rules, &answer, &Budget::new(&stop, memory), finding);
        return Ok(());
    }
    if let Some(why) = answer.why {
        return Err(format!("{why}: give it more (`time`, `memory`), or fewer operations for each object"));
    }
    is_whole(&segments, finding)?;
    if !history.ops.iter().any(|op| op.fate == Fate::Done && is_look(&history, op.action)) {
        return Err(
            "nothing of it can be judged: no operation that looks at an object was answered".to_owned()
        );
    }
    finding.verdict = Verdict::Pass;
    finding.why =
        format!("an order of all operations on each of {} objects explains every answer", finding.keys);
    Ok(())
}

/// Whether the history goes on to the end of its load: what is consistent as far as it goes says nothing of the rest.
fn is_whole(segments: &Segments, finding: &ConsistencyFinding) -> Result<(), String> {
    let only = "it is consistent as far as it goes, and its end is missing";
    let Some(kept) = &finding.kept else { return Err(format!("{only}: the run was cut")) };
    if let Some(cut) = &kept.cut {
        return Err(format!("{only}: {cut}"));
    }
    if let Some(torn) = segments.torn() {
        return Err(format!("{only}: {torn}"));
    }
    if kept.events != segments.lines() {
        let (expected, found) = (kept.events, segments.lines());
        return Err(format!("{only}: expected {expected} events, found {found}"));
    }
    Ok(())
}

fn count(history: &History, finding: &mut ConsistencyFinding) {
    let count = |fate: Fate| history.ops.iter().filter(|op| op.fate == fate).count() as u64;
    finding.operations = history.ops.len() as u64;
    (finding.open, finding.failed) = (count(Fate::Open), count(Fate::Failed));
    finding.keys = history.keys.count() as u64;
}

fn is_look(history: &History, action: Action) -> bool {
    match action {
        Action::Read(_) | Action::Sum(_) | Action::Members(_) | Action::Balances(_) => true,
        Action::Txn(txn) => {
            let reads = |part: &Micro| matches!(part, Micro::Read(..) | Micro::Found(..));
            history.txns[txn as usize].iter().any(reads)
        }
        _ => false,
    }
}

fn tell_failure(
    history: &History,
    rules: &Rules,
    answer: &Answer,
    budget: &Budget<'_>,
    finding: &mut ConsistencyFinding,
) {
    let Some(failure) = &answer.failure else { return };
    let Window { ops, from_any_state, open_before } = explain(history, rules, failure, budget);
    let stuck = ops.iter().position(|op| *op == failure.stuck).unwrap_or(0);
    // What cannot be is near the end of its window.
    let from = (stuck + 1).saturating_sub(WINDOW_LINES);
    let shown = ops.iter().skip(from).take(WINDOW_LINES);
    let line = |number: &u32| {
        let op = &history.ops[*number as usize];
        of_window(history, op, *number == failure.stuck)
    };
    finding.window = shown.map(line).collect();
    finding.at = history.ops.get(failure.stuck as usize).map(|op| seconds(op.times[0]));
    if matches!(rules.model, Model::Counter | Model::Set | Model::Bank) {
        let first = history.ops.iter().find(|op| op.key == failure.key);
        finding.since = first.map(|op| seconds(op.times[0]));
    }
    let key = String::from_utf8_lossy(history.keys.text(failure.key)).trim_matches('"').to_owned();
    finding.why = format!("object {key} is not consistent: {}", failure.what);
    finding.key = Some(key);
    (finding.from_any_state, finding.open_before) = (from_any_state, open_before as u64);
    finding.verdict = Verdict::Fail;
}

fn of_window(history: &History, op: &Op, is_stuck: bool) -> OperationLine {
    let (f, value) = history.words(op);
    let fate = match op.fate {
        Fate::Done => "ok",
        Fate::Failed => "fail",
        Fate::Open => "info",
    };
    OperationLine {
        process: String::from_utf8_lossy(history.processes.text(op.process)).into_owned(),
        f: f.to_owned(),
        value,
        fate: fate.to_owned(),
        from: seconds(op.times[0]),
        to: (op.back != NEVER).then(|| seconds(op.times[1])),
        is_stuck,
    }
}

fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}
