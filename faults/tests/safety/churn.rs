//! Row 2: connections that come and go, 200 in a second, leave no descriptor behind.

use std::time::Duration;

use shakedown_faults::proxy::Proxy;

use crate::far::Far;
use crate::footprint::{CLEAN_WITHIN, Footprint, now, pause, wait_until};

const PER_SECOND: u32 = 200;

/// How much more memory may be allocated on average in the last third than in the middle one, bytes. In the first one
/// lists find their size: a moment that nobody wants any more stays in its list until it has come.
const GROWTH_MAX: f64 = 65_536.0;

/// How many more descriptors there may be at the least in the last third than in the first: those of one connection. How
/// many there are on average says how busy the machine is, at the least what is never given back.
const DRIFT_MAX: usize = 2;

pub fn play(arguments: &[String]) {
    let seconds: u32 = arguments[0].parse().unwrap();
    let mut far = Far::start();
    let proxy = Proxy::start(([127, 0, 0, 1], 0).into(), far.server, 42).unwrap();
    let churn = |seconds| format!("churn {} {PER_SECOND} {seconds}", proxy.address());
    assert_eq!(far.ask(&churn(1)), "0 failed");
    wait_until("closing all", CLEAN_WITHIN, || proxy.counters().open == 0);
    // What is measured is not to grow with its own samples.
    let mut samples = Vec::with_capacity(seconds as usize * 20);
    let before = Footprint::now();
    far.begin(&churn(seconds));
    let began = now();
    while began.elapsed() < Duration::from_secs(seconds.into()) {
        samples.push(Footprint::now());
        pause(Duration::from_millis(50));
    }
    assert_eq!(far.done(), "0 failed");
    before.wait_until_back();

    let third = samples.len() / 3;
    let thirds = [0, 1, 2].map(|at| &samples[at * third..][..third]);
    let descriptors = thirds.map(|all| all.iter().map(|it| it.descriptors).min().unwrap());
    let allocated = thirds.map(|all| all.iter().map(|it| it.allocated as f64).sum::<f64>() / third as f64);
    let after = Footprint::now();
    let all = PER_SECOND * seconds;
    println!(
        "{all} connections; in each third at least {descriptors:?} descriptors, {allocated:.0?} bytes allocated"
    );
    println!("{before:?}\n{after:?}");
    assert!(descriptors[2] <= descriptors[0] + DRIFT_MAX, "descriptors grow: {descriptors:?}");
    assert!(allocated[2] <= allocated[1] + GROWTH_MAX, "memory grows: {allocated:?}");
    assert_eq!(proxy.counters().accepted, u64::from(all + PER_SECOND));
}
