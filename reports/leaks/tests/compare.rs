//! Runs of two builds, as the detector sees them.

use shakedown_leaks::{Finding, Worse, compare, detect};

/// Two hours every ten seconds: a warm-up, a leak an hour, and noise.
fn run(per_hour: f64, key: u64) -> Finding {
    let noise = |at: u64| {
        let mixed = (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (key << 17)).rotate_left(23);
        let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 29)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let times: Vec<f64> = (0..720).map(|at| f64::from(at) * 10.0).collect();
    let value = |(at, time): (usize, &f64)| {
        200.0 + 8.0 * (1.0 - (-time / 300.0).exp()) + per_hour * time / 3_600.0 + noise(at as u64)
    };
    let values: Vec<f64> = times.iter().enumerate().map(value).collect();
    detect(&times, &values)
}

#[test]
fn a_build_that_leaks_more_is_worse_and_one_that_leaks_as_much_is_not() {
    let (mut yes, mut no, mut covered) = (0, 0, 0);
    for key in 0..20 {
        let baseline = run(4.0, key);
        let worse = compare(&run(9.0, key + 100), &baseline, 1.0);
        assert_ne!(worse.worse, Worse::No, "{worse:?}");
        yes += u32::from(worse.worse == Worse::Yes);
        let difference = worse.difference_per_hour.unwrap();
        covered += u32::from((difference.ci[0]..=difference.ci[1]).contains(&5.0));
        for (left, right) in [(run(4.0, key + 200), baseline), (run(0.0, key + 300), run(0.0, key + 400))] {
            let same = compare(&left, &right, 3.0);
            assert_ne!(same.worse, Worse::Yes, "{same:?}");
            no += u32::from(same.worse == Worse::No);
        }
    }
    assert!(yes >= 18 && no >= 36 && covered >= 18, "{yes} and {covered} of 20, {no} of 40");
}
