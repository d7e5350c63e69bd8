//! Injecting and healing under way: stalls, shares, counters, and a proxy that ends.

use std::time::Duration;

use rustls::Error;
use shakedown_scenarios::units::{Ratio, Span};
use shakedown_tls_faults::{Alert, InjectError, Terminate, TlsFault, TlsOptions, TlsProxy};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::{
    SEED, always, any, connect, echo, echoes, rest, soon, terminating, terminating_to, tls_error, until,
};

fn stall(length: Option<Span>) -> TlsFault {
    TlsFault::HandshakeStall { length, probability: always() }
}

#[tokio::test]
async fn a_stalled_handshake_gets_no_answer_and_goes_on_when_it_heals() {
    let proxy = terminating().await;
    proxy.inject(1, stall(None)).unwrap();
    let connecting = connect(&proxy);
    tokio::pin!(connecting);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut connecting).await;
    assert!(early.is_err(), "nothing should be answered");
    assert_eq!(proxy.evidence(1).unwrap().hits, 1);
    assert_eq!(proxy.heal(1).unwrap().hits, 1);
    echoes(&mut connecting.await.unwrap(), b"at last").await;
}

#[tokio::test]
async fn a_stall_with_a_length_ends_by_itself_and_not_before() {
    let proxy = terminating().await;
    proxy.inject(1, stall(Some(Span::millis(200)))).unwrap();
    let start = tokio::time::Instant::now();
    echoes(&mut connect(&proxy).await.unwrap(), b"late").await;
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert!(proxy.evidence(1).unwrap().holds);
}

#[tokio::test]
async fn what_is_injected_during_a_stall_holds_after_it() {
    let proxy = terminating().await;
    proxy.inject(1, stall(None)).unwrap();
    let connecting = connect(&proxy);
    tokio::pin!(connecting);
    let _ = tokio::time::timeout(Duration::from_millis(100), &mut connecting).await;
    let description = Alert::AccessDenied;
    proxy.inject(2, TlsFault::Alert { description, probability: always() }).unwrap();
    let _ = proxy.heal(1);
    let error = connecting.await.map(drop).unwrap_err();
    assert_eq!(tls_error(&error), &Error::AlertReceived(rustls::AlertDescription::AccessDenied));
}

#[tokio::test]
async fn a_client_that_leaves_a_stall_is_let_go() {
    let proxy = terminating().await;
    proxy.inject(1, stall(None)).unwrap();
    {
        let connecting = connect(&proxy);
        tokio::pin!(connecting);
        let _ = tokio::time::timeout(Duration::from_millis(100), &mut connecting).await;
        until("the stall", || proxy.evidence(1).unwrap().hits == 1).await;
    }
    until("the connection's end", || proxy.counters().open == 0).await;
    assert_eq!(proxy.counters().handshake_failures, 1);
}

/// Which of 64 connections are hit by a fault on half of them, as bits.
const PINNED: u64 = 0xb938_c0e1_3436_2172;

#[tokio::test]
async fn safety_13_the_same_seed_and_order_of_connections_have_the_same_fates_for_ever() {
    let description = Alert::DecodeError;
    let fault = TlsFault::Alert { description, probability: Ratio::new(0.5).unwrap() };
    let proxy = terminating_to(echo().await);
    proxy.inject(7, fault).unwrap();
    let mut fates = 0_u64;
    for number in 0..64 {
        fates |= u64::from(connect(&proxy).await.is_err()) << number;
    }
    assert_eq!(proxy.heal(7).unwrap().hits, u64::from(fates.count_ones()));
    assert_eq!(fates, PINNED, "{fates:#018x}");
}

#[tokio::test]
async fn a_hundred_stalled_handshakes_do_not_keep_anybody_waiting() {
    let proxy = std::sync::Arc::new(terminating().await);
    proxy.inject(1, stall(None)).unwrap();
    let clients: Vec<_> = (0..100)
        .map(|_| {
            let proxy = std::sync::Arc::clone(&proxy);
            tokio::spawn(async move { connect(&proxy).await.map(drop) })
        })
        .collect();
    until("all stalls", || proxy.evidence(1).unwrap().hits == 100).await;
    let start = tokio::time::Instant::now();
    for id in 2..40 {
        proxy.inject(id, TlsFault::VersionCap { probability: always() }).unwrap();
        let _ = proxy.heal(id);
    }
    let _ = proxy.heal(1);
    assert!(start.elapsed() < Duration::from_secs(2));
    for client in clients {
        soon("a client", client).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_silent_client_is_let_go_when_its_time_is_over() {
    let terminate = Terminate { handshake_timeout: Span::millis(200), ..Terminate::default() };
    let options = TlsOptions { terminate: Some(terminate), ..TlsOptions::default() };
    let proxy = TlsProxy::start(any(), echo().await, options, SEED).unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(soon("the end", client.read(&mut [0])).await.unwrap(), 0);
    let counters = proxy.counters();
    assert_eq!((counters.accepted, counters.handshake_failures), (1, 1));
}

#[tokio::test]
async fn a_client_without_tls_is_refused_and_harms_nobody() {
    use tokio::io::AsyncWriteExt;
    let proxy = terminating().await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let _ = rest(&mut client).await;
    until("the failure", || proxy.counters().handshake_failures == 1).await;
    echoes(&mut connect(&proxy).await.unwrap(), b"next").await;
}

#[tokio::test]
async fn stopping_ends_stalls_and_open_connections() {
    let proxy = terminating().await;
    let mut client = connect(&proxy).await.unwrap();
    echoes(&mut client, b"open").await;
    proxy.inject(1, stall(None)).unwrap();
    let address = proxy.address();
    let mut stalled = TcpStream::connect(address).await.unwrap();
    until("both", || proxy.counters().open == 2).await;
    soon("stopping", proxy.stop()).await;
    assert!(rest(&mut client).await.1.is_err());
    assert!(rest(&mut stalled).await.0.is_empty());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_proxy_that_is_dropped_is_gone() {
    let proxy = terminating().await;
    let mut client = connect(&proxy).await.unwrap();
    echoes(&mut client, b"open").await;
    drop(proxy);
    assert!(rest(&mut client).await.1.is_err());
}

#[tokio::test]
async fn what_cannot_be_injected_says_why() {
    let proxy = terminating().await;
    proxy.inject(1, stall(None)).unwrap();
    assert!(proxy.inject(1, stall(None)).unwrap_err().to_string().contains("injection 1 holds already"));
    let never = TlsFault::WrongHost { probability: Ratio::new(0.0).unwrap() };
    assert!(matches!(proxy.inject(2, never), Err(InjectError::Wrong(_))));
    assert!(proxy.evidence(2).is_none() && proxy.heal(2).is_none());
}
