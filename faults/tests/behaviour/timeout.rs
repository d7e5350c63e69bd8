//! A timeout: bytes are lost, and it ends after a while.

use crate::chain::Chain;
use crate::script::Finish::Finished;
use crate::script::{Expected, Step, play, send};
use shakedown_faults::toxic::{Over, Toxic};
use shakedown_scenarios::units::Span;

#[test]
fn nothing_passes_and_it_ends_in_time() {
    let steps = [Step::Inject(1, Toxic::Timeout { after: Span::millis(80) }), send("lost"), Step::Wait(120)];
    play(&steps, &Expected { end: Some((80, Finished)), ..Expected::default() });
}

#[test]
fn one_without_end_ends_when_it_heals() {
    let steps = [
        Step::Inject(1, Toxic::Timeout { after: Span::ZERO }),
        send("lost"),
        Step::Wait(60),
        Step::Heal(1),
        Step::Wait(20),
    ];
    play(&steps, &Expected { end: Some((60, Finished)), ..Expected::default() });
}

#[test]
fn a_timeout_counts_from_its_begin_whatever_is_sent() {
    let mut chain = Chain::under(Toxic::Timeout { after: Span::millis(500) });
    for step in 1..50 {
        chain.run_until(Span::millis(step * 10));
        chain.take(b"chatter");
    }
    assert_eq!((chain.over, chain.written.len()), (None, 0));
    chain.run_until(Span::millis(500));
    assert_eq!(chain.over, Some(Over::Closed));
    let mut removed = Chain::under(Toxic::Timeout { after: Span::ZERO });
    removed.run_until(Span::secs(9));
    assert_eq!(removed.over, None);
    removed.heal(1);
    assert_eq!(removed.over, Some(Over::Closed), "its heal closes connections, as in Toxiproxy");
}
