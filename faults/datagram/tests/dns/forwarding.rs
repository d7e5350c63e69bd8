//! What a zone does not have is asked for elsewhere: here, at another responder.

use shakedown_datagram_faults::dns::{DnsLimits, DnsResponder};
use shakedown_scenarios::units::Span;
use simple_dns::{RCODE, TYPE};
use tokio::net::UdpSocket;

use crate::support::{
    SEED, addresses, any, ask, ask_over_tcp, inject, query, receive, responder, socket_to, soon, until, zone,
};

fn in_front_of(other: std::net::SocketAddr, patience: Span) -> DnsResponder {
    let zone = zone(&format!(
        r#"{{"names": {{"own.test": ["127.7.7.7"]}}, "elsewhere": {{"forward": "{other}"}}}}"#
    ));
    let limits = DnsLimits { patience, ..DnsLimits::default() };
    DnsResponder::start_within(any(), zone, SEED, limits).unwrap()
}

#[tokio::test]
async fn another_resolver_is_asked_over_what_the_client_used() {
    let other = responder();
    let front = in_front_of(other.address(), Span::secs(5));
    let expected = addresses(&["127.0.0.1", "127.0.0.2"]);
    let told = ask(&front, "db.test", TYPE::A).await;
    assert_eq!((&told.addresses, told.ttl), (&expected, Some(30)));
    assert_eq!(ask_over_tcp(&front, "db.test", TYPE::A).await.addresses, expected);
    assert_eq!(ask(&front, "nobody.test", TYPE::A).await.rcode, RCODE::NameError);
    assert_eq!(ask(&front, "own.test", TYPE::A).await.addresses, addresses(&["127.7.7.7"]));
    let counters = other.counters();
    assert_eq!((counters.datagrams, counters.streamed, front.counters().forwarded), (2, 1, 3));
}

#[tokio::test]
async fn faults_act_on_what_is_forwarded() {
    let other = responder();
    let front = in_front_of(other.address(), Span::secs(5));
    inject(&front, 1, r#"{"act": "ttl_zero"}"#);
    let told = ask(&front, "db.test", TYPE::A).await;
    assert_eq!((told.addresses.len(), told.ttl), (2, Some(0)));
    assert!(front.evidence(1).unwrap().bit());
    inject(&front, 2, r#"{"act": "servfail", "qtype": "a"}"#);
    assert_eq!(ask(&front, "db.test", TYPE::A).await.rcode, RCODE::ServerFailure);
    assert_eq!(ask(&front, "db.test", TYPE::AAAA).await.addresses.len(), 1);
}

#[tokio::test]
async fn without_an_answer_in_time_the_client_is_told_that_it_failed() {
    let silent = UdpSocket::bind(any()).await.unwrap();
    let front = in_front_of(silent.local_addr().unwrap(), Span::millis(50));
    assert_eq!(ask(&front, "db.test", TYPE::A).await.rcode, RCODE::ServerFailure);
    assert_eq!(front.counters().forward_failures, 1);
    // Nobody listens for connections there.
    assert_eq!(ask_over_tcp(&front, "db.test", TYPE::A).await.rcode, RCODE::ServerFailure);
}

#[tokio::test]
async fn an_answer_to_something_else_is_not_passed_on() {
    let other = UdpSocket::bind(any()).await.unwrap();
    let front = in_front_of(other.local_addr().unwrap(), Span::secs(5));
    let client = socket_to(front.address()).await;
    client.send(&query(5, "db.test", TYPE::A)).await.unwrap();
    let mut bytes = [0; 512];
    let (len, asker) = soon("being asked", other.recv_from(&mut bytes)).await.unwrap();
    let mut answer = bytes[..len].to_vec();
    answer[2] |= 0x80;
    let mut wrong = answer.clone();
    wrong[1] ^= 1;
    for bytes in [&wrong, &b"rubbish".to_vec(), &answer] {
        other.send_to(bytes, asker).await.unwrap();
    }
    assert_eq!(receive(&client).await, answer);
    until("nothing is pending", || front.counters().pending == 0).await;
}
