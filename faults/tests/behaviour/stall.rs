//! Stalls: nothing passes for a while, again and again, and all of it follows.

use crate::chain::Chain;
use crate::script::{Expected, Step, play, send};
use shakedown_faults::toxic::Toxic;
use shakedown_scenarios::units::Span;

#[test]
fn what_comes_within_a_stall_follows_at_its_end() {
    let stall = Toxic::Stall { every: Span::millis(200), hold: Span::millis(80) };
    let steps = [
        Step::Inject(1, stall),
        send("in"),
        Step::Wait(120),
        send("out"),
        Step::Wait(120),
        send("again"),
        Step::Wait(100),
    ];
    let at = &[(0, 80), (2, 120), (5, 280)];
    play(&steps, &Expected { bytes: b"inoutagain", at, pieces: 3, ..Expected::default() });
}

#[test]
fn stalls_come_again_and_again_and_lose_nothing() {
    let mut chain = Chain::under(Toxic::Stall { every: Span::millis(100), hold: Span::millis(30) });
    for step in 0..20 {
        chain.run_until(Span::millis(step * 10));
        chain.take(b"x");
    }
    chain.run_until(Span::secs(1));
    let left: Vec<u64> = chain.writes.iter().map(|(at, _)| at.as_nanos() / 1_000_000).collect();
    let expected = [30, 30, 30, 30, 40, 50, 60, 70, 80, 90, 130, 130, 130, 130, 140, 150, 160, 170, 180, 190];
    assert_eq!(left, expected);
    assert!(chain.evidence(1).bit());
}
