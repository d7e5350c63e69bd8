//! When each fault is injected and healed.
//!
//! The worst case (every start as late as its jitter allows) is what `check` judges, so that a right experiment fits
//! with every seed; the plan then draws the real one.

use crate::experiment::Experiment;
use crate::fault::Fault;
use crate::plan::Cue;
use crate::seed::Streams;
use crate::units::Span;

/// The most injections of one plan.
pub const MOST_CUES: u64 = 100_000;

/// How many rounds of a fault a chaos phase of this length gets, whatever is drawn: those asked for by `repeat`, or as
/// many as are over by its end.
pub(crate) fn rounds(fault: &Fault, chaos: Span) -> u64 {
    let Some(every) = fault.every.filter(|every| !every.is_zero()) else { return 1 };
    match fault.repeat {
        Some(repeat) => u64::from(repeat),
        None => {
            let first = fault.at.plus(longest_hold(fault));
            let fitting = chaos.minus(first).as_nanos() / every.as_nanos() + 1;
            if first > chaos { 1 } else { fitting }
        }
    }
}

/// Jitter and hold together: what a round takes in the worst case. What is over at once still needs its instant.
pub(crate) fn longest_hold(fault: &Fault) -> Span {
    let hold = if fault.act.is_instant() { Span::nanos(1) } else { fault.hold };
    fault.jitter.plus(hold)
}

/// When a round would start without jitter, counted from the start of chaos.
pub(crate) fn nominal(fault: &Fault, round: u64) -> Span {
    let every = fault.every.unwrap_or(Span::ZERO);
    fault.at.plus(Span::nanos(every.as_nanos().saturating_mul(round)))
}

/// All injections, in the order of their starts.
pub(super) fn cues(experiment: &Experiment, streams: Streams) -> Vec<Cue> {
    let (chaos_from, _) = experiment.phases.bounds(crate::experiment::Phase::Chaos);
    let chaos = experiment.phases.chaos;
    let mut cues = Vec::new();
    for (index, fault) in experiment.faults.iter().enumerate() {
        let mut chance = streams.schedule(&fault.name);
        for round in 0..rounds(fault, chaos) {
            // Drawn even where there is no jitter to draw: a jitter added later then moves nothing else.
            let late = chance.between(Span::ZERO, fault.jitter);
            let from = chaos_from.plus(nominal(fault, round)).plus(late);
            let to = if fault.act.is_instant() { from } else { from.plus(fault.hold) };
            let round = u32::try_from(round).unwrap_or(u32::MAX);
            cues.push(Cue { id: 0, fault: index, round, from, to });
        }
    }
    cues.sort_by_key(|cue| (cue.from, cue.fault, cue.round));
    for (id, cue) in (0..).zip(&mut cues) {
        cue.id = id;
    }
    cues
}
