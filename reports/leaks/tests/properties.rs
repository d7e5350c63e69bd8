//! What must hold for any series.

use proptest::prelude::*;
use shakedown_leaks::{Finding, Verdict, detect};

const SAMPLES: usize = 1_200;

fn times() -> Vec<f64> {
    (0..SAMPLES).map(|at| at as f64 * 10.0).collect()
}

/// Noise without a generator: the fraction of multiples of an odd number.
fn noise(at: usize, key: u64) -> f64 {
    let mixed = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (key << 17)).rotate_left(23);
    let mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 29)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
}

/// A warm-up, a line, and noise.
fn series(warm_up: f64, line: f64, key: u64) -> Vec<f64> {
    let value = |at: usize| {
        let u = at as f64 / SAMPLES as f64;
        1_000.0 + warm_up * (1.0 - (-u / 0.05).exp()) + line * u + noise(at, key)
    };
    (0..SAMPLES).map(value).collect()
}

fn near(left: Option<f64>, right: Option<f64>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-3 * (left.abs() + right.abs()) + 1e-6,
        (left, right) => left == right,
    }
}

fn alike(left: &Finding, right: &Finding, scale: f64) -> bool {
    left.verdict == right.verdict
        && near(left.slope_per_hour.map(|it| it * scale), right.slope_per_hour)
        && near(left.slope_ci.map(|it| it[1] * scale), right.slope_ci.map(|it| it[1]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    // Other units change the figures by their ratio, and the verdict not at all.
    #[test]
    fn scale_changes_only_the_scale(warm_up in 0.0..40.0f64, line in 0.0..20.0f64, key in 0u64..1_000, power in -20i32..60) {
        let scale = 2f64.powi(power);
        let values = series(warm_up, line, key);
        let scaled: Vec<f64> = values.iter().map(|value| value * scale).collect();
        let (left, right) = (detect(&times(), &values), detect(&times(), &scaled));
        prop_assert!(alike(&left, &right, scale), "{left:?} {right:?}");
    }

    // A clock that started earlier moves moments, and nothing else.
    #[test]
    fn another_start_moves_only_moments(warm_up in 0.0..40.0f64, line in 0.0..20.0f64, key in 0u64..1_000, shift in 0u32..1_000_000) {
        let values = series(warm_up, line, key);
        let shift = f64::from(shift) * 1_024.0;
        let moved: Vec<f64> = times().iter().map(|time| time + shift).collect();
        let (left, right) = (detect(&times(), &values), detect(&moved, &values));
        prop_assert!(alike(&left, &right, 1.0), "{left:?} {right:?}");
        prop_assert!(near(left.onset_s.map(|it| it + shift), right.onset_s));
    }

    // What is always there is no growth.
    #[test]
    fn a_constant_changes_nothing(warm_up in 0.0..40.0f64, line in 0.0..20.0f64, key in 0u64..1_000, constant in -1e6..1e6f64) {
        let values = series(warm_up, line, key);
        let raised: Vec<f64> = values.iter().map(|value| value + constant).collect();
        let (left, right) = (detect(&times(), &values), detect(&times(), &raised));
        prop_assert!(alike(&left, &right, 1.0), "{left:?} {right:?}");
    }

    // A clear line makes a leak of a healthy trace, and its interval holds the line.
    #[test]
    fn a_clear_line_makes_a_leak(warm_up in 0.0..20.0f64, line in 10.0..40.0f64, key in 0u64..1_000) {
        let healthy = detect(&times(), &series(warm_up, 0.0, key));
        prop_assert_eq!(healthy.verdict, Verdict::NoLeak, "{:?}", healthy);
        let leaky = detect(&times(), &series(warm_up, line, key));
        prop_assert_eq!(leaky.verdict, Verdict::Leak, "{:?}", leaky);
    }

    // No series, however odd, makes it panic or say what is no number.
    #[test]
    fn nothing_panics(values in prop::collection::vec(prop_oneof![-1e140..1e140f64, -1.0..1.0f64, Just(0.0), Just(1e-300)], 0..400), step in 1e-3..1e6f64) {
        let times: Vec<f64> = (0..values.len()).map(|at| at as f64 * step).collect();
        let finding = detect(&times, &values);
        prop_assert!(finding.slope_per_hour.is_none_or(f64::is_finite), "{finding:?}");
        prop_assert!(finding.slope_ci.is_none_or(|[low, high]| low <= high && low.is_finite() && high.is_finite()), "{finding:?}");
        prop_assert!((0.0..=1.0).contains(&finding.confidence), "{finding:?}");
    }
}

#[test]
fn too_little_is_no_verdict() {
    for count in [0, 1, 2, 29] {
        let times: Vec<f64> = (0..count).map(|at| f64::from(at) * 60.0).collect();
        let finding = detect(&times, &times);
        assert_eq!(finding.verdict, Verdict::Inconclusive, "{count}: {finding:?}");
    }
    let short: Vec<f64> = (0..200).map(f64::from).collect();
    assert_eq!(detect(&short, &short).verdict, Verdict::Inconclusive);
    assert_eq!(detect(&times(), &vec![7.0; SAMPLES]).verdict, Verdict::NoLeak);
}
