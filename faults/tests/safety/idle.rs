//! Row 1: ten thousand idle connections (or 95 % of the limit on descriptors): none refused, at most 8 KiB of memory for
//! each, and all clean after their close.

use shakedown_faults::proxy::Proxy;

use crate::far::Far;
use crate::footprint::{CLEAN_WITHIN, Footprint, raise_limit, wait_until};

/// What a connection may take, bytes.
const EACH_MAX: f64 = 8192.0;

/// What a second round may take that the first did not, bytes.
const GROWTH_MAX: u64 = 1 << 20;

/// What may stay allocated after all are closed, bytes: lists that keep their room.
const LEFT_MAX: u64 = 256 << 10;

pub fn play(arguments: &[String]) {
    let wanted: usize = arguments[0].parse().unwrap();
    // Each takes two descriptors here.
    let count = wanted.min(raise_limit() / 100 * 95 / 2);
    let mut far = Far::start();
    let proxy = Proxy::start(([127, 0, 0, 1], 0).into(), far.server, 42).unwrap();
    // What the first connection brings with it is not what the next ones cost.
    round(&mut far, &proxy, 1);
    let before = Footprint::now();
    let first = round(&mut far, &proxy, count);
    before.wait_until_back();
    let second = round(&mut far, &proxy, count);
    before.wait_until_back();
    let after = Footprint::now();

    let each = (first.memory.saturating_sub(before.memory)) as f64 / count as f64;
    println!("{count} connections: {each:.0} bytes each; before, open, open again and after:");
    println!("{before:?}\n{first:?}\n{second:?}\n{after:?}");
    assert!(each <= EACH_MAX, "{each} bytes each");
    assert_eq!(first.descriptors, before.descriptors + 2 * count);
    assert!(second.memory <= first.memory + GROWTH_MAX, "memory grows with each round");
    assert!(after.allocated <= before.allocated + LEFT_MAX, "memory is not given back");
    let counters = proxy.counters();
    assert_eq!((counters.accepted, counters.dial_failures), (2 * count as u64 + 1, 0));
}

/// Opens so many that each come through to the server; what that takes.
fn round(far: &mut Far, proxy: &Proxy, count: usize) -> Footprint {
    let said = far.ask(&format!("connect {} {count}", proxy.address()));
    assert_eq!(said, format!("{count} open"));
    assert_eq!(proxy.counters().open, count as u64);
    let footprint = Footprint::now();
    assert_eq!(far.ask("close"), "closed");
    wait_until("closing all", CLEAN_WITHIN, || proxy.counters().open == 0);
    footprint
}
