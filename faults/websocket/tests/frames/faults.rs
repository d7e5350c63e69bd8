//! What faults make of frames: models of each, alone and in order.

use proptest::prelude::*;
use shakedown_scenarios::units::Span;
use shakedown_websocket_faults::{Opcode, Pipe, Sender, Splitter};

use crate::made::{
    Made, any_frames, bytes, connection, cuts, drain, faults, frames, messages, pieces, through, under,
};

/// Messages put together again from their frames, control frames left where they are.
fn put_together(frames: Vec<Made>) -> Vec<Made> {
    let mut whole: Vec<Made> = Vec::new();
    let mut open: Option<Made> = None;
    for frame in frames {
        if frame.opcode.is_control() {
            whole.push(frame);
            continue;
        }
        let message = match open.take() {
            Some(mut message) => {
                assert_eq!((frame.opcode, frame.reserved), (Opcode::Continuation, 0));
                message.payload.extend(frame.payload);
                Made { fin: frame.fin, ..message }
            }
            None => frame,
        };
        if message.fin { whole.push(message) } else { open = Some(message) }
    }
    assert_eq!(open, None);
    whole
}

fn texts(texts: &[&str]) -> Vec<Made> {
    texts.iter().map(|text| Made::text(text)).collect()
}

fn words(frames: &[Made]) -> Vec<String> {
    frames.iter().map(|frame| String::from_utf8(frame.payload.clone()).unwrap()).collect()
}

