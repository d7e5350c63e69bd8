//! Consistency: what the histories of workloads say, and which faults held when something was seen that cannot be.

use serde::{Deserialize, Serialize};
use shakedown_scenarios::plan::Plan;

use super::course::Course;
use super::{Analysis, FaultFinding, Verdict};
use crate::journal::HistoryKept;

/// What the history of a workload says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsistencyFinding {
    /// The workload.
    pub workload: String,
    /// What its objects are, as `shakedown history --model` has it; empty where the plan does not say.
    pub model: String,
    /// Consistent, not, or not known.
    pub verdict: Verdict,
    /// What is wrong, or why nobody knows; what was looked at where nothing is.
    pub why: String,
    /// What the journal says of the history; `None`: nothing, so that its end is not known to be the end.
    pub kept: Option<HistoryKept>,
    /// How many operations began.
    pub operations: u64,
    /// Of these, how many may have been done at any time since they began, or never.
    pub open: u64,
    /// Of these, how many were surely not done.
    pub failed: u64,
    /// How many objects there were.
    pub keys: u64,
    /// The object that is not consistent.
    pub key: Option<String>,
    /// When the operation began that cannot be, in seconds from the start of the load.
    pub at: Option<f64>,
    /// The operations that show it, in the order in which they began; bounded.
    pub window: Vec<OperationLine>,
    /// They show it whatever was before; else it takes all that was.
    pub from_any_state: bool,
    /// Operations from before them of which nobody knows how they ended.
    pub open_before: u64,
    /// Since when what is wrong may have come about, in seconds from the start of the load: a sum or a set that is wrong may
    /// have been so since its first operation. `None`: it is all in the window.
    pub since: Option<f64>,
    /// The faults that held in that time.
    pub during: Vec<String>,
}

/// An operation of a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationLine {
    /// Who.
    pub process: String,
    /// What: `read`, `cas`.
    pub f: String,
    /// With what, or what was found.
    pub value: String,
    /// `ok`, `fail` or `info`.
    pub fate: String,
    /// When it began, in seconds from the start of the load.
    pub from: f64,
    /// When it ended; `None`: nobody knows.
    pub to: Option<f64>,
    /// It is the one that cannot be.
    pub is_stuck: bool,
}

/// How long a fault without a length of its own is told beside what was seen after it, in seconds.
const AFTER_INSTANT: f64 = 5.0;

/// One finding for each check, before any history was looked at: nothing is known.
pub fn findings(plan: &Plan, course: &Course<'_>) -> Vec<ConsistencyFinding> {
    let finding = |of: &String| ConsistencyFinding {
        workload: of.clone(),
        model: String::new(),
        verdict: Verdict::Inconclusive,
        why: "its history was not looked at".to_owned(),
        kept: course.histories.iter().find(|kept| kept.workload == *of).cloned(),
        operations: 0,
        open: 0,
        failed: 0,
        keys: 0,
        key: None,
        at: None,
        window: Vec::new(),
        from_any_state: false,
        open_before: 0,
        since: None,
        during: Vec::new(),
    };
    plan.experiment.consistency.iter().map(|check| finding(&check.of)).collect()
}

// === impl Analysis ===

impl Analysis {
    /// Takes in what histories say, and judges again.
    pub(crate) fn take_histories(&mut self, look: impl Fn(&mut ConsistencyFinding)) {
        for finding in &mut self.consistency {
            look(finding);
            let window = finding.window.iter().flat_map(|line| [Some(line.from), line.to]);
            let moments = window.chain([finding.since]).flatten();
            let (from, to) = moments.fold((f64::MAX, f64::MIN), |(from, to), at| (from.min(at), to.max(at)));
            let held = self.faults.iter().filter(|fault| held(fault, from, to));
            finding.during = held.map(FaultFinding::title).collect();
        }
        self.judge();
    }
}

fn held(fault: &FaultFinding, from: f64, to: f64) -> bool {
    let Some(begin) = fault.injected else { return false };
    let end = if fault.instant { begin + AFTER_INSTANT } else { fault.healed.unwrap_or(f64::MAX) };
    begin <= to && end >= from
}
