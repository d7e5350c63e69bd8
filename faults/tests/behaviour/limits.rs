//! Limits: after so many bytes, or so long, it ends.

use crate::chain::Chain;
use crate::script::Finish::{Finished, Reset};
use crate::script::{Expected, Step, play, send};
use shakedown_faults::toxic::{Over, Toxic};
use shakedown_scenarios::toxic::Ending;
use shakedown_scenarios::units::{Size, Span};

#[test]
fn so_many_bytes_pass_and_then_it_ends() {
    for (then, end) in
        [(Ending::Close, Some((20, Finished))), (Ending::Reset, Some((20, Reset))), (Ending::Stall, None)]
    {
        let limit = Toxic::LimitData { bytes: Size::bytes(8), then };
        let steps =
            [Step::Inject(1, limit), send("12345"), Step::Wait(20), send("678too much"), Step::Wait(50)];
        play(&steps, &Expected { bytes: b"12345678", at: &[(5, 20)], pieces: 2, end, bit: true });
    }
}

#[test]
fn after_so_long_it_ends_whatever_was_sent() {
    for (then, finish) in [(Ending::Close, Finished), (Ending::Reset, Reset)] {
        let limit = Toxic::LimitTime { after: Span::millis(300), then };
        let steps = [Step::Inject(1, limit), send("in time"), Step::Wait(350)];
        let end = Some((300, finish));
        play(&steps, &Expected { bytes: b"in time", at: &[(0, 0)], pieces: 1, end, bit: true });
    }
}

#[test]
fn a_limit_of_bytes_passes_just_these_and_then_ends() {
    for (then, over) in
        [(Ending::Close, Some(Over::Closed)), (Ending::Reset, Some(Over::RESET)), (Ending::Stall, None)]
    {
        let limit = |bytes| Toxic::LimitData { bytes: Size::bytes(bytes), then };
        let mut chain = Chain::under(limit(100));
        chain.take(&[1; 60]);
        chain.run_until(Span::millis(1));
        assert_eq!((chain.written.len(), chain.over), (60, None));
        chain.update(1, limit(90));
        chain.take(&[1; 60]);
        chain.run_until(Span::millis(2));
        assert_eq!((chain.written.len(), chain.over), (90, over), "an update keeps what has passed");
        assert!(chain.evidence(1).bit());
    }
}

#[test]
fn a_limit_of_time_ends_idle_connections_too() {
    let mut chain = Chain::under(Toxic::LimitTime { after: Span::secs(2), then: Ending::Close });
    assert_eq!(chain.pipe.deadline(), Some((Span::secs(2), Over::Closed)));
    chain.run_until(Span::millis(1_999));
    assert_eq!(chain.over, None);
    chain.run_until(Span::secs(2));
    assert_eq!(chain.over, Some(Over::Closed));
    assert!(chain.evidence(1).bit());
}
