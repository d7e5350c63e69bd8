//! A partition: everything stops and nothing is lost, until it heals.

use crate::chain::Chain;
use crate::script::Finish::{Finished, Reset};
use crate::script::{Expected, Step, late, latency, play, send};
use shakedown_faults::toxic::{End, Toxic};
use shakedown_scenarios::units::Span;

#[test]
fn it_holds_bytes_and_lets_them_go_when_it_heals() {
    let steps =
        [Step::Inject(1, Toxic::Partition {}), send("held"), Step::Wait(100), Step::Heal(1), Step::Wait(10)];
    play(&steps, &Expected { bytes: b"held", at: &[(0, 100)], pieces: 1, ..Expected::default() });
}

#[test]
fn while_it_lasts_nothing_comes_not_even_an_end() {
    let steps =
        [Step::Inject(1, Toxic::Partition {}), send("held"), Step::Wait(20), Step::Finish, Step::Wait(100)];
    play(&steps, &Expected::default());
}

#[test]
fn it_holds_an_end_behind_the_bytes() {
    let steps = [
        Step::Inject(1, Toxic::Partition {}),
        send("held"),
        Step::Wait(20),
        Step::Finish,
        Step::Wait(80),
        Step::Heal(1),
        Step::Wait(10),
    ];
    let end = Some((100, Finished));
    play(&steps, &Expected { bytes: b"held", at: &[(0, 100)], pieces: 1, end, bit: true });
}

#[test]
fn it_holds_what_was_under_way_and_a_reset_behind_it() {
    let steps = [
        Step::Inject(2, late(300)),
        send("under way"),
        Step::Wait(20),
        Step::Inject(1, Toxic::Partition {}),
        send(" and after"),
        Step::Wait(20),
        Step::Break,
        Step::Wait(460),
        Step::Heal(1),
        Step::Wait(10),
    ];
    let end = Some((500, Reset));
    let at = &[(0, 500), (9, 500)];
    play(&steps, &Expected { bytes: b"under way and after", at, pieces: 2, end, bit: true });
}

#[test]
fn a_partition_holds_bytes_ends_and_what_was_under_way() {
    let mut chain = Chain::under(latency(Span::millis(50), Span::ZERO));
    chain.take(b"under way");
    chain.inject(2, Toxic::Partition {});
    chain.take(b" and after");
    chain.end(End::Reset);
    chain.run_until(Span::secs(5));
    assert_eq!((chain.writes.len(), chain.ended), (0, None));
    assert_eq!(chain.evidence(2).bytes_held, 19);
    chain.heal(2);
    chain.run_until(Span::secs(5));
    assert_eq!(
        (chain.written.as_slice(), chain.ended),
        (b"under way and after".as_slice(), Some((Span::secs(5), End::Reset)))
    );
}
