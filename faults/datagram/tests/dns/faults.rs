//! Each fault, as a resolver sees it.

use std::time::{Duration, Instant};

use shakedown_datagram_faults::dns::{DnsAct, DnsFault, DnsLimits};
use shakedown_datagram_faults::injections::InjectError;
use shakedown_scenarios::units::Span;
use simple_dns::{RCODE, TYPE};
use tokio::net::TcpStream;

use crate::support::{
    addresses, ask, ask_over_tcp, inject, next, query, read, receive, resolve, responder, responder_within,
    socket_to, soon, until, write,
};

#[expect(clippy::disallowed_methods, reason = "a test of time measures it")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn errors_are_told_until_they_heal() {
    let responder = responder();
    for (id, (act, rcode)) in [
        (r#""nxdomain""#, RCODE::NameError),
        (r#""servfail""#, RCODE::ServerFailure),
        (r#""refused""#, RCODE::Refused),
    ]
    .into_iter()
    .enumerate()
    {
        let id = u32::try_from(id).unwrap();
        inject(&responder, id, &format!(r#"{{"act": {act}}}"#));
        assert_eq!(ask(&responder, "db.test", TYPE::A).await.rcode, rcode);
        assert_eq!(ask_over_tcp(&responder, "db.test", TYPE::A).await.rcode, rcode);
        let healed = responder.heal(id);
        assert!(healed.proven, "{healed}");
        assert_eq!(ask(&responder, "db.test", TYPE::A).await.addresses.len(), 2);
        assert_eq!(responder.evidence(id).unwrap().hit, 2);
    }
}

#[tokio::test]
async fn without_an_answer_there_is_silence_and_a_connection_stays() {
    let responder = responder();
    inject(&responder, 1, r#"{"act": "timeout", "name": "db.test"}"#);
    let socket = socket_to(responder.address()).await;
    socket.send(&query(1, "db.test", TYPE::A)).await.unwrap();
    socket.send(&query(2, "a.shop.test", TYPE::A)).await.unwrap();
    // Taken in their order, so that an answer to the first would have come first.
    assert_eq!(receive(&socket).await[..2], [0, 2]);
    let mut stream = TcpStream::connect(responder.address()).await.unwrap();
    write(&mut stream, &query(3, "db.test", TYPE::A)).await;
    write(&mut stream, &query(4, "a.shop.test", TYPE::A)).await;
    assert_eq!(next(&mut stream).await[..2], [0, 4]);
    assert_eq!((responder.evidence(1).unwrap().hit, responder.counters().silent), (2, 2));
}

#[tokio::test]
async fn slow_answers_are_late_and_hold_up_no_others() {
    let responder = responder();
    inject(&responder, 1, r#"{"act": {"slow": {"delay": "60ms", "jitter": "10ms"}}, "name": "db.test"}"#);
    let began = now();
    let socket = socket_to(responder.address()).await;
    socket.send(&query(1, "db.test", TYPE::A)).await.unwrap();
    socket.send(&query(2, "a.shop.test", TYPE::A)).await.unwrap();
    assert_eq!(receive(&socket).await[..2], [0, 2]);
    assert_eq!(receive(&socket).await[..2], [0, 1]);
    assert!(began.elapsed() >= Duration::from_millis(50));
    ask_over_tcp(&responder, "db.test", TYPE::A).await;
    let evidence = responder.evidence(1).unwrap();
    assert!(evidence.bit() && evidence.mean_delay >= Span::millis(50), "{evidence}");
}

#[tokio::test]
async fn a_heal_sends_answers_that_wait() {
    let responder = responder();
    inject(&responder, 1, r#"{"act": {"slow": {"delay": "1h"}}}"#);
    let socket = socket_to(responder.address()).await;
    socket.send(&query(1, "db.test", TYPE::A)).await.unwrap();
    let mut stream = TcpStream::connect(responder.address()).await.unwrap();
    write(&mut stream, &query(2, "db.test", TYPE::A)).await;
    until("both are asked", || responder.counters().pending == 1 && responder.counters().streamed == 1).await;
    let _ = responder.heal(1);
    assert_eq!(read(&receive(&socket).await).addresses.len(), 2);
    assert_eq!(read(&next(&mut stream).await).addresses.len(), 2);
    until("nothing is pending", || responder.counters().pending == 0).await;
}

#[tokio::test]
async fn who_hangs_up_is_not_waited_for() {
    let responder = responder();
    inject(&responder, 1, r#"{"act": {"slow": {"delay": "1h"}}}"#);
    let mut stream = TcpStream::connect(responder.address()).await.unwrap();
    write(&mut stream, &query(2, "db.test", TYPE::A)).await;
    until("it is asked", || responder.counters().streamed == 1).await;
    drop(stream);
    until("it is gone", || responder.counters().open == 0).await;
}

#[tokio::test]
async fn answers_that_wait_are_bounded() {
    let responder = responder_within(DnsLimits { pending: 5, ..DnsLimits::default() });
    inject(&responder, 1, r#"{"act": {"slow": {"delay": "1h"}}, "name": "db.test"}"#);
    let socket = socket_to(responder.address()).await;
    for id in 0..20 {
        socket.send(&query(id, "db.test", TYPE::A)).await.unwrap();
    }
    until("all are taken", || responder.counters().datagrams == 20).await;
    let counters = responder.counters();
    assert_eq!((counters.pending, counters.overflowed), (5, 15));
    assert_eq!(ask(&responder, "a.shop.test", TYPE::A).await.addresses.len(), 1);
    soon("stopping", responder.stop()).await;
}

#[tokio::test]
async fn addresses_are_wrong_as_they_are_told_to_be() {
    let responder = responder();
    inject(&responder, 1, r#"{"act": {"wrong_address": {"addresses": ["127.66.6.6"]}}, "qtype": "a"}"#);
    assert_eq!(ask(&responder, "db.test", TYPE::A).await.addresses, addresses(&["127.66.6.6"]));
    assert_eq!(ask(&responder, "db.test", TYPE::AAAA).await.addresses, addresses(&["::1"]));
    let _ = responder.heal(1);
    inject(&responder, 2, r#"{"act": "random_address"}"#);
    let (one, other) = (ask(&responder, "db.test", TYPE::A).await, ask(&responder, "db.test", TYPE::A).await);
    assert!(one.addresses.len() == 2 && one.addresses != other.addresses, "{one:?} {other:?}");
}

#[tokio::test]
async fn a_cut_answer_is_asked_for_again_over_tcp() {
    let responder = responder();
    inject(&responder, 1, r#"{"act": "truncated"}"#);
    let told = ask(&responder, "db.test", TYPE::A).await;
    assert!(told.was_cut && told.addresses.is_empty());
    assert_eq!(resolve(&responder, "db.test", TYPE::A).await.addresses.len(), 2);
    let evidence = responder.evidence(1).unwrap();
    assert_eq!((evidence.hit, responder.counters().streamed), (2, 1));
}

#[tokio::test]
async fn ttl_zero_and_only_aaaa() {
    let responder = responder();
    inject(&responder, 1, r#"{"act": "ttl_zero"}"#);
    inject(&responder, 2, r#"{"act": "only_aaaa"}"#);
    let told = ask(&responder, "db.test", TYPE::A).await;
    assert_eq!((told.rcode, told.addresses.len()), (RCODE::NoError, 0));
    assert_eq!(ask(&responder, "db.test", TYPE::AAAA).await.ttl, Some(0));
    assert!(responder.evidence(1).unwrap().bit() && responder.evidence(2).unwrap().bit());
}

#[tokio::test]
async fn queries_over_both_count_as_one_row() {
    let responder = responder();
    inject(&responder, 1, r#"{"act": "servfail", "every": 2}"#);
    let mut codes = Vec::new();
    for _ in 0..2 {
        codes.push(ask(&responder, "db.test", TYPE::A).await.rcode);
        codes.push(ask_over_tcp(&responder, "db.test", TYPE::A).await.rcode);
    }
    let (right, failed) = (RCODE::NoError, RCODE::ServerFailure);
    assert_eq!(codes, [right, failed, right, failed]);
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_changes_nothing() {
    let responder = responder();
    responder.inject(1, DnsFault::on_all(DnsAct::TtlZero)).unwrap();
    assert_eq!(responder.inject(1, DnsFault::on_all(DnsAct::Timeout)), Err(InjectError::Taken(1)));
    let wrong = DnsFault { every: 0, name: String::new(), ..DnsFault::on_all(DnsAct::Timeout) };
    assert!(matches!(responder.inject(2, wrong), Err(InjectError::Wrong(problems)) if problems.len() == 2));
    assert!(responder.evidence(2).is_none() && responder.heal(2).proven);
    assert_eq!(ask(&responder, "db.test", TYPE::A).await.ttl, Some(0));
}
