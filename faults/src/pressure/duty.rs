//! How a worker keeps a core busy for a share of the time. Pure: what passed comes in, what to do comes out.
//!
//! A worker that sleeps for fixed parts of each slice gets less than its share as soon as others want the core. This one
//! looks at the CPU time it really got and works until that is right.

use shakedown_scenarios::units::Span;

/// How long one turn of work and rest is: short against what a latency percentile over a second shows, long against
/// what a scheduler does.
pub(super) const SLICE: Span = Span::millis(20);

/// How far a worker that did not get its core may fall behind and still make up for it. More is forgiven, so that the
/// end of a jam is not followed by a burst.
const DEBT_MAX: Span = Span::millis(500);

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Work until the thread has had so much CPU time.
    Work {
        /// CPU time since the thread's start.
        until: Span,
    },
    /// Sleep until this moment.
    Rest {
        /// Time since the pressure's start.
        until: Span,
    },
}

/// The state of one worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Duty {
    load: f64,
    forgiven: Span,
}

impl Duty {
    /// A worker that keeps this share of a core busy, above 0 to 1.
    pub(super) const fn new(load: f64) -> Self {
        Self { load, forgiven: Span::ZERO }
    }

    /// What to do when so much time has passed and the thread has had so much CPU time.
    pub(super) fn step(&mut self, passed: Span, had: Span) -> Step {
        let slice_end =
            Span::nanos((passed.as_nanos() / SLICE.as_nanos() + 1).saturating_mul(SLICE.as_nanos()));
        let owed = Span::secs_f64(slice_end.as_secs_f64() * self.load).minus(self.forgiven);
        let behind = owed.minus(had);
        if behind.is_zero() {
            return Step::Rest { until: slice_end };
        }
        let most = Span::secs_f64(SLICE.as_secs_f64() * self.load).plus(DEBT_MAX);
        self.forgiven = self.forgiven.plus(behind.minus(most));
        Step::Work { until: had.plus(Span::nanos(behind.as_nanos().min(most.as_nanos()))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lets a worker run for a while on a core of which it gets a part when it wants it; the CPU time it had.
    fn had_after(load: f64, length: Span, core: f64) -> Span {
        let (mut duty, mut passed, mut had) = (Duty::new(load), Span::ZERO, Span::ZERO);
        while passed < length {
            match duty.step(passed, had) {
                Step::Rest { until } => passed = until,
                Step::Work { until } => {
                    // One scheduler's turn at a time.
                    let turn = until.minus(had).as_nanos().min(4_000_000);
                    had = had.plus(Span::nanos(turn));
                    passed = passed.plus(Span::nanos((turn as f64 / core) as u64));
                }
            }
        }
        had
    }

    #[test]
    fn a_worker_gets_its_share_alone_and_in_a_crowd() {
        for (load, core) in [(0.1, 1.0), (0.5, 1.0), (1.0, 1.0), (0.5, 0.6), (0.2, 0.25)] {
            let share = had_after(load, Span::secs(20), core).as_secs_f64() / 20.0;
            assert!((share - load).abs() < 0.01, "asked for {load} of a core at {core}: got {share}");
        }
    }

    #[test]
    fn the_end_of_a_jam_is_not_followed_by_a_long_burst() {
        let mut duty = Duty::new(0.5);
        let Step::Work { until } = duty.step(Span::secs(60), Span::ZERO) else { panic!("it is far behind") };
        assert!(until <= DEBT_MAX.plus(SLICE), "{until}");
        assert!(matches!(duty.step(Span::secs(60), until), Step::Rest { .. }));
    }

    proptest! {
        #[test]
        fn a_step_always_leads_on(load in 0.001f64..=1.0, passed in 0u64..1 << 40, had in 0u64..1 << 40) {
            let (passed, had) = (Span::nanos(passed), Span::nanos(had));
            match Duty::new(load).step(passed, had) {
                Step::Rest { until } => prop_assert!(until > passed && until <= passed.plus(SLICE)),
                Step::Work { until } => prop_assert!(until > had),
            }
        }
    }
}
