//! Without faults it tells the truth, over UDP and TCP.

use std::time::Duration;

use shakedown_datagram_faults::dns::{DnsLimits, DnsResponder};
use shakedown_scenarios::units::Span;
use simple_dns::{RCODE, TYPE};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::support::{
    SEED, ZONE, addresses, any, ask, ask_over_tcp, next, query, read, responder, responder_within, soon,
    until, write, zone,
};

#[tokio::test]
async fn it_answers_the_same_over_both() {
    let responder = responder();
    for (name, kind, expected) in [
        ("db.test", TYPE::A, &["127.0.0.1", "127.0.0.2"][..]),
        ("DB.test", TYPE::AAAA, &["::1"]),
        ("any.shop.test", TYPE::A, &["127.0.0.4"]),
        ("any.shop.test", TYPE::AAAA, &[]),
    ] {
        let told = ask(&responder, name, kind).await;
        assert_eq!((told.rcode, &told.addresses), (RCODE::NoError, &addresses(expected)));
        assert!(told.ttl.is_none_or(|ttl| ttl == 30));
        assert_eq!(ask_over_tcp(&responder, name, kind).await, told);
    }
    assert_eq!(ask(&responder, "nobody.test", TYPE::A).await.rcode, RCODE::NameError);
    let counters = responder.counters();
    assert_eq!((counters.datagrams, counters.streamed, counters.answered), (5, 4, 9));
}

#[tokio::test]
async fn a_connection_serves_many_queries_even_if_they_come_at_once() {
    let responder = responder();
    let mut stream = TcpStream::connect(responder.address()).await.unwrap();
    for id in 0..20 {
        write(&mut stream, &query(id, "db.test", TYPE::A)).await;
    }
    for id in 0..20_u16 {
        let answer = next(&mut stream).await;
        assert_eq!(answer[..2], id.to_be_bytes());
        assert_eq!(read(&answer).addresses.len(), 2);
    }
}

#[tokio::test]
async fn connections_are_as_many_as_may_be_and_none_stays_idle() {
    let limits = DnsLimits { connections: 2, idle: Span::millis(300), ..DnsLimits::default() };
    let responder = responder_within(limits);
    let mut idle = TcpStream::connect(responder.address()).await.unwrap();
    let mut half = TcpStream::connect(responder.address()).await.unwrap();
    write(&mut half, &[0]).await;
    until("both are in", || responder.counters().open == 2).await;
    let mut third = TcpStream::connect(responder.address()).await.unwrap();
    assert_eq!(soon("being turned away", third.read(&mut [0])).await.unwrap_or(0), 0);
    assert_eq!(responder.counters().turned_away, 1);
    // UDP does not care.
    assert_eq!(ask(&responder, "db.test", TYPE::AAAA).await.addresses.len(), 1);
    assert_eq!(soon("the idle one's end", idle.read(&mut [0])).await.unwrap_or(0), 0);
    until("both are gone", || responder.counters().open == 0).await;
    assert_eq!(ask_over_tcp(&responder, "db.test", TYPE::AAAA).await.addresses.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_started_says_why_and_leaves_nothing() {
    let taken = TcpListener::bind(any()).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = DnsResponder::start(address, zone(ZONE), SEED).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    UdpSocket::bind(address).await.unwrap();
    drop(taken);
    let own = ZONE.replacen('{', &format!(r#"{{ "elsewhere": {{"forward": "{address}"}},"#), 1);
    let error = DnsResponder::start(address, zone(&own), SEED).unwrap_err();
    assert!(error.to_string().contains("own address"), "{error}");
}

#[tokio::test]
async fn after_a_stop_the_port_is_free_and_connections_are_closed() {
    let responder = responder();
    let address = responder.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    until("it is in", || responder.counters().open == 1).await;
    soon("stopping", responder.stop()).await;
    assert_eq!(soon("the end", stream.read(&mut [0])).await.unwrap_or(0), 0);
    UdpSocket::bind(address).await.unwrap();
    drop(stream);
    // A fixed port can be used again right away.
    let again = DnsResponder::start(address, zone(ZONE), SEED).unwrap();
    assert_eq!(ask(&again, "db.test", TYPE::AAAA).await.addresses.len(), 1);
    let late = tokio::time::timeout(Duration::from_secs(5), again.stop()).await;
    assert!(late.is_ok());
}
