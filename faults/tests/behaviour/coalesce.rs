//! Coalescing: small chunks wait for each other.

use crate::chain::Chain;
use crate::script::{Expected, Step, play, send};
use shakedown_faults::toxic::{End, Toxic};
use shakedown_scenarios::toxic::Ending;
use shakedown_scenarios::units::{Bandwidth, Size, Span};

#[test]
fn small_chunks_come_as_one_when_the_window_closes_or_enough_is_there() {
    let toxic = Toxic::Coalesce { window: Span::millis(400), size: Size::bytes(10) };
    let steps = [Step::Inject(1, toxic), send("abc"), Step::Wait(30), send("def"), Step::Wait(450)];
    play(&steps, &Expected { bytes: b"abcdef", at: &[(0, 400)], pieces: 1, ..Expected::default() });
    let enough = [&steps[..4], &[Step::Wait(20), send("ghij"), Step::Wait(100)]].concat();
    play(&enough, &Expected { bytes: b"abcdefghij", at: &[(0, 50)], pieces: 1, ..Expected::default() });
}

#[test]
fn small_chunks_wait_for_each_other_and_no_longer_than_they_may() {
    let mut chain = Chain::under(Toxic::Coalesce { window: Span::millis(40), size: Size::bytes(10) });
    chain.take(b"abc");
    chain.run_until(Span::millis(10));
    chain.take(b"defg");
    chain.run_until(Span::millis(30));
    assert!(chain.writes.is_empty());
    chain.run_until(Span::millis(50));
    assert_eq!(chain.writes, [(Span::millis(40), 7)]);
    chain.take(b"0123456789ab");
    chain.run_until(Span::millis(50));
    assert_eq!(chain.writes[1..], [(Span::millis(50), 12)], "enough is enough");
    chain.take(b"last");
    chain.end(End::Finished);
    chain.run_until(Span::millis(50));
    assert_eq!(chain.ended, Some((Span::millis(50), End::Finished)), "an end waits for nobody");
}

#[test]
fn what_is_gathered_keeps_to_the_limits_of_others() {
    for (limit, most) in [
        (Toxic::LimitData { bytes: Size::bytes(5), then: Ending::Stall }, 5),
        (Toxic::bandwidth(Bandwidth::bytes_per_second(1_000)), 20),
    ] {
        let mut chain = Chain::under(Toxic::Coalesce { window: Span::millis(10), size: Size::bytes(100) });
        chain.inject(2, limit.clone());
        for _ in 0..50 {
            chain.take(b"xx");
        }
        chain.run_until(Span::millis(20));
        assert!(chain.written.len() <= most, "{limit:?}: {}", chain.written.len());
    }
}
