//! Delays: when bytes may go, told by moments that are made up.

use shakedown_scenarios::units::Span;
use shakedown_websocket_faults::{Pipe, Sender};

use crate::made::{Made, connection, drain, faults, through};

fn delayed(description: &str) -> Pipe {
    let mut pipe = Pipe::new(Sender::Server, connection(false));
    pipe.renew(&faults(&[description]), Span::ZERO);
    pipe
}

/// When each of these frames goes, in milliseconds, where they come at these moments.
fn moments(pipe: &mut Pipe, comes: &[u64]) -> Vec<u64> {
    for come in comes {
        pipe.push(Span::millis(*come), &Made::text("0123456789").bytes()).unwrap();
    }
    let mut goes = Vec::new();
    while let Some(next) = pipe.next() {
        assert!(next.is_zero() || pipe.due(next.minus(Span::nanos(1))).is_empty());
        let mut out = Vec::new();
        drain(pipe, next, &mut out);
        goes.extend(vec![next.as_micros() / 1_000; out.len() / 12]);
    }
    goes
}

#[test]
fn every_frame_has_a_deadline_of_its_own_and_delays_never_add_up() {
    let mut pipe = delayed(r#"{"delay":{"delay":"100ms"}}"#);
    assert_eq!(moments(&mut pipe, &[0, 0, 1, 50, 99]), [100, 100, 101, 150, 199]);
}

#[test]
fn order_is_kept_where_jitter_would_change_it() {
    let mut pipe = delayed(r#"{"delay":{"delay":"100ms","jitter":"100ms"}}"#);
    let comes: Vec<u64> = (0..200).collect();
    let goes = moments(&mut pipe, &comes);
    assert_eq!(goes.len(), 200);
    assert!(goes.is_sorted());
    assert!(goes.iter().zip(&comes).all(|(goes, come)| goes >= come && *goes <= 199 + 200));
}

#[test]
fn frames_that_are_not_delayed_wait_for_those_before_them_only() {
    let mut pipe = delayed(r#"{"delay":{"delay":"100ms","which":{"every":2}}}"#);
    assert_eq!(moments(&mut pipe, &[0, 0, 10]), [0, 100, 100]);
}

#[test]
fn two_delays_make_one_longer_one() {
    let mut pipe = Pipe::new(Sender::Server, connection(false));
    pipe.renew(&faults(&[r#"{"delay":{"delay":"100ms"}}"#, r#"{"delay":{"delay":"20ms"}}"#]), Span::ZERO);
    assert_eq!(moments(&mut pipe, &[5]), [125]);
}

#[test]
fn the_parts_of_a_long_frame_are_on_their_way_before_it_ends() {
    let mut pipe = delayed(r#"{"delay":{"delay":"100ms"}}"#);
    let frame = Made::text("0123456789").bytes();
    pipe.push(Span::ZERO, &frame[..6]).unwrap();
    assert_eq!(pipe.due(Span::millis(100)), &frame[..6]);
}

#[test]
fn what_waits_when_a_delay_heals_goes_at_once_and_in_order() {
    let late = faults(&[r#"{"delay":{"delay":"1h"}}"#]);
    let mut pipe = Pipe::new(Sender::Server, connection(false));
    pipe.renew(&late, Span::ZERO);
    let (first, second) = (Made::text("first").bytes(), Made::text("second").bytes());
    assert!(through(&mut pipe, &[&first[..], &second[..4]].concat(), &[]).is_empty());
    let now = Span::millis(7);
    pipe.renew(&std::sync::Arc::new(late.without(1).unwrap().0), now);
    pipe.push(now, &second[4..]).unwrap();
    let mut out = Vec::new();
    drain(&mut pipe, now, &mut out);
    assert_eq!(out, [first, second].concat());
}

#[test]
fn a_pipe_that_is_full_says_so_and_has_room_again() {
    let mut pipe = delayed(r#"{"delay":{"delay":"1s"}}"#);
    let frame = Made::text(&"x".repeat(10_000)).bytes();
    let mut count = 0;
    while pipe.has_room() {
        pipe.push(Span::ZERO, &frame).unwrap();
        count += 1;
    }
    assert!((26..=27).contains(&count), "{count} frames of 10 kB fill 256 KiB");
    let mut out = Vec::new();
    drain(&mut pipe, Span::secs(1), &mut out);
    assert!(pipe.has_room() && out.len() == count * frame.len());
}

#[test]
fn many_small_frames_with_deadlines_of_their_own_fill_a_pipe_too() {
    let mut pipe = delayed(r#"{"delay":{"delay":"1s","jitter":"1s"}}"#);
    let mut moment = 0;
    while pipe.has_room() {
        pipe.push(Span::millis(moment), &Made::text("").bytes()).unwrap();
        moment += 3_000;
        assert!(moment < 3_000 * 5_000, "it should be full after 4,096 deadlines");
    }
}
