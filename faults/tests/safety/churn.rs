//! Row 2: connections that come and go, 200 in a second, leave no descriptor behind.

use std::time::Duration;

use shakedown_faults::proxy::Proxy;

use crate::far::Far;
use crate::footprint::{CLEAN_WITHIN, Footprint, now, pause, wait_until};

const PER_SECOND: u32 = 200;

/// How much more descriptors there may be on average in the last third than in the first: those of one connection.
const DRIFT_MAX: f64 = 2.0;

pub fn play(arguments: &[String]) {
    let seconds: u32 = arguments[0].parse().unwrap();
    let mut far = Far::start();
    let proxy = Proxy::start(([127, 0, 0, 1], 0).into(), far.server, 42).unwrap();
    let churn = |seconds| format!("churn {} {PER_SECOND} {seconds}", proxy.address());
    assert_eq!(far.ask(&churn(1)), "0 failed");
    wait_until("closing all", CLEAN_WITHIN, || proxy.counters().open == 0);
    let before = Footprint::now();
    far.begin(&churn(seconds));
    let (began, mut samples) = (now(), Vec::new());
    while began.elapsed() < Duration::from_secs(seconds.into()) {
        samples.push(Footprint::now());
        pause(Duration::from_millis(50));
    }
    assert_eq!(far.done(), "0 failed");
    before.wait_until_back();

    let mean = |samples: &[Footprint]| {
        samples.iter().map(|it| it.descriptors as f64).sum::<f64>() / samples.len() as f64
    };
    let third = samples.len() / 3;
    let (first, last) = (mean(&samples[..third]), mean(&samples[samples.len() - third..]));
    let after = Footprint::now();
    let all = PER_SECOND * seconds;
    println!("{all} connections: {first:.2} descriptors on average at first, {last:.2} at last");
    println!("{before:?}\n{after:?}");
    assert!(last <= first + DRIFT_MAX, "descriptors grow from {first} to {last}");
    assert_eq!(proxy.counters().accepted, u64::from(all + PER_SECOND));
}
