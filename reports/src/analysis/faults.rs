//! Faults: what was planned, what became of it, and how long it was felt.

use shakedown_scenarios::plan::Plan;

use super::course::Course;
use super::finding::{FaultFinding, Recovery};

/// One finding for each planned cue.
pub fn findings(plan: &Plan, course: &Course<'_>, recoveries: Vec<Recovery>) -> Vec<FaultFinding> {
    let found = plan.cues.iter().zip(&course.cues).zip(recoveries);
    let finding = found.enumerate().map(|(index, ((cue, state), recovery))| {
        let act = plan.experiment.faults.get(cue.fault).map(|fault| &fault.act);
        let seconds = |at_us: Option<i64>| at_us.map(|at_us| at_us as f64 / 1e6);
        FaultFinding {
            cue: cue.id,
            name: course.name(index).to_owned(),
            kind: act.map_or("unknown", |act| act.kind()).into(),
            on: act.map_or_else(|| "unknown".into(), |act| act.scope().describe()),
            does: act.map_or_else(|| "unknown".into(), |act| act.describe()),
            round: cue.round,
            planned_from: cue.from.as_secs_f64(),
            planned_to: cue.to.as_secs_f64(),
            instant: course.is_instant(index),
            injected: seconds(state.injected),
            healed: seconds(state.healed),
            failed: state.failed.clone(),
            bit: state.bit.clone(),
            heal: state.heal.clone(),
            recovery,
        }
    });
    finding.collect()
}
