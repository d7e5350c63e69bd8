//! When requests are due: a rate over time, and how arrivals lie around it.
//!
//! Both kinds of spacing walk along the curve's integral, the number of arrivals that were to come up to a moment. Even
//! arrivals stand where it is 0, 1, 2, …; random ones where it is the running sum of unit exponentials, which is a
//! Poisson process of that rate by the time-change theorem (Daley and Vere-Jones, *An Introduction to the Theory of
//! Point Processes*, section 7.4). A due time is computed from its number and never from the one before it, so nothing
//! drifts.
//!
//! This knows no clock: a due time is a number, and chance comes in as an argument.

mod curve;

use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{Arrivals, Spacing};

pub use curve::Curve;

/// The due times of one load, in nanoseconds since its start, never falling, all before its end.
#[derive(Clone, Debug)]
pub struct DueTimes {
    curve: Curve,
    spacing: Spacing,
    chance: Chance,
    end: u64,
    /// Even: how many have come. Random: the running sum of unit exponentials.
    walked: f64,
    last: u64,
    ended: bool,
}

impl DueTimes {
    /// The due times of these arrivals before `end`. Evenly spaced arrivals draw nothing from `chance`. In the closed
    /// model there are none: what is due follows from the answers.
    #[must_use]
    pub fn new(arrivals: &Arrivals, chance: Chance, end: Span) -> Self {
        let spacing = match arrivals {
            Arrivals::Constant(_) | Arrivals::Closed { .. } => Spacing::Even,
            Arrivals::Poisson(_) => Spacing::Random,
            Arrivals::Stages { spacing, .. } => *spacing,
        };
        let curve = Curve::new(arrivals);
        Self { curve, spacing, chance, end: end.as_nanos(), walked: 0.0, last: 0, ended: false }
    }

    fn step(&mut self) -> f64 {
        match self.spacing {
            Spacing::Even => {
                let at = self.walked;
                self.walked += 1.0;
                at
            }
            Spacing::Random => {
                self.walked += self.chance.exponential(1.0);
                self.walked
            }
        }
    }
}

impl Iterator for DueTimes {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.ended {
            return None;
        }
        let at = self.step();
        let due = self.curve.moment(at).map(|seconds| (seconds * 1e9).round() as u64);
        match due.filter(|due| *due < self.end) {
            Some(due) => {
                // Two neighbours on a ramp may be rounded past each other by a nanosecond.
                self.last = due.max(self.last);
                Some(self.last)
            }
            None => {
                self.ended = true;
                None
            }
        }
    }
}

impl std::iter::FusedIterator for DueTimes {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shakedown_scenarios::seed::Streams;
    use shakedown_scenarios::units::Rate;
    use shakedown_scenarios::workload::Stage;

    use super::*;

    fn rate(hertz: f64) -> Rate {
        Rate::per_second(hertz).unwrap()
    }

    fn chance(seed: u64) -> Chance {
        Streams::new(seed).arrivals("test")
    }

    fn dues(arrivals: &Arrivals, seed: u64, end: Span) -> Vec<u64> {
        DueTimes::new(arrivals, chance(seed), end).collect()
    }

    fn stages(spacing: Spacing, stages: &[(f64, u64)]) -> Arrivals {
        let stage = |(hertz, millis): &(f64, u64)| Stage { rate: rate(*hertz), over: Span::millis(*millis) };
        Arrivals::Stages { spacing, stages: stages.iter().map(stage).collect() }
    }

    fn any_stages() -> impl Strategy<Value = Vec<(f64, u64)>> {
        let hertz = prop_oneof![1 => Just(0.0), 4 => 0.0..2_000.0];
        let millis = prop_oneof![1 => Just(0_u64), 4 => 1_u64..4_000];
        proptest::collection::vec((hertz, millis), 1..6)
    }

    #[test]
    fn constant_arrivals_stand_at_n_over_rate() {
        let due = dues(&Arrivals::Constant(rate(5_000.0)), 1, Span::secs(2));
        assert_eq!(due.len(), 10_000);
        assert!(due.iter().enumerate().all(|(n, due)| *due == n as u64 * 200_000));
    }

    #[test]
    fn constant_arrivals_have_not_drifted_after_two_days() {
        // A rate that no gap of whole nanoseconds fits: 3 in a second.
        let due = DueTimes::new(&Arrivals::Constant(rate(3.0)), chance(1), Span::secs(2 * 86_400));
        let last = due.enumerate().last().unwrap();
        assert_eq!(last, (3 * 2 * 86_400 - 1, 172_799_666_666_667));
    }

    #[test]
    fn nothing_comes_at_no_rate() {
        assert!(dues(&Arrivals::Constant(rate(0.0)), 1, Span::secs(60)).is_empty());
        assert!(dues(&Arrivals::Poisson(rate(0.0)), 1, Span::secs(60)).is_empty());
        assert!(dues(&stages(Spacing::Even, &[(0.0, 1_000), (0.0, 500)]), 1, Span::secs(60)).is_empty());
        assert!(dues(&Arrivals::Constant(rate(10.0)), 1, Span::ZERO).is_empty());
    }

