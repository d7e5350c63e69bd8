//! When requests are due: a rate over time, and how arrivals lie around it.
//!
//! Both kinds of spacing walk along the curve's integral, the number of arrivals that were to come up to a moment. Even
//! arrivals stand where it is 0, 1, 2, …; random ones where it is the running sum of unit exponentials, which is a
//! Poisson process of that rate by the time-change theorem (Daley and Vere-Jones, *An Introduction to the Theory of
//! Point Processes*, section 7.4). A due time is computed from its number and never from the one before it, so nothing
//! drifts.
//!
//! Bursts and replays have no rate: theirs are counted off. This knows no clock: a due time is a number, and chance comes in as an argument.

mod curve;
mod source;

use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::Arrivals;

use self::source::Source;
use crate::users;

pub use curve::Curve;

/// The due times of one load, in nanoseconds since its start, never falling, all before its end.
#[derive(Clone, Debug)]
pub struct DueTimes {
    source: Source,
    end: u64,
    last: u64,
    ended: bool,
}

impl DueTimes {
    /// The due times of these arrivals before `end`. Evenly spaced arrivals, bursts and replays draw nothing from `chance`.
    /// In the closed model there are none: what is due follows from the answers.
    #[must_use]
    pub fn new(arrivals: &Arrivals, chance: Chance, end: Span) -> Self {
        Self { source: Source::new(arrivals, chance), end: end.as_nanos(), last: 0, ended: false }
    }
}

