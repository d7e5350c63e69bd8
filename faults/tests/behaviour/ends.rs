//! Ends: later than the bytes before them, or lost.

use crate::chain::Chain;
use crate::script::Finish::Finished;
use crate::script::{Expected, Step, play, send};
use shakedown_faults::toxic::{End, Toxic};
use shakedown_scenarios::units::Span;

#[test]
fn without_toxics_they_pass_at_once() {
    let steps = [send("bytes"), Step::Wait(20), Step::Finish, Step::Wait(20)];
    let end = Some((20, Finished));
    play(&steps, &Expected { bytes: b"bytes", at: &[(0, 0)], pieces: 1, end, bit: false });
}

#[test]
fn an_end_can_be_later_than_its_bytes() {
    let toxic = Toxic::SlowClose { delay: Span::millis(80) };
    let steps = [Step::Inject(1, toxic), send("bytes"), Step::Wait(20), Step::Finish, Step::Wait(120)];
    let end = Some((100, Finished));
    play(&steps, &Expected { bytes: b"bytes", at: &[(0, 0)], pieces: 1, end, bit: true });
}

#[test]
fn an_end_can_be_lost() {
    let steps =
        [Step::Inject(1, Toxic::DropEnd {}), send("bytes"), Step::Wait(20), Step::Finish, Step::Wait(60)];
    play(&steps, &Expected { bytes: b"bytes", at: &[(0, 0)], pieces: 1, ..Expected::default() });
}

#[test]
fn ends_can_be_late_or_lost_while_bytes_are_not() {
    let mut late = Chain::under(Toxic::SlowClose { delay: Span::millis(300) });
    late.take(b"bytes");
    late.end(End::Finished);
    late.run_until(Span::secs(1));
    assert_eq!(
        (late.writes.as_slice(), late.ended),
        ([(Span::ZERO, 5)].as_slice(), Some((Span::millis(300), End::Finished)))
    );
    assert!(late.evidence(1).bit());
    let mut lost = Chain::under(Toxic::DropEnd {});
    lost.take(b"bytes");
    lost.end(End::Finished);
    lost.run_until(Span::secs(1));
    assert_eq!((lost.written.as_slice(), lost.ended), (b"bytes".as_slice(), None));
    assert!(lost.evidence(1).bit());
}