    #[test]
    fn a_plateau_without_arrivals_is_waited_out() {
        let due = dues(&stages(Spacing::Even, &[(0.0, 2_000), (10.0, 0)]), 1, Span::secs(3));
        assert_eq!(due, (0..10).map(|n| 2_000_000_000 + n * 100_000_000).collect::<Vec<_>>());
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_the_variance_of_an_exponential() {
        let due = dues(&Arrivals::Poisson(rate(1_000.0)), 3, Span::secs(200));
        let gaps: Vec<f64> = due.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // 200,000 gaps: the mean's own deviation is 0.0022, the variance's 0.0063.
        assert!((mean - 1.0).abs() < 0.012, "mean {mean} ms");
        assert!((variance - 1.0).abs() < 0.035, "variance {variance} ms²");
    }

    #[test]
    fn poisson_counts_of_disjoint_seconds_have_a_variance_like_their_mean() {
        let due = dues(&Arrivals::Poisson(rate(100.0)), 5, Span::secs(2_000));
        let mut counts = vec![0.0_f64; 2_000];
        due.iter().for_each(|due| counts[usize::try_from(due / 1_000_000_000).unwrap()] += 1.0);
        let mean = counts.iter().sum::<f64>() / 2_000.0;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 2_000.0;
        assert!((variance / mean - 1.0).abs() < 0.15, "mean {mean}, variance {variance}");
    }

    #[test]
    fn due_times_are_pinned() {
        let poisson = DueTimes::new(&Arrivals::Poisson(rate(500.0)), chance(42), Span::secs(1));
        assert_eq!(poisson.take(4).collect::<Vec<_>>(), POISSON_GOLDEN);
        let ramp = stages(Spacing::Even, &[(10.0, 1_000), (30.0, 2_000), (0.0, 1_000)]);
        let even = dues(&ramp, 42, Span::secs(10));
        assert_eq!(even.len(), 65);
        assert_eq!([even[0], even[9], even[10], even[11], even[50], even[64]], RAMP_GOLDEN);
    }

    /// First due times of seed 42; a change here changes every run there ever was. The ramp's were worked out by hand:
    /// number 64 is 14 arrivals into the fall from 30/s over a second, at `28 / (30 + √60)` seconds.
    const POISSON_GOLDEN: [u64; 4] = [1_558_181, 1_673_311, 1_741_343, 3_082_505];
    const RAMP_GOLDEN: [u64; 6] =
        [0, 900_000_000, 1_000_000_000, 1_095_445_115, 3_000_000_000, 3_741_801_110];

    proptest! {
        // Each case walks through thousands of due times.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn even_arrivals_follow_the_integral_within_one(shape in any_stages(), end in 1_u64..15_000) {
            let arrivals = stages(Spacing::Even, &shape);
            let due = dues(&arrivals, 0, Span::millis(end));
            let curve = Curve::new(&arrivals);
            // At the end, and at every arrival on the way.
            prop_assert!((due.len() as f64 - curve.integral(end as f64 / 1e3)).abs() <= 1.0 + 1e-6);
            for (n, due) in due.iter().enumerate() {
                prop_assert!((curve.integral(*due as f64 / 1e9) - n as f64).abs() <= 1e-4, "number {n} at {due}");
            }
        }

        #[test]
        fn due_times_never_fall_and_never_reach_the_end(
            shape in any_stages(), random: bool, seed: u64, end in 1_u64..10_000,
        ) {
            let spacing = if random { Spacing::Random } else { Spacing::Even };
            let due = dues(&stages(spacing, &shape), seed, Span::millis(end));
            prop_assert!(due.is_sorted());
            prop_assert!(due.iter().all(|due| *due < end * 1_000_000));
        }

        #[test]
        fn random_arrivals_keep_to_the_integral_within_six_deviations(shape in any_stages(), seed: u64) {
            let arrivals = stages(Spacing::Random, &shape);
            let mean = Curve::new(&arrivals).integral(10.0);
            let count = dues(&arrivals, seed, Span::secs(10)).len() as f64;
            prop_assert!((count - mean).abs() <= 6.0 * mean.sqrt() + 12.0, "{count} came, {mean} were to come");
        }

        #[test]
        fn the_same_seed_gives_the_same_due_times_and_a_longer_load_begins_with_them(
            shape in any_stages(), seed: u64, end in 1_u64..5_000,
        ) {
            let arrivals = stages(Spacing::Random, &shape);
            let short = dues(&arrivals, seed, Span::millis(end));
            let long = dues(&arrivals, seed, Span::millis(2 * end));
            prop_assert!(long.starts_with(&short));
        }
    }
}