impl Iterator for DueTimes {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.ended {
            return None;
        }
        match self.source.next().filter(|due| *due < self.end) {
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

/// The highest rate, in requests a second, that room to wait and rests after failures are made for.
pub(crate) fn peak(arrivals: &Arrivals) -> f64 {
    match arrivals {
        // Not the moment's rate, which is endless: as many as come within a second, and one burst at least.
        Arrivals::Bursts { size, every, .. } => f64::from(*size) / every.as_secs_f64().clamp(1e-9, 1.0),
        Arrivals::Replay { trace, speed, .. } => trace.most_in_a_second() as f64 * speed,
        Arrivals::Closed { users, think } => users::peak(*users as usize, *think),
        _ => Curve::new(arrivals).peak(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shakedown_scenarios::seed::Streams;
    use shakedown_scenarios::trace::{Trace, TraceFormat};
    use shakedown_scenarios::units::Rate;
    use shakedown_scenarios::workload::{Spacing, Stage};

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

    fn replay(micros: &[u64], speed: f64) -> Arrivals {
        let trace = Trace::of(micros.to_vec()).unwrap();
        Arrivals::Replay { file: "trace.csv".into(), format: TraceFormat::Csv, speed, trace }
    }

    #[test]
    fn bursts_come_at_once_or_spread_and_do_not_drift() {
        let bursts = |over| Arrivals::Bursts { size: 3, every: Span::nanos(100), over };
        let at_once = dues(&bursts(Span::ZERO), 1, Span::nanos(201));
        assert_eq!(at_once, [0, 0, 0, 100, 100, 100, 200, 200, 200]);
        let spread = dues(&bursts(Span::nanos(60)), 1, Span::nanos(130));
        assert_eq!(spread, [0, 20, 40, 100, 120]);
        // Ten a second in bursts of a thousand, for two days.
        let long = Arrivals::Bursts { size: 1_000, every: Span::secs(100), over: Span::secs(3) };
        let last = DueTimes::new(&long, chance(1), Span::secs(2 * 86_400)).enumerate().last().unwrap();
        assert_eq!(last, (1_727_999, 172_702_997_000_000));
        assert_eq!((peak(&long), peak(&bursts(Span::ZERO))), (1_000.0, 3e7));
    }

    #[test]
    fn a_replay_keeps_its_times_and_a_faster_one_divides_them() {
        let micros = [7, 7, 10, 1_000_007];
        assert_eq!(dues(&replay(&micros, 1.0), 1, Span::secs(5)), [0, 0, 3_000, 1_000_000_000]);
        assert_eq!(dues(&replay(&micros, 2.0), 1, Span::secs(5)), [0, 0, 1_500, 500_000_000]);
        assert_eq!(
            dues(&replay(&micros, 0.5), 1, Span::secs(1)),
            [0, 0, 6_000],
            "the last is due after the end"
        );
        assert_eq!(peak(&replay(&micros, 2.0)), 6.0);
    }

    /// The first due times of shapes with a seed; a change here changes every run there ever was. They were worked out
    /// by hand from the unit exponentials that [`POISSON_GOLDEN`] walks along: 0.779, 0.837, 0.871, 1.541.
    #[test]
    fn due_times_of_repeated_curves_are_pinned() {
        let spikes = Arrivals::Spikes {
            spacing: Spacing::Random,
            base: rate(0.0),
            peak: rate(1.0),
            every: Span::secs(10),
            hold: Span::secs(1),
            ramp: Span::ZERO,
        };
        let due: Vec<u64> = DueTimes::new(&spikes, chance(42), Span::secs(60)).take(4).collect();
        let unit = POISSON_GOLDEN.map(|due| due as f64 / 2e6);
        let expected = unit.map(|unit| (unit + 9.0 * (unit.floor() + 1.0)) * 1e9);
        for (due, expected) in due.iter().zip(expected) {
            assert!((*due as f64 - expected).abs() <= 500.0, "{due} for {expected}");
        }
        assert_eq!(due, SPIKES_GOLDEN);
        let sine = Arrivals::Sine {
            spacing: Spacing::Even,
            mean: rate(10.0),
            amplitude: rate(10.0),
            period: Span::secs(1),
        };
        assert_eq!(dues(&sine, 42, Span::secs(1)), SINE_GOLDEN);
    }

    const SPIKES_GOLDEN: [u64; 4] = [9_779_090_613, 9_836_655_348, 9_870_671_735, 19_541_252_681];
    /// By a second implementation; within 30 µs of the inverse of `10 t + 10 (1 - cos 2πt) / 2π`.
    const SINE_GOLDEN: [u64; 10] = [
        0,
        80_211_896,
        141_294_757,
        194_876_096,
        245_424_173,
        295_738_618,
        348_511_118,
        407_712_861,
        482_643_619,
        637_453_502,
    ];

    fn any_repeated() -> impl Strategy<Value = (Arrivals, bool)> {
        let spacing = |random| if random { Spacing::Random } else { Spacing::Even };
        let spikes = (0.0..500.0, 1.0..500.0, 0..400_u64, 0..200_u64, 1..500_u64, any::<bool>()).prop_map(
            move |(base, above, hold, ramp, calm, random)| {
                let every = Span::millis(hold + 2 * ramp + calm);
                let (hold, ramp) = (Span::millis(hold), Span::millis(ramp));
                let peak = rate(base + above);
                (
                    Arrivals::Spikes { spacing: spacing(random), base: rate(base), peak, every, hold, ramp },
                    random,
                )
            },
        );
        let sine = (1.0..500.0, 0.0..=1.0, 10..5_000_u64, any::<bool>()).prop_map(
            move |(mean, share, period, random)| {
                let amplitude = rate(mean * share);
                let period = Span::millis(period);
                (Arrivals::Sine { spacing: spacing(random), mean: rate(mean), amplitude, period }, random)
            },
        );
        let hours = proptest::collection::vec(prop_oneof![Just(0.0), 0.0..500.0], 24);
        let daily = (hours, 24..5_000_u64, any::<bool>()).prop_map(move |(hours, day, random)| {
            let rates = hours.into_iter().map(rate).collect();
            (Arrivals::Daily { spacing: spacing(random), rates, day: Span::millis(day) }, random)
        });
        prop_oneof![spikes, sine, daily]
    }

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
        fn repeated_curves_keep_to_their_integral((arrivals, random) in any_repeated(), seed: u64, end in 1_u64..20_000) {
            let due = dues(&arrivals, seed, Span::millis(end));
            prop_assert!(due.is_sorted() && due.iter().all(|due| *due < end * 1_000_000));
            let mean = Curve::new(&arrivals).integral(end as f64 / 1e3);
            let room = if random { 6.0 * mean.sqrt() + 12.0 } else { 1.0 + 1e-6 };
            prop_assert!((due.len() as f64 - mean).abs() <= room, "{} came, {mean} were to come", due.len());
        }

        #[test]
        fn every_lap_of_a_curve_is_like_the_first((arrivals, _) in any_repeated(), laps in 1..1_000_u32, part in 0.0..1.0) {
            let length = match &arrivals {
                Arrivals::Spikes { every: span, .. }
                | Arrivals::Sine { period: span, .. }
                | Arrivals::Daily { day: span, .. } => span.as_secs_f64(),
                _ => unreachable!("nothing else is made"),
            };
            let curve = Curve::new(&arrivals);
            let (whole, inside) = (curve.integral(length), curve.integral(part * length));
            let later = curve.integral((f64::from(laps) + part) * length);
            prop_assert!((later - f64::from(laps) * whole - inside).abs() <= 1e-6 * (1.0 + later));
        }

        #[test]
        fn a_replay_has_the_times_of_its_trace(
            micros in proptest::collection::vec(0..10_000_000_u64, 1..300), speed in 0.1..10.0_f64, end in 1..20_000_u64,
        ) {
            let due = dues(&replay(&micros, speed), 0, Span::millis(end));
            let first = micros.iter().min().unwrap();
            let mut expected: Vec<f64> = micros.iter().map(|at| (at - first) as f64 * 1e3 / speed).collect();
            expected.sort_by(f64::total_cmp);
            expected.retain(|at| at.round() < (end * 1_000_000) as f64);
            prop_assert_eq!(due.len(), expected.len());
            prop_assert!(due.iter().zip(&expected).all(|(due, at)| (*due as f64 - at).abs() <= 1.0));
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
