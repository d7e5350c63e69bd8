//! What follows requests and what follows time, on series with realistic noise and load held in phases.

use std::f64::consts::TAU;

use proptest::prelude::*;
use shakedown_leaks::{Floors, Follows, LoadFinding, Pace, floors, paces, under_load};

const STEP: f64 = 10.0;
/// Samples in a phase: an hour.
const PHASE: usize = 360;

/// Idle, plain, double, idle; and once more.
const ONCE: [f64; 4] = [0.0, 50.0, 100.0, 0.0];
const TWICE: [f64; 7] = [0.0, 50.0, 100.0, 0.0, 50.0, 100.0, 0.0];

fn uniform(at: u64, key: u64) -> f64 {
    let mixed = (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (key << 17)).rotate_left(23);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 29)) >> 11) as f64 / (1u64 << 53) as f64
}

fn normal(at: usize, key: u64) -> f64 {
    let at = 2 * at as u64;
    (-2.0 * (1.0 - uniform(at, key)).ln()).sqrt() * (TAU * uniform(at + 1, key)).cos()
}

struct Held {
    times: Vec<f64>,
    requests: Vec<f64>,
    values: Vec<f64>,
}

/// A server of 100 MB that needs 5 MB more for each 50 requests/s, with collections and wandering noise; and what grows, of
/// seconds and requests so far.
fn held(rates: &[f64], key: u64, grows: impl Fn(f64, f64) -> f64) -> Held {
    let mut held = Held { times: Vec::new(), requests: Vec::new(), values: Vec::new() };
    let (mut count, mut wanders) = (0.0, 0.0);
    for at in 0..rates.len() * PHASE {
        let (time, rate) = (at as f64 * STEP, rates[at / PHASE]);
        count += rate * STEP * (1.0 + 0.05 * normal(at, key + 1_000));
        wanders = 0.95 * wanders + 0.05 * normal(at, key);
        let tooth = (count / 20_000.0).fract();
        held.times.push(time);
        held.requests.push(count.round());
        held.values.push(
            100.0 + 0.1 * rate + wanders + 0.3 * tooth + 0.2 * normal(at, key + 7) + grows(time, count),
        );
    }
    held
}

fn judged(rates: &[f64], key: u64, grows: impl Fn(f64, f64) -> f64) -> LoadFinding {
    let held = held(rates, key, grows);
    under_load(&held.times, &held.values, &held.requests)
}

#[test]
fn a_leak_for_each_request_follows_requests_with_its_size() {
    let (mut right, mut covered) = (0, 0);
    for key in 0..20 {
        let finding = judged(&ONCE, key, |_, count| 2e-5 * count);
        right += u32::from(finding.follows == Follows::Requests);
        let covers = finding.per_request.is_some_and(|it| (it.ci[0]..=it.ci[1]).contains(&2e-5));
        covered += u32::from(covers);
        assert_ne!(finding.follows, Follows::Time, "{finding:?}");
    }
    assert!(right >= 19, "{right} of 20");
    assert!(covered >= 17, "{covered} of {right}");
}

#[test]
fn a_leak_for_each_second_follows_time_with_its_size() {
    let (mut right, mut covered) = (0, 0);
    for key in 0..20 {
        let finding = judged(&ONCE, key, |time, _| 3.0 * time / 3_600.0);
        right += u32::from(finding.follows == Follows::Time);
        covered += u32::from(finding.per_hour.is_some_and(|it| (it.ci[0]..=it.ci[1]).contains(&3.0)));
        assert_ne!(finding.follows, Follows::Requests, "{finding:?}");
    }
    assert!(right >= 19, "{right} of 20");
    assert!(covered >= 17, "{covered} of {right}");
}

#[test]
fn what_is_steady_and_a_cache_that_fills_follow_neither() {
    let mut neither = 0;
    for key in 0..20 {
        let steady = judged(&ONCE, key, |_, _| 0.0);
        let fills = judged(&TWICE, key, |_, count| 12.0 * (1.0 - (-count / 120_000.0).exp()));
        for finding in [steady, fills] {
            neither += u32::from(finding.follows == Follows::Neither);
            assert!(!matches!(finding.follows, Follows::Requests | Follows::Time), "{finding:?}");
        }
    }
    assert!(neither >= 32, "{neither} of 40");
}

