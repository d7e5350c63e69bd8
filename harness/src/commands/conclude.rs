//! The last words of a run: the verdict with its reasons, and where to read on.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::Path;

use shakedown_faults::ledger::{FILE, Ledger};
use shakedown_faults::process;
use shakedown_reports::analysis::{Analysis, FailureExample, Proof, Verdict};
use shakedown_scenarios::units::Span;

use crate::console::{printable, say};
use crate::display::clock_face;

/// At most so many reasons are printed; the report has all.
const REASONS: usize = 8;
/// And so many examples of failed requests.
const FAILURES: usize = 4;

/// Says the verdict in a few lines.
pub fn conclude(folder: &Path, analysis: &Analysis) {
    say(&in_short(analysis));
    say(&format!("report: {}", folder.join("report.html").display()));
}

/// What the ledger beside a journal says, where a run did not end in order: whether it still runs, and whether its faults
/// are undone.
pub fn tell_ledger(folder: &Path) {
    let Ok(ledger) = Ledger::read(&folder.join(FILE)) else { return };
    if ledger.finished && ledger.entries.iter().all(|entry| entry.closed_by.as_deref() == Some("harness")) {
        return;
    }
    let by = |who: &str| ledger.entries.iter().any(|entry| entry.closed_by.as_deref() == Some(who));
    say(&if ledger.is_settled() {
        let who = if by("recover") { "`shakedown recover`" } else { "the guardian" };
        format!("ledger: the harness did not end in order; {who} undid what it had left")
    } else if process::lives(&ledger.head.owner) {
        format!(
            "ledger: this run is still under way as pid {}; this is how far it has come",
            ledger.head.owner.pid
        )
    } else {
        format!("ledger: {} entries are not undone; `shakedown recover` does that", ledger.open().count())
    });
}

fn in_short(analysis: &Analysis) -> String {
    let word = match analysis.verdict {
        Verdict::Pass => "PASS",
        Verdict::Inconclusive => "INCONCLUSIVE",
        Verdict::Fail => "FAIL",
    };
    let mut lines = vec![format!("{word}  {}", tally(analysis))];
    for reason in analysis.reasons.iter().take(REASONS) {
        let at = reason.at.map_or(String::new(), |at| format!(" at {}", clock_face(Span::secs_f64(at))));
        lines.push(format!("  {}{at}: {}", printable(&reason.about), printable(&reason.why)));
    }
    let more = analysis.reasons.len().saturating_sub(REASONS);
    if more > 0 {
        lines.push(format!("  and {more} more reasons in the report"));
    }
    if analysis.verdict != Verdict::Pass {
        let failures = failures(analysis);
        if !failures.is_empty() {
            lines.push("why requests failed, for example:".to_owned());
        }
        lines.extend(failures);
    }
    lines.join("\n")
}

/// Why requests failed: what failed before any fault first, then by the classes that failed most. For a verdict that is no pass.
fn failures(analysis: &Analysis) -> Vec<String> {
    let mut told = Vec::new();
    for workload in &analysis.workloads {
        let counts = workload.over.last().map(|whole| &whole.errors);
        for example in &workload.examples {
            let count = counts.and_then(|errors| errors.get(&example.class)).copied().unwrap_or(0);
            told.push((count, &workload.name, example));
        }
    }
    let injected = analysis.faults.iter().filter_map(|fault| fault.injected).fold(f64::INFINITY, f64::min);
    told.sort_by_key(|(count, _, example)| (example.at.floor() >= injected.floor(), Reverse(*count)));
    // One of each class and endpoint is enough here.
    let mut seen = BTreeSet::new();
    told.retain(|(_, workload, example)| seen.insert((*workload, &example.endpoint, &example.class)));
    let line = |(_, workload, example): &(u64, &String, &FailureExample)| {
        let FailureExample { at, endpoint, class, why } = example;
        let [workload, endpoint, class, why] = [workload, endpoint, class, why].map(|it| printable(it));
        format!("  {workload}, {endpoint}, {class} at {}: {why}", clock_face(Span::secs_f64(*at)))
    };
    told.iter().take(FAILURES).map(line).collect()
}

fn tally(analysis: &Analysis) -> String {
    let held = analysis.gates.iter().filter(|gate| gate.verdict == Verdict::Pass).count();
    let proven =
        analysis.faults.iter().filter(|fault| is_proven(&fault.bit) && is_proven(&fault.heal)).count();
    format!(
        "{held} of {} gates held, {proven} of {} faults proven and healed",
        analysis.gates.len(),
        analysis.faults.len()
    )
}

fn is_proven(proof: &Option<Proof>) -> bool {
    proof.as_ref().is_some_and(|proof| proof.proven)
}