proptest! {
    /// What is cut and put together again is what it was: payload, opcode, compression bit, mask.
    #[test]
    fn what_is_cut_can_be_put_together(size in 1..70_u64, sent in messages(Sender::Client), cuts in cuts()) {
        let mut pipe = Pipe::new(Sender::Client, connection(false));
        pipe.renew(&faults(&[&format!(r#"{{"fragment":{{"size":"{size}B"}}}}"#)]), Span::ZERO);
        let out = through(&mut pipe, &bytes(&sent), &cuts);
        // Strict: a receiver has nothing to complain about.
        let cut = frames(Splitter::new(Sender::Client, false), &out, &[]);
        let data = cut.iter().filter(|frame| !frame.opcode.is_control());
        prop_assert!(data.clone().all(|frame| frame.payload.len() as u64 <= size));
        prop_assert_eq!(put_together(cut), sent);
    }

    /// Corruption turns as many bits as it says and nothing else, wherever the bytes are cut.
    #[test]
    fn as_many_bits_are_turned_as_were_asked_for(sent in messages(Sender::Client), first in cuts(), second in cuts()) {
        let corrupt = |cuts: &[usize]| {
            let mut pipe = Pipe::new(Sender::Client, connection(false));
            pipe.renew(&faults(&[r#"{"corrupt":{}}"#]), Span::ZERO);
            through(&mut pipe, &bytes(&sent), cuts)
        };
        let out = corrupt(&first);
        prop_assert_eq!(&out, &corrupt(&second));
        let got = frames(Splitter::new(Sender::Client, false), &out, &[]);
        prop_assert_eq!(got.len(), sent.len());
        for (got, sent) in got.iter().zip(&sent) {
            let turned: u32 =
                got.payload.iter().zip(&sent.payload).map(|(one, other)| (one ^ other).count_ones()).sum();
            prop_assert_eq!(turned, u32::from(!sent.payload.is_empty()));
        }
    }
}

proptest! {
    // Each case cuts up to some hundred kilobytes into single bytes, unoptimised.
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever the bytes and the faults: no panic, no bytes without end, and flawed frames untouched.
    #[test]
    fn no_bytes_and_no_faults_do_harm(
        made in any_frames(),
        garbage: Vec<u8>,
        cuts in cuts(),
        chosen in proptest::collection::vec(0..7_usize, 0..9),
    ) {
        const ALL: [&str; 7] = [
            r#"{"drop":{"which":{"every":3}}}"#,
            r#"{"delay":{"delay":"9ms","jitter":"9ms"}}"#,
            r#"{"close":{"code":4001,"after":2}}"#,
            r#"{"fragment":{"size":"1B"}}"#,
            r#"{"ping_loss":{}}"#,
            r#"{"corrupt":{"flips":64}}"#,
            r#"{"duplicate":{"which":{"probability":"50%"}}}"#,
        ];
        let mut descriptions: Vec<&str> = chosen.iter().map(|place| ALL[*place]).collect();
        let mut doubles = 0;
        descriptions.retain(|description| {
            doubles += u32::from(description.contains("duplicate"));
            !description.contains("duplicate") || doubles <= 2
        });
        let mut sent = bytes(&made);
        sent.extend(garbage);
        let mut pipe = Pipe::new(Sender::Client, connection(true));
        pipe.renew(&faults(&descriptions), Span::ZERO);
        let mut got = Vec::new();
        for (input, moment) in pieces(&sent, &cuts).into_iter().zip(0..) {
            pipe.push(Span::millis(moment), input).unwrap();
            drain(&mut pipe, Span::millis(moment), &mut got);
        }
        pipe.finish(Span::secs(1)).unwrap();
        drain(&mut pipe, Span::secs(3_600), &mut got);
        prop_assert!(pipe.is_empty());
        prop_assert!(got.len() <= sent.len() * 4 * 7 + 4 * 139);
    }
}

#[test]
fn frames_are_lost_by_purpose_by_turn_and_by_way() {
    let sent = [Made::text("a"), Made::new(Opcode::Binary, b"b"), Made::text("c"), Made::text("d")];
    let cases: [(&str, &[&str]); 5] = [
        (r#"{"drop":{}}"#, &[]),
        (r#"{"drop":{"which":{"opcodes":["text"]}}}"#, &["b"]),
        (r#"{"drop":{"which":{"every":2}}}"#, &["a", "c"]),
        (r#"{"drop":{"which":{"opcodes":["text"],"every":2}}}"#, &["a", "b", "d"]),
        (r#"{"drop":{"which":{"direction":"upstream"}}}"#, &["a", "b", "c", "d"]),
    ];
    for (fault, expected) in cases {
        assert_eq!(words(&under(&[fault], Sender::Server, &sent)), expected, "{fault}");
    }
}

#[test]
fn pings_pongs_or_both_are_lost() {
    let sent = [Made::new(Opcode::Ping, b"i"), Made::text("t"), Made::new(Opcode::Pong, b"o")];
    let cases: [(&str, &[&str]); 3] = [
        (r#"{"ping_loss":{}}"#, &["t"]),
        (r#"{"ping_loss":{"pongs":false}}"#, &["t", "o"]),
        (r#"{"ping_loss":{"pings":false}}"#, &["i", "t"]),
    ];
    for (fault, expected) in cases {
        assert_eq!(words(&under(&[fault], Sender::Server, &sent)), expected, "{fault}");
    }
}

#[test]
fn what_is_sent_twice_comes_twice_at_once_and_whole() {
    let sent = [Made::text("one").masked([1, 2, 3, 4]), Made::text("").masked([5, 6, 7, 8])];
    let got = under(&[r#"{"duplicate":{}}"#], Sender::Client, &sent);
    assert_eq!(got, [&sent[0], &sent[0], &sent[1], &sent[1]].map(Clone::clone));
}

#[test]
fn faults_judge_what_the_one_before_them_let_through() {
    let (cut, lose) = (r#"{"fragment":{"size":"1B"}}"#, r#"{"drop":{"which":{"every":2}}}"#);
    let sent = texts(&["ab", "cd", "ef", "gh"]);
    let first_cut = words(&under(&[cut, lose], Sender::Server, &sent));
    assert_eq!(first_cut, ["a", "c", "e", "g"]);
    let first_lost = words(&under(&[lose, cut], Sender::Server, &sent));
    assert_eq!(first_lost, ["a", "b", "e", "f"]);
}

#[test]
fn a_close_frame_is_right_for_who_gets_it_and_the_last() {
    for sender in [Sender::Client, Sender::Server] {
        let key = |frame: Made| if sender == Sender::Client { frame.masked([9; 4]) } else { frame };
        let sent = ["a", "b", "c"].map(|text| key(Made::text(text)));
        let close = r#"{"close":{"code":1012,"reason":"back soon","after":2}}"#;
        let mut pipe = Pipe::new(sender, connection(false));
        pipe.renew(&faults(&[close]), Span::ZERO);
        let out = through(&mut pipe, &bytes(&sent), &[]);
        let got = frames(Splitter::new(sender, false), &out, &[]);
        assert_eq!(got.len(), 3, "{got:?}");
        assert_eq!(&got[..2], &sent[..2]);
        let mut payload = 1_012_u16.to_be_bytes().to_vec();
        payload.extend(b"back soon");
        assert_eq!((got[2].opcode, got[2].payload.as_slice()), (Opcode::Close, &payload[..]));
        assert_eq!(got[2].key.is_some(), sender == Sender::Client);
    }
}

#[test]
fn a_close_that_is_for_the_other_end_is_not_sent_here() {
    let close = r#"{"close":{"code":1000,"to":"client"}}"#;
    assert_eq!(under(&[close], Sender::Client, &[Made::text("x").masked([0; 4])]).len(), 1);
    assert_eq!(under(&[close], Sender::Server, &[Made::text("x")])[0].opcode, Opcode::Close);
}

#[test]
fn a_close_of_half_of_all_connections_tells_both_ends_or_neither() {
    let close = faults(&[r#"{"close":{"code":1001,"probability":"50%"}}"#]);
    let mut told = [0; 2];
    for ordinal in 0..100 {
        let closes = [Sender::Client, Sender::Server].map(|sender| {
            let mut pipe =
                Pipe::new(sender, shakedown_websocket_faults::Connection { ordinal, ..connection(true) });
            pipe.renew(&close, Span::ZERO);
            !pipe.is_empty()
        });
        assert_eq!(closes[0], closes[1]);
        told[usize::from(closes[0])] += 1;
    }
    assert!(told.iter().all(|count| (30..70).contains(count)), "{told:?}");
}

#[test]
fn a_flawed_frame_is_untouched_and_does_not_count() {
    let flawed = Made::new(Opcode::of(5), b"??");
    let sent = [Made::text("a"), flawed.clone(), Made::text("b")];
    let got = under(&[r#"{"drop":{"which":{"every":2}}}"#], Sender::Server, &sent);
    assert_eq!(got, [Made::text("a"), flawed]);
}

#[test]
fn a_frame_that_has_begun_ends_as_it_began_whatever_is_injected_or_healed() {
    let (first, second) = (Made::text("hello").bytes(), Made::text("world").bytes());
    let lose = faults(&[r#"{"drop":{}}"#]);
    let none = std::sync::Arc::new(lose.without(1).unwrap().0);
    let mut pipe = Pipe::new(Sender::Server, connection(false));
    let mut out = through(&mut pipe, &first[..4], &[]);
    pipe.renew(&lose, Span::ZERO);
    out.extend(through(&mut pipe, &first[4..], &[]));
    assert_eq!(out, first);
    out = through(&mut pipe, &second[..4], &[]);
    pipe.renew(&none, Span::ZERO);
    out.extend(through(&mut pipe, &second[4..], &[]));
    assert_eq!(out, b"");
    assert_eq!(through(&mut pipe, &second, &[]), second);
}

// Computed by a second implementation in another language, not copied from the output of this one.
#[test]
fn a_seed_a_connection_and_a_way_have_one_fate_for_ever() {
    let lose = r#"{"drop":{"which":{"probability":"50%"}}}"#;
    let names: Vec<String> = (0..24).map(|number| number.to_string()).collect();
    let fate = |sender, key: Option<[u8; 4]>| -> String {
        let sent: Vec<Made> = names.iter().map(|name| Made { key, ..Made::text(name) }).collect();
        let got = words(&under(&[lose], sender, &sent));
        names.iter().map(|name| if got.contains(name) { '.' } else { 'x' }).collect()
    };
    assert_eq!(fate(Sender::Client, Some([0; 4])), UPSTREAM);
    assert_eq!(fate(Sender::Server, None), DOWNSTREAM);
}

const UPSTREAM: &str = "..xx.xx.x.x..x..xxx...x.";
const DOWNSTREAM: &str = "xxx...xxx...x.xxxxx.x.xx";

/// Which of 64 frames are lost where half of them are, as bits.
const PINNED: u64 = 0x67b7_cbce_33d7_d1c7;

#[test]
fn safety_13_the_same_seed_and_order_of_frames_give_the_same_fates_for_ever() {
    let sent: Vec<Made> = (0..64).map(|number| Made::text(&number.to_string())).collect();
    let lost = under(&[r#"{"drop": {"which": {"probability": "50%"}}}"#], Sender::Server, &sent);
    let fates = sent.iter().enumerate().filter(|(_, frame)| !lost.contains(frame));
    let fates = fates.fold(0_u64, |bits, (number, _)| bits | 1 << number);
    assert_eq!(fates, PINNED, "{fates:#018x}");
}
