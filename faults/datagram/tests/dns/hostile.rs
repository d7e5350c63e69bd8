//! Whatever comes, it goes on answering.

use shakedown_scenarios::seed::Streams;
use simple_dns::TYPE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{SEED, ask, ask_over_tcp, inject, query, responder, socket_to, soon, until};

#[tokio::test]
async fn ten_thousand_datagrams_of_garbage_do_no_harm() {
    let responder = responder();
    inject(&responder, 1, r#"{"act": "random_address", "probability": "50%"}"#);
    inject(&responder, 2, r#"{"act": {"slow": {"delay": "1ms"}}, "probability": "10%"}"#);
    let socket = socket_to(responder.address()).await;
    let mut chance = Streams::new(SEED).stream("garbage");
    for round in 1..=10_000_u64 {
        let bytes = garbage(round, &mut chance);
        // The kernel may tell of an answer that we did not take; that is not what is tested.
        let _ = socket.send(&bytes).await;
        if round % 50 == 0 {
            until("taking them", || responder.counters().datagrams >= round - 10).await;
        }
        while socket.try_recv(&mut [0; 2_000]).is_ok() {}
    }
    until("nothing is pending", || responder.counters().pending == 0).await;
    let _ = (responder.heal(1), responder.heal(2));
    assert_eq!(ask(&responder, "db.test", TYPE::A).await.addresses.len(), 2);
    assert_eq!(ask_over_tcp(&responder, "db.test", TYPE::A).await.addresses.len(), 2);
}

/// Noise, or a query with a few bytes changed, cut or added.
fn garbage(round: u64, chance: &mut shakedown_scenarios::seed::Chance) -> Vec<u8> {
    let mut byte = || (chance.u64() & 0xff) as u8;
    if round.is_multiple_of(2) {
        let len = usize::from(byte()) * 4;
        return (0..len).map(|_| byte()).collect();
    }
    let mut bytes = query(7, "a.b.shop.test", TYPE::A);
    for _ in 0..3 {
        let place = usize::from(byte()) % bytes.len();
        bytes[place] = byte();
    }
    match byte() % 3 {
        0 => bytes.truncate(usize::from(byte()) % 40),
        1 => bytes.extend((0..20).map(|_| byte())),
        _ => {}
    }
    bytes
}

#[tokio::test]
async fn garbage_over_a_connection_ends_that_connection_at_most() {
    let responder = responder();
    let mut chance = Streams::new(SEED).stream("garbage");
    for _ in 0..50 {
        let mut stream = TcpStream::connect(responder.address()).await.unwrap();
        let bytes: Vec<u8> = (0..500).map(|_| (chance.u64() & 0xff) as u8).collect();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        // A reset is as good an end as any.
        let _ = soon("the end", stream.read_to_end(&mut Vec::new())).await;
    }
    until("all are gone", || responder.counters().open == 0).await;
    assert_eq!(ask_over_tcp(&responder, "db.test", TYPE::A).await.addresses.len(), 2);
}

#[tokio::test]
async fn a_query_that_claims_to_be_long_ends_its_connection() {
    let responder = responder();
    let mut stream = TcpStream::connect(responder.address()).await.unwrap();
    stream.write_all(&[0xff, 0xff, 1, 2, 3]).await.unwrap();
    let _ = soon("the end", stream.read_to_end(&mut Vec::new())).await;
    until("it is counted", || responder.counters().given_up == 1).await;
}
