//! Without toxics the proxy is a wire.

use shakedown_faults::proxy::Proxy;
use shakedown_faults::toxic::{Injection, Toxic};
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpListener;

use crate::support::*;

#[tokio::test]
async fn bytes_pass_both_ways_and_are_counted() {
    let (proxy, mut client, mut server) = joined().await;
    pass(&mut client, &mut server, b"a question").await;
    pass(&mut server, &mut client, b"answer").await;
    let counters = proxy.counters();
    assert_eq!((counters.accepted, counters.open, counters.up, counters.down), (1, 1, 10, 6));
    assert_eq!(counters.dial_failures, 0);
}

#[tokio::test]
async fn safety_06_a_half_close_passes_and_the_answer_still_comes() {
    let (proxy, mut client, mut server) = joined().await;
    client.write_all(b"all I have").await.unwrap();
    client.shutdown().await.unwrap();
    let mut question = Vec::new();
    soon("the question", server.read_to_end(&mut question)).await.unwrap();
    assert_eq!(question, b"all I have");

    pass(&mut server, &mut client, b"still here").await;
    drop(server);
    assert_eq!(soon("the end", client.read(&mut [0])).await.unwrap(), 0);
    until("the connection's end", || proxy.counters().open == 0).await;
}

#[tokio::test]
async fn safety_05_a_reset_by_the_server_arrives_as_a_reset() {
    let (proxy, mut client, mut server) = joined().await;
    pass(&mut server, &mut client, b"hello").await;
    server.set_zero_linger().unwrap();
    drop(server);
    assert!(is_reset(&mut client).await);
    until("the connection's end", || proxy.counters().open == 0).await;
}

#[tokio::test]
async fn a_reset_by_the_client_arrives_as_a_reset() {
    let (_proxy, mut client, mut server) = joined().await;
    pass(&mut client, &mut server, b"hello").await;
    client.set_zero_linger().unwrap();
    drop(client);
    assert!(is_reset(&mut server).await);
}

#[tokio::test]
async fn a_reset_after_a_half_close_arrives_too() {
    let (_proxy, mut client, mut server) = joined().await;
    client.write_all(b"x").await.unwrap();
    client.shutdown().await.unwrap();
    let mut question = Vec::new();
    soon("the question", server.read_to_end(&mut question)).await.unwrap();
    client.set_zero_linger().unwrap();
    drop(client);
    // Who has read an end is told no more by reading: the error shows on the socket, and when it is written to.
    soon("the reset", server.ready(Interest::ERROR)).await.unwrap();
    assert_eq!(server.try_write(b"y").unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_reset_overtakes_bytes_that_nobody_reads() {
    let (proxy, client, mut server) = joined().await;
    fill(&client).await;
    client.set_zero_linger().unwrap();
    drop(client);
    until("the connection's end", || proxy.counters().open == 0).await;
    assert!(is_reset(&mut server).await);
}

#[tokio::test]
async fn an_answer_before_a_reset_is_not_lost() {
    // A server that closes while it has unread input sends its answer and a RST.
    let (_proxy, mut client, mut server) = joined().await;
    client.write_all(b"never read").await.unwrap();
    assert_eq!(soon("input", server.peek(&mut [0])).await.unwrap(), 1);
    server.write_all(b"go away").await.unwrap();
    drop(server);
    let mut answer = [0; 7];
    soon("the answer", client.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"go away");
    assert!(is_reset(&mut client).await);
}

#[tokio::test]
async fn safety_05_a_target_that_refuses_shows_as_a_reset_and_is_counted() {
    let nobody = TcpListener::bind(any()).await.unwrap().local_addr().unwrap();
    let proxy = Proxy::start(any(), nobody, SEED).unwrap();
    assert!(meets_a_reset(&proxy).await);
    until("the connection's end", || proxy.counters().open == 0).await;
    assert_eq!(proxy.counters().dial_failures, 1);
}

#[tokio::test]
async fn safety_05_a_server_that_dies_in_mid_answer_leaves_what_it_sent() {
    let (_proxy, mut client, mut server) = joined().await;
    server.write_all(bytes_from(0, 100_000)).await.unwrap();
    drop(server);
    let mut answer = Vec::new();
    soon("the answer", client.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, bytes_from(0, 100_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn safety_07_a_hundred_megabytes_both_ways_come_out_as_they_went_in() {
    both_ways(100 << 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it moves 20 GiB, which takes a minute"]
async fn safety_07_ten_gibibytes_both_ways_come_out_as_they_went_in() {
    both_ways(10 << 30).await;
}

async fn both_ways(length: u64) {
    let proxy = Proxy::start(any(), echo().await, SEED).unwrap();
    let (mut read, mut write) = connect(&proxy).await.into_split();
    let sending = tokio::spawn(async move {
        // A stride that is no power of two, so that pieces are cut at ever different places.
        let mut place = 0;
        while place < length {
            let count = 70_001.min(length - place);
            write.write_all(bytes_from(place, count as usize)).await.unwrap();
            place += count;
        }
        write.shutdown().await.unwrap();
    });
    let mut place = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = soon("reading", read.read(&mut buffer)).await.unwrap();
        if count == 0 {
            break;
        }
        assert!(buffer[..count] == *bytes_from(place, count), "bytes from {place} on differ");
        place += count as u64;
    }
    sending.await.unwrap();
    assert_eq!(place, length);
    let counters = proxy.counters();
    assert_eq!((counters.up, counters.down), (length, length));
    assert_eq!((counters.up_received, counters.down_received), (length, length));
}

#[tokio::test]
async fn stopping_ends_connections_and_frees_the_port() {
    let (proxy, mut client, mut server) = joined().await;
    let address = proxy.address();
    soon("stopping", proxy.stop()).await;
    assert_eq!(soon("the end", client.read(&mut [0])).await.unwrap_or(0), 0);
    assert_eq!(soon("the end", server.read(&mut [0])).await.unwrap_or(0), 0);
    let again = Proxy::start(address, any(), SEED).unwrap();
    assert_eq!(again.address(), address);
}

#[tokio::test]
async fn a_dropped_proxy_gives_back_its_port_at_once_and_hands_nothing_on() {
    for _ in 0..100 {
        let (proxy, mut client, mut server) = joined().await;
        let address = proxy.address();
        client.write_all(b"in time, or lost").await.unwrap();
        drop(proxy);
        // Nobody is waited for: neither is the next proxy kept from the port, nor do these bytes get through.
        let again = Proxy::start(address, any(), SEED).unwrap();
        let _ = client.write_all(b"LATE").await;
        let mut got = Vec::new();
        let _ = soon("the end", server.read_to_end(&mut got)).await;
        assert!(!got.ends_with(b"LATE"), "{got:?}");
        assert_eq!(again.counters().accepted, 0);
    }
}

#[tokio::test]
async fn what_was_read_is_counted_though_it_goes_nowhere() {
    let (proxy, mut client, mut server) = joined().await;
    let both = Injection::new(Toxic::Timeout { after: Span::ZERO }, Way::Both);
    pass(&mut client, &mut server, b"before").await;
    proxy.inject(1, both).unwrap();
    client.write_all(&[7; 500]).await.unwrap();
    server.write_all(&[7; 30]).await.unwrap();
    until("all being read", || proxy.counters().up_received == 506 && proxy.counters().down_received == 30)
        .await;
    assert_eq!((proxy.counters().up, proxy.counters().down), (6, 0));
}
