//! Latency: every chunk is later, by a deadline of its own.

use proptest::prelude::*;
use shakedown_scenarios::units::Span;

use crate::chain::Chain;
use crate::script::Finish::{Finished, Reset};
use crate::script::{Expected, Step, late, latency, play, send};

#[test]
fn each_chunk_is_late_by_itself() {
    play(
        &[Step::Inject(1, late(100)), send("one"), Step::Wait(30), send("two"), Step::Wait(200)],
        &Expected { bytes: b"onetwo", at: &[(0, 100), (3, 130)], pieces: 2, ..Expected::default() },
    );
}

#[test]
fn two_latencies_add() {
    play(
        &[Step::Inject(1, late(30)), Step::Inject(2, late(12)), send("x"), Step::Wait(100)],
        &Expected { bytes: b"x", at: &[(0, 42)], pieces: 1, ..Expected::default() },
    );
}

#[test]
fn a_healed_latency_holds_nothing_back_and_a_living_one_still_does() {
    let steps = [
        Step::Inject(1, late(500)),
        Step::Inject(2, late(60)),
        send("x"),
        Step::Wait(20),
        Step::Heal(1),
        Step::Wait(100),
    ];
    play(&steps, &Expected { bytes: b"x", at: &[(0, 60)], pieces: 1, bit: false, ..Expected::default() });
}

#[test]
fn an_end_is_as_late_as_bytes_are() {
    let steps =
        [Step::Inject(1, late(50)), send("last words"), Step::Wait(30), Step::Finish, Step::Wait(100)];
    let end = Some((80, Finished));
    play(&steps, &Expected { bytes: b"last words", at: &[(9, 50)], pieces: 1, end, bit: true });
}

#[test]
fn a_reset_is_as_late_as_bytes_are() {
    let steps = [Step::Inject(1, late(50)), send("last words"), Step::Wait(30), Step::Break, Step::Wait(100)];
    let end = Some((80, Reset));
    play(&steps, &Expected { bytes: b"last words", at: &[(9, 50)], pieces: 1, end, bit: true });
}

#[test]
fn a_change_is_for_what_comes_after_it() {
    let steps = [
        Step::Inject(1, late(100)),
        send("a"),
        Step::Wait(20),
        Step::Update(1, late(200)),
        send("b"),
        Step::Wait(300),
    ];
    play(&steps, &Expected { bytes: b"ab", at: &[(0, 100), (1, 220)], pieces: 2, ..Expected::default() });
}

#[test]
fn delays_never_add_up_over_queued_chunks() {
    let mut chain = Chain::under(latency(Span::millis(100), Span::ZERO));
    for step in 0..200 {
        chain.run_until(Span::millis(step));
        chain.take(&[step as u8]);
    }
    chain.run_until(Span::secs(10));
    let late = chain.writes.iter().enumerate().map(|(step, (at, _))| at.minus(Span::millis(step as u64)));
    assert!(late.clone().count() == 200 && late.into_iter().all(|late| late == Span::millis(100)));
    let evidence = chain.evidence(1);
    assert_eq!((evidence.chunks_delayed, evidence.mean_delay), (200, Span::millis(100)));
    assert!(evidence.bit());
}

#[test]
fn safety_13_the_same_seed_gives_the_same_fates() {
    let mut chain = Chain::under(latency(Span::millis(100), Span::millis(20)));
    for start in [0, 1_000, 2_000] {
        chain.run_until(Span::millis(start));
        chain.take(b"x");
    }
    chain.run_until(Span::secs(10));
    let moments: Vec<u64> = chain.writes.iter().map(|(at, _)| at.as_nanos()).collect();
    assert_eq!(moments, [111_903_813, 1_087_781_460, 2_104_963_413]);
}

proptest! {
    /// Under one latency that stays, no chunk leaves before its own deadline, nor later than the latest deadline of those
    /// before it.
    #[test]
    fn no_chunk_is_early_and_none_later_than_order_asks(
        delay in 1u64..100_000_000,
        jitter in 0u64..100_000_000,
        gaps in prop::collection::vec(0u64..40_000_000, 1..40),
    ) {
        let mut chain = Chain::under(latency(Span::nanos(delay), Span::nanos(jitter)));
        let mut came = Vec::new();
        for gap in gaps {
            let until = chain.now.plus(Span::nanos(gap));
            chain.run_until(until);
            came.push(chain.now);
            chain.take(&[0]);
        }
        chain.run_until(Span::secs(1_000));
        prop_assert_eq!(chain.writes.len(), came.len());
        let mut latest = Span::ZERO;
        for ((left, _), came) in chain.writes.iter().zip(came) {
            prop_assert!(*left >= came.plus(Span::nanos(delay)).minus(Span::nanos(jitter)));
            latest = latest.max(came.plus(Span::nanos(delay + jitter)));
            prop_assert!(*left <= latest);
        }
    }
}