#[test]
fn at_one_steady_rate_nobody_can_tell() {
    let finding = judged(&[50.0, 50.0, 50.0], 1, |_, count| 2e-5 * count);
    assert_eq!(finding.follows, Follows::Unknown);
    assert!(finding.why.is_some_and(|why| why.contains("hardly changes")), "{finding:?}");
}

#[test]
fn a_leak_leaves_each_floor_higher_and_a_filled_cache_does_not() {
    for key in 0..10 {
        let leak = held(&TWICE, key, |_, count| 2e-5 * count);
        let found = floors(&leak.times, &leak.values, &leak.requests);
        assert_eq!((found.floors, found.levels.len()), (Floors::Rise, 3), "{found:?}");
        let per_request = found.per_request.unwrap();
        assert!((per_request.value / 2e-5 - 1.0).abs() < 0.2, "{per_request:?}");
        let cache = held(&TWICE, key, |_, count| 12.0 * (1.0 - (-count / 60_000.0).exp()));
        let found = floors(&cache.times, &cache.values, &cache.requests);
        assert!(matches!(found.floors, Floors::Level | Floors::Settle), "{found:?}");
        let once = held(&ONCE, key, |_, count| 2e-5 * count);
        assert_eq!(floors(&once.times, &once.values, &once.requests).floors, Floors::RoseOnce);
    }
}

#[test]
fn a_leak_doubles_at_the_double_rate_and_a_fill_slows() {
    let pace = |key: u64, grows: &dyn Fn(f64, f64) -> f64| {
        let held = held(&ONCE, key, grows);
        paces(&held.times, &held.values, &held.requests).pace
    };
    let mut right = 0;
    for key in 0..10 {
        right += u32::from(pace(key, &|_, count| 4e-5 * count) == Pace::Requests);
        right += u32::from(pace(key, &|time, _| 10.0 * time / 3_600.0) == Pace::Time);
        right += u32::from(pace(key, &|_, count| 40.0 * (1.0 - (-count / 100_000.0).exp())) == Pace::Slows);
    }
    assert!(right >= 27, "{right} of 30");
}

#[test]
fn what_cannot_be_judged_is_unknown() {
    let held = held(&ONCE, 1, |_, _| 0.0);
    let short = under_load(&held.times[..20], &held.values[..20], &held.requests[..20]);
    assert_eq!(short.follows, Follows::Unknown);
    let uneven = under_load(&held.times, &held.values[1..], &held.requests);
    assert_eq!(uneven.follows, Follows::Unknown);
    let none = under_load(&held.times, &held.values, &vec![0.0; held.times.len()]);
    assert_eq!((none.follows, none.why), (Follows::Unknown, Some("no requests")));
    let mut odd = held.values.clone();
    odd[7] = f64::NAN;
    assert_eq!(under_load(&held.times, &odd, &held.requests).follows, Follows::Unknown);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // Another unit of the values changes sizes by its ratio, and the answer not at all; a counter that was reset, nothing.
    #[test]
    fn units_and_resets_change_nothing(key in 0u64..500, grows in 0.0..5e-5f64, power in -20i32..20, reset in 100usize..1_400) {
        let held = held(&ONCE, key, |_, count| grows * count);
        let first = under_load(&held.times, &held.values, &held.requests);
        let scaled: Vec<f64> = held.values.iter().map(|value| value * 2f64.powi(power)).collect();
        let second = under_load(&held.times, &scaled, &held.requests);
        prop_assert_eq!(first.follows, second.follows);
        if let (Some(first), Some(second)) = (first.per_request, second.per_request) {
            prop_assert!((first.value * 2f64.powi(power) / second.value - 1.0).abs() < 1e-6);
        }
        let taken = held.requests[reset - 1];
        let counter: Vec<f64> =
            held.requests.iter().enumerate().map(|(at, count)| if at < reset { *count } else { count - taken }).collect();
        prop_assert_eq!(first.follows, under_load(&held.times, &held.values, &counter).follows);
    }

    // No series, however odd, makes it panic.
    #[test]
    fn nothing_panics(rows in prop::collection::vec((-1e100..1e100f64, prop_oneof![0.0..1e12f64, Just(f64::NAN), Just(-5.0)]), 0..300), step in 0.0..1e5f64) {
        let times: Vec<f64> = (0..rows.len()).map(|at| at as f64 * step).collect();
        let (values, requests): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
        let finding = under_load(&times, &values, &requests);
        prop_assert!((0.0..=1.0).contains(&finding.confidence), "{finding:?}");
    }
}
