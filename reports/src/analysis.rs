//! The judge: a pure fold over a journal, from what happened to what it means.
//!
//! [`analyze`] reads a plan and a journal and touches nothing else; the same journal always gets the same
//! [`Analysis`], which is also what `summary.json` holds. Memory does not grow with the length of the run.
//!
//! What is not known has not passed: a gate without data, a fault without proof, a run that was cut are inconclusive.

use std::sync::mpsc::{SyncSender, sync_channel};

use serde::{Deserialize, Serialize};
use shakedown_scenarios::plan::Plan;

use crate::journal::{Entry, Journal, ModelPlayed};

mod consistency;
mod course;
mod endpoints;
mod exports;
mod faults;
mod finding;
mod fold;
mod gates;
mod health;
mod hypothesis;
mod leaks;
mod load;
mod recovery;
mod resources;
pub mod series;
mod targets;
mod verdict;

pub use consistency::{ConsistencyFinding, OperationLine};
pub use exports::{ExportFinding, Exported, FigureFinding, figure_unit};
pub use finding::*;
pub use fold::analyze_entries;
pub use gates::resource_word;
pub use verdict::{Reason, Verdict, model_verdict};

/// Everything that a run's journal tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// The number of this format.
    pub format: u32,
    /// The answer: the worst of all reasons.
    pub verdict: Verdict,
    /// What `shakedown` exits with after this run; the table is in [`Analysis::exit_code`].
    pub exit_code: u8,
    /// Why the verdict is not better; empty for a pass. Worst first.
    pub reasons: Vec<Reason>,
    /// What was run, where and when.
    pub run: RunFacts,
    /// The four phases.
    pub phases: Vec<PhaseFinding>,
    /// The gates, in the experiment's order.
    pub gates: Vec<GateFinding>,
    /// Every planned injection.
    pub faults: Vec<FaultFinding>,
    /// The steady-state hypothesis, probe by probe.
    pub hypothesis: Vec<ProbeFinding>,
    /// What the leak check says, for every sampled target.
    pub leaks: Vec<LeakFinding>,
    /// The loom models that were played before the load.
    #[serde(default)]
    pub models: Vec<ModelPlayed>,
    /// What the histories of workloads say, in the experiment's order.
    #[serde(default)]
    pub consistency: Vec<ConsistencyFinding>,
    /// What became of the pages with figures that targets export.
    #[serde(default)]
    pub exports: Vec<ExportFinding>,
    /// Starts, exits and restarts.
    pub targets: Vec<TargetFinding>,
    /// Load in numbers, for each phase and fault.
    pub workloads: Vec<WorkloadFinding>,
    /// Whether the harness itself can be trusted.
    pub health: Health,
    /// The series of the timeline.
    pub timeline: Timeline,
    /// What happened, in order, bounded.
    pub events: Events,
    /// What could not be read of the journal.
    pub losses: Vec<String>,
}

/// The number of the analysis's format.
pub const FORMAT: u32 = 2;

/// Judges a run.
#[must_use]
pub fn analyze(plan: &Plan, journal: &mut Journal) -> Analysis {
    let meta = journal.meta().clone();
    let mut analysis = std::thread::scope(|scope| {
        // Reading and judging two days take about as long as each other, so each has a thread.
        let (sender, pieces) = sync_channel::<Vec<Entry>>(PIECES_AHEAD);
        let reader = &mut *journal;
        scope.spawn(move || read(reader, &sender));
        analyze_entries(plan, &meta, pieces.into_iter().flatten())
    });
    analysis.lose(journal.losses());
    analysis
}

/// Entries that are handed over at once, and how often that may happen ahead of the judge: some MB.
const PIECE: usize = 1_024;
const PIECES_AHEAD: usize = 4;

/// Sends a whole journal, piece by piece; ends early only when nobody listens any more.
fn read(journal: &mut Journal, sender: &SyncSender<Vec<Entry>>) {
    let mut entries = journal.entries();
    loop {
        let piece: Vec<Entry> = entries.by_ref().take(PIECE).collect();
        if piece.is_empty() || sender.send(piece).is_err() {
            return;
        }
    }
}

// === impl Analysis ===

impl Analysis {
    /// The exit code: 0 pass, 1 fail, 2 inconclusive, 3 stopped by the guard, 4 a fault could not be undone,
    /// 128 + n after signal n. What asks for a hand first wins: 4, then 3, then the signal.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// The phase that held at a moment, by its real start; `None` before the first.
    #[must_use]
    pub fn phase_at(&self, at: f64) -> Option<&PhaseFinding> {
        self.phases.iter().rev().find(|phase| phase.from.is_some_and(|from| from <= at))
    }
}
