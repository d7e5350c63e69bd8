//! A dress rehearsal: the same experiment in a fraction of its time.
//!
//! What makes up the schedule is divided: phases, `at`, `hold`, `every`, `jitter`, the ramp of memory pressure, the
//! curves of arrivals, and gate windows given as times. Rates, think times, timeouts, delays, limits and the intervals of probes
//! are what is tested, and stay.

use crate::experiment::Experiment;
use crate::fault::Act;
use crate::gate::{Gate, Window};
use crate::plan::schedule;
use crate::units::Span;
use crate::workload::{Arrivals, Workload};

/// What was longer does not become shorter than this.
const SHORTEST: Span = Span::millis(1);

/// Divides the durations of an experiment's schedule.
pub(super) fn divided(mut experiment: Experiment, factor: f64) -> Experiment {
    let chaos = experiment.phases.chaos;
    for fault in &mut experiment.faults {
        // How often a fault fits is settled before rounding could fit in one more.
        if fault.every.is_some() {
            fault.repeat = u32::try_from(schedule::rounds(fault, chaos)).ok();
        }
        fault.every = fault.every.map(|every| divide(every, factor));
        for span in [&mut fault.at, &mut fault.hold, &mut fault.jitter] {
            *span = divide(*span, factor);
        }
        if let Act::MemoryPressure { ramp, .. } = &mut fault.act {
            *ramp = divide(*ramp, factor);
        }
    }
    let phases = &mut experiment.phases;
    for phase in [&mut phases.warmup, &mut phases.baseline, &mut phases.chaos, &mut phases.recovery] {
        *phase = divide(*phase, factor);
    }
    experiment.workloads.values_mut().for_each(|workload| divide_curve(workload, factor));
    experiment.gates.iter_mut().for_each(|gate| divide_window(gate, factor));
    experiment
}

/// Rounded down, so that what fitted one behind the other still does.
fn divide(span: Span, factor: f64) -> Span {
    // In millionths of the factor all is done in whole numbers: a float would lose nanoseconds of a long run.
    let millionths = (factor * 1e6).round() as u128;
    let nanos = u128::from(span.as_nanos()) * 1_000_000 / millionths.max(1);
    let divided = Span::nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
    divided.max(span.min(SHORTEST))
}

fn divide_curve(workload: &mut Workload, factor: f64) {
    match workload.arrivals_mut() {
        Arrivals::Stages { stages, .. } => {
            stages.iter_mut().for_each(|stage| stage.over = divide(stage.over, factor));
        }
        Arrivals::Spikes { every, hold, ramp, .. } => {
            [every, hold, ramp].into_iter().for_each(|span| *span = divide(*span, factor));
        }
        Arrivals::Sine { period: span, .. } | Arrivals::Daily { day: span, .. } => {
            *span = divide(*span, factor)
        }
        // How often bursts come is a rate, and what was recorded came as it came.
        Arrivals::Constant(_)
        | Arrivals::Poisson(_)
        | Arrivals::Bursts { .. }
        | Arrivals::Replay { .. }
        | Arrivals::Closed { .. } => {}
    }
}

fn divide_window(gate: &mut Gate, factor: f64) {
    let window = match gate {
        Gate::Latency { over, .. }
        | Gate::ErrorRatio { over, .. }
        | Gate::Throughput { over, .. }
        | Gate::Resource { over, .. } => over,
        Gate::RecoveryTime { .. } | Gate::NoLeak { .. } => return,
    };
    if let Window::Between(from, to) = window {
        (*from, *to) = (divide(*from, factor), divide(*to, factor));
    }
}
