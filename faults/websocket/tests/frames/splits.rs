//! Splitting: where bytes are cut says nothing, and nothing is changed that no fault is on.

use proptest::prelude::*;
use shakedown_scenarios::units::Span;
use shakedown_websocket_faults::{Pipe, Sender, Splitter};

use crate::made::{any_frames, bytes, connection, cuts, drain, frames, messages, pieces};

proptest! {
    /// Any split of any sequence of frames gives those frames.
    #[test]
    fn any_split_of_any_frames_gives_the_same_frames(made in any_frames(), cuts in cuts()) {
        let splitter = Splitter::new(Sender::Client, true);
        prop_assert_eq!(frames(splitter, &bytes(&made), &cuts), made);
    }

    /// What is right is never refused, from either side.
    #[test]
    fn messages_are_never_refused(sent in messages(Sender::Client), answered in messages(Sender::Server), cuts in cuts()) {
        for (sender, made) in [(Sender::Client, sent), (Sender::Server, answered)] {
            prop_assert_eq!(frames(Splitter::new(sender, false), &bytes(&made), &cuts), made);
        }
    }

    /// Without faults what comes out is what was put in, whatever it is: even bytes that are no frames at all.
    #[test]
    fn without_faults_all_bytes_are_identical(garbage: Vec<u8>, made in any_frames(), cuts in cuts()) {
        let mut sent = bytes(&made);
        sent.extend(garbage);
        let mut pipe = Pipe::new(Sender::Server, connection(true));
        let mut got = Vec::new();
        for input in pieces(&sent, &cuts) {
            pipe.push(Span::ZERO, input).unwrap();
            drain(&mut pipe, Span::ZERO, &mut got);
        }
        pipe.finish(Span::ZERO).unwrap();
        drain(&mut pipe, Span::ZERO, &mut got);
        prop_assert!(got == sent);
        prop_assert_eq!(pipe.passed().sent, sent.len() as u64);
    }

    /// A payload is on its way before its frame is complete.
    #[test]
    fn nothing_but_a_header_is_held_back(made in any_frames(), cuts in cuts()) {
        let sent = bytes(&made);
        let mut pipe = Pipe::new(Sender::Server, connection(true));
        let (mut put, mut got) = (0, Vec::new());
        for input in pieces(&sent, &cuts) {
            pipe.push(Span::ZERO, input).unwrap();
            put += input.len();
            drain(&mut pipe, Span::ZERO, &mut got);
            prop_assert!(put - got.len() < 14);
        }
    }
}

#[test]
fn a_strict_pipe_refuses_what_is_flawed_and_says_where() {
    let mut pipe = Pipe::new(Sender::Server, connection(false));
    let malformed = pipe.push(Span::ZERO, b"\x81\x02ok\x83\x00").unwrap_err();
    assert_eq!((malformed.frame, malformed.offset), (1, 4));
    let mut torn = Pipe::new(Sender::Server, connection(false));
    torn.push(Span::ZERO, b"\x81\x02o").unwrap();
    assert!(torn.finish(Span::ZERO).is_err());
}
