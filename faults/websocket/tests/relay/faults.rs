//! Each fault, as tungstenite's client and server see it.

use std::time::Duration;

use futures_util::SinkExt;
use shakedown_websocket_faults::Control;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::{control, described, joined, next, send, soon, text, texts};

#[tokio::test]
async fn without_faults_a_conversation_is_a_conversation() {
    let control = Control::new();
    let mut joined = joined(&control).await;
    let long: Vec<u8> = (0..1_u32 << 20).map(|place| (place.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
    for message in [text("hello"), text(""), Message::binary(long), Message::Ping(vec![1].into())] {
        // Both at once: a mebibyte does not fit into what the kernel keeps.
        let (sent, got) = tokio::join!(joined.client.send(message.clone()), next(&mut joined.server));
        sent.unwrap();
        assert_eq!(got.unwrap(), message);
    }
    assert_eq!(next_after_flush(&mut joined).await, Message::Pong(vec![1].into()));
    let (sent, got) = tokio::join!(joined.server.send(text("answer")), next(&mut joined.client));
    sent.unwrap();
    assert_eq!(got.unwrap(), text("answer"));
    joined.client.close(None).await.unwrap();
    assert!(matches!(next(&mut joined.server).await, Ok(Message::Close(None))));
    assert!(matches!(next(&mut joined.server).await, Err(Error::ConnectionClosed)));
    assert!(matches!(next(&mut joined.client).await, Ok(Message::Close(None))));
    drop((joined.client, joined.server));
    let counters = soon("the end", joined.relaying).await.unwrap().unwrap();
    assert_eq!((counters.up.frames, counters.down.frames), (5, 3));
    assert_eq!((counters.up.came, counters.down.came), (counters.up.sent, counters.down.sent));
}

/// The server answers pings when it is driven.
async fn next_after_flush(joined: &mut crate::support::Joined) -> Message {
    soon("flushing", joined.server.flush()).await.unwrap();
    next(&mut joined.client).await.unwrap()
}

#[tokio::test]
async fn a_lost_message_never_comes() {
    let control = control(r#"{"drop":{"which":{"every":2,"direction":"downstream"}}}"#);
    let mut joined = joined(&control).await;
    for word in ["one", "two", "three"] {
        send(&mut joined.server, text(word)).await;
        send(&mut joined.client, text(word)).await;
    }
    assert_eq!(texts(&mut joined.client).await, ["one", "three"]);
    assert_eq!(texts(&mut joined.server).await, ["one", "two", "three"]);
    assert_eq!(control.heal(1).unwrap().hits, 1);
}

#[tokio::test]
async fn delays_are_kept_and_do_not_add_up() {
    let control = control(r#"{"delay":{"delay":"300ms","jitter":"50ms"}}"#);
    let mut joined = joined(&control).await;
    let start = Instant::now();
    for number in 0..100 {
        send(&mut joined.client, text(&number.to_string())).await;
    }
    for number in 0..100 {
        assert_eq!(texts(&mut joined.server).await, [number.to_string()]);
        assert!(start.elapsed() >= Duration::from_millis(250));
    }
    // Added up, they would be thirty seconds.
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(control.heal(1).unwrap().hits, 100);
}

#[tokio::test]
async fn what_is_delayed_for_an_hour_comes_when_it_heals() {
    let control = control(r#"{"delay":{"delay":"1h"}}"#);
    let mut joined = joined(&control).await;
    send(&mut joined.server, text("late")).await;
    let early = tokio::time::timeout(Duration::from_millis(100), next(&mut joined.client)).await;
    assert!(early.is_err());
    let _ = control.heal(1);
    assert_eq!(texts(&mut joined.client).await, ["late"]);
}

#[tokio::test]
async fn a_close_reaches_who_it_is_for_with_code_and_reason() {
    for to in ["client", "server"] {
        let control = Control::new();
        let mut joined = joined(&control).await;
        send(&mut joined.client, text("open")).await;
        assert_eq!(texts(&mut joined.server).await, ["open"]);
        let close = format!(r#"{{"close":{{"code":4321,"reason":"enough","to":"{to}"}}}}"#);
        control.inject(1, described(&close)).unwrap();
        let (told, other) = match to {
            "client" => (&mut joined.client, &mut joined.server),
            _ => (&mut joined.server, &mut joined.client),
        };
        let Message::Close(Some(frame)) = next(told).await.unwrap() else { panic!("no close frame") };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4_321, "enough"));
        // Its answer goes through to the other side.
        let _ = told.flush().await;
        assert!(
            matches!(next(other).await.unwrap(), Message::Close(Some(frame)) if u16::from(frame.code) == 4_321)
        );
        assert_eq!(control.heal(1).unwrap().hits, 1);
    }
}

#[tokio::test]
async fn a_close_for_both_ends_ends_both() {
    let control = control(r#"{"close":{"code":1012}}"#);
    let mut joined = joined(&control).await;
    for socket in [&mut joined.client, &mut joined.server] {
        assert!(
            matches!(next(socket).await.unwrap(), Message::Close(Some(frame)) if u16::from(frame.code) == 1_012)
        );
    }
    assert!(matches!(next(&mut joined.server).await, Err(Error::ConnectionClosed)));
    drop(joined.server);
    assert!(matches!(next(&mut joined.client).await, Err(Error::ConnectionClosed)));
    drop(joined.client);
    soon("the end", joined.relaying).await.unwrap().unwrap();
    assert_eq!(control.heal(1).unwrap().hits, 2);
}

#[tokio::test]
async fn a_close_can_wait_for_some_frames() {
    let control = control(r#"{"close":{"code":1001,"to":"client","after":2}}"#);
    let mut joined = joined(&control).await;
    for word in ["one", "two", "three"] {
        send(&mut joined.server, text(word)).await;
    }
    assert_eq!(texts(&mut joined.client).await, ["one", "two"]);
    assert!(matches!(next(&mut joined.client).await.unwrap(), Message::Close(Some(_))));
}

#[tokio::test]
async fn a_message_in_many_frames_is_the_same_message() {
    let control = control(r#"{"fragment":{"size":"3B"}}"#);
    let mut joined = joined(&control).await;
    let long = "grüße ".repeat(1_000);
    send(&mut joined.client, text(&long)).await;
    send(&mut joined.server, text(&long)).await;
    for socket in [&mut joined.server, &mut joined.client] {
        assert_eq!(texts(socket).await, [long.as_str()]);
    }
    assert_eq!(control.heal(1).unwrap().hits, 2);
}

#[tokio::test]
async fn a_lost_ping_has_no_pong() {
    let control = control(r#"{"ping_loss":{"pongs":false}}"#);
    let mut joined = joined(&control).await;
    send(&mut joined.server, Message::Ping(vec![7].into())).await;
    send(&mut joined.server, text("still here")).await;
    assert_eq!(texts(&mut joined.client).await, ["still here"]);
    let _ = control.heal(1);
    send(&mut joined.server, Message::Ping(vec![8].into())).await;
    assert_eq!(next(&mut joined.client).await.unwrap(), Message::Ping(vec![8].into()));
    soon("flushing", joined.client.flush()).await.unwrap();
    assert_eq!(next(&mut joined.server).await.unwrap(), Message::Pong(vec![8].into()));
}

#[tokio::test]
async fn a_message_that_is_sent_twice_comes_twice() {
    let control = control(r#"{"duplicate":{"which":{"opcodes":["text"]}}}"#);
    let mut joined = joined(&control).await;
    send(&mut joined.client, text("again")).await;
    send(&mut joined.client, Message::binary(vec![1])).await;
    assert_eq!(texts(&mut joined.server).await, ["again", "again"]);
    assert_eq!(next(&mut joined.server).await.unwrap(), Message::binary(vec![1]));
}

#[tokio::test]
async fn a_corrupt_payload_differs_by_the_bits_that_were_asked_for() {
    let control = control(r#"{"corrupt":{"flips":3}}"#);
    let mut joined = joined(&control).await;
    let sent = vec![0_u8; 5_000];
    send(&mut joined.client, Message::binary(sent.clone())).await;
    let got = next(&mut joined.server).await.unwrap().into_data();
    let turned: u32 = got.iter().map(|byte| byte.count_ones()).sum();
    assert_eq!((got.len(), turned), (sent.len(), 3));
}

#[tokio::test]
async fn faults_go_together_in_the_order_they_came() {
    let control = control(r#"{"duplicate":{"which":{"direction":"upstream"}}}"#);
    control.inject(2, described(r#"{"drop":{"which":{"every":2}}}"#)).unwrap();
    control.inject(3, described(r#"{"fragment":{"size":"1B"}}"#)).unwrap();
    control.inject(4, described(r#"{"delay":{"delay":"20ms"}}"#)).unwrap();
    let mut joined = joined(&control).await;
    for word in ["one", "two", "three"] {
        send(&mut joined.client, text(word)).await;
    }
    assert_eq!(texts(&mut joined.server).await, ["one", "two", "three"]);
    assert_eq!(control.evidence(2).unwrap().hits, 3);
}
