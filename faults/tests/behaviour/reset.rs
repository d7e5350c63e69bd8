//! A reset: now, or after a while, of both sides or of one.

use crate::chain::Chain;
use crate::script::Finish::Reset;
use crate::script::{Expected, Step, play, send};
use shakedown_faults::toxic::{Over, Toxic};
use shakedown_scenarios::toxic::Side;
use shakedown_scenarios::units::Span;

#[test]
fn both_sides_are_reset_when_its_time_has_come() {
    let reset = Toxic::Reset { after: Span::millis(60), side: Side::Both };
    let steps = [send("before"), Step::Wait(20), Step::Inject(1, reset), Step::Wait(100)];
    let end = Some((80, Reset));
    play(&steps, &Expected { bytes: b"before", at: &[(0, 0)], pieces: 1, end, bit: true });
}

#[test]
fn a_reset_has_its_time_and_its_side() {
    let reset = Toxic::Reset { after: Span::millis(30), side: Side::Client };
    let mut chain = Chain::under(reset);
    chain.run_until(Span::millis(29));
    assert_eq!(chain.over, None);
    chain.run_until(Span::millis(30));
    assert_eq!(chain.over, Some(Over::Reset(Side::Client)));
}
