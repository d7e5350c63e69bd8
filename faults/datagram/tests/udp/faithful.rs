//! Without faults nothing is changed.

use std::collections::BTreeSet;

use shakedown_datagram_faults::udp::UdpProxy;
use tokio::net::UdpSocket;

use crate::support::{SEED, Stage, any, client_of, receive, soon, until};

#[tokio::test]
async fn datagrams_of_every_length_pass_both_ways_unchanged() {
    let stage = Stage::set().await;
    for len in [0, 1, 512, 1_472, 1_473, 9_000, 65_507] {
        let bytes: Vec<u8> = (0..len).map(|place: usize| (place * 31 % 251) as u8).collect();
        stage.client.send(&bytes).await.unwrap();
        let mut got = vec![0; 65_536];
        let (taken, session) = soon("the way up", stage.server.recv_from(&mut got)).await.unwrap();
        assert_eq!(&got[..taken], bytes);
        stage.server.send_to(&got[..taken], session).await.unwrap();
        assert_eq!(receive(&stage.client).await, bytes);
    }
    let counters = stage.proxy.counters();
    assert_eq!((counters.up.came, counters.up.went), (7, 7));
    assert_eq!((counters.up, counters.sessions, counters.open), (counters.down, 1, 1));
}

#[tokio::test]
async fn the_server_tells_clients_apart_and_each_gets_its_own_answers() {
    let stage = Stage::set().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(client_of(&stage.proxy).await);
    }
    let mut addresses = BTreeSet::new();
    for (number, client) in clients.iter().enumerate() {
        client.send(&[number as u8]).await.unwrap();
        let mut got = [0; 1];
        let (_, session) = soon("the way up", stage.server.recv_from(&mut got)).await.unwrap();
        addresses.insert(session);
        stage.server.send_to(&[got[0] + 100], session).await.unwrap();
    }
    assert_eq!(addresses.len(), 20);
    for (number, client) in clients.iter().enumerate() {
        assert_eq!(receive(client).await, [number as u8 + 100]);
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_counted_and_breaks_nothing() {
    let gone = UdpSocket::bind(any()).await.unwrap();
    let upstream = gone.local_addr().unwrap();
    drop(gone);
    let proxy = UdpProxy::start(any(), upstream, SEED).unwrap();
    let client = client_of(&proxy).await;
    // The kernel tells with the next datagram what became of the one before.
    soon("the kernel's word", async {
        while proxy.counters().unreachable < 3 {
            client.send(b"anybody?").await.unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
    let server = UdpSocket::bind(upstream).await.unwrap();
    client.send(b"now?").await.unwrap();
    while receive(&server).await != b"now?" {}
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let taken = UdpSocket::bind(any()).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = UdpProxy::start(address, any(), SEED).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    drop(taken);
    let error = UdpProxy::start(address, address, SEED).unwrap_err();
    assert!(error.to_string().contains("own address"), "{error}");
}

#[tokio::test]
async fn after_a_stop_the_port_is_free_and_everything_is_gone() {
    let stage = Stage::set().await;
    stage.session().await;
    stage.inject(1, r#"{"delay": {"delay": "1h"}}"#);
    stage.client.send(b"never").await.unwrap();
    until("it is under way", || stage.proxy.counters().under_way == 1).await;
    let address = stage.proxy.address();
    soon("stopping", stage.proxy.stop()).await;
    UdpSocket::bind(address).await.unwrap();
}
