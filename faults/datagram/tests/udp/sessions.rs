//! Sessions are as many as may be, and end when nobody uses them.

use shakedown_datagram_faults::udp::UdpLimits;
use shakedown_scenarios::units::Span;

use crate::support::{Stage, client_of, is_silent, receive, soon, until};

#[tokio::test]
async fn the_oldest_session_makes_room_for_a_new_one() {
    let stage = Stage::set_within(UdpLimits { sessions: 3, ..UdpLimits::default() }).await;
    let first = stage.session().await;
    let mut clients = Vec::new();
    for number in 1..=3 {
        let client = client_of(&stage.proxy).await;
        client.send(&[number]).await.unwrap();
        assert_eq!(receive(&stage.server).await, [number]);
        clients.push(client);
    }
    let counters = stage.proxy.counters();
    assert_eq!((counters.sessions, counters.open, counters.evicted), (4, 3, 1));
    // Nobody is there any more to take an answer to the first; it gets a new session with its next datagram.
    stage.server.send_to(b"too late", first).await.unwrap();
    let second = stage.session().await;
    assert_ne!(first, second);
    assert!(is_silent(&stage.client));
    assert_eq!(stage.proxy.counters().evicted, 2);
}

#[tokio::test]
async fn a_flood_of_clients_costs_no_more_than_the_limit() {
    let stage = Stage::set_within(UdpLimits { sessions: 8, ..UdpLimits::default() }).await;
    // None goes before the end: the kernel could give its port to the next one, which would then be the same client.
    let mut clients = Vec::new();
    for number in 0..200_u8 {
        let client = client_of(&stage.proxy).await;
        client.send(&[number]).await.unwrap();
        assert_eq!(receive(&stage.server).await, [number]);
        assert!(stage.proxy.counters().open <= 8);
        clients.push(client);
    }
    let counters = stage.proxy.counters();
    assert_eq!(counters.evicted, 192);
    // Each made room for the eighth behind it, which is a matter of milliseconds unless the machine stands still.
    assert!((96..=192).contains(&counters.hurried), "{}", counters.hurried);
}

#[tokio::test]
async fn an_idle_session_ends_and_a_busy_one_does_not() {
    let stage = Stage::set_within(UdpLimits { idle: Span::millis(50), ..UdpLimits::default() }).await;
    let first = stage.session().await;
    until("it expires", || stage.proxy.counters().expired == 1).await;
    assert_eq!(stage.proxy.counters().open, 0);
    stage.inject(1, r#"{"delay": {"delay": "300ms", "direction": "downstream"}}"#);
    let second = stage.session().await;
    assert_ne!(first, second);
    // What is under way keeps its session, although nobody used that for much longer than it may be idle.
    stage.server.send_to(b"late", second).await.unwrap();
    assert_eq!(receive(&stage.client).await, b"late");
    until("it expires", || stage.proxy.counters().expired == 2).await;
}

#[tokio::test]
async fn what_a_session_leaves_behind_is_counted() {
    let stage = Stage::set_within(UdpLimits { sessions: 1, ..UdpLimits::default() }).await;
    stage.inject(1, r#"{"delay": {"delay": "1h"}}"#);
    stage.send(0..3).await;
    let other = client_of(&stage.proxy).await;
    other.send(b"mine").await.unwrap();
    until("another session", || stage.proxy.counters().evicted == 1).await;
    let _ = stage.proxy.heal(1);
    until("all are gone", || stage.proxy.counters().under_way == 0).await;
    assert_eq!(stage.proxy.counters().left_behind, 3);
    assert_eq!(soon("the other's", receive(&stage.server)).await, b"mine");
}
