//! Same seed, same order of connections: same fates, on every machine and for ever.

use shakedown_faults::proxy::Proxy;
use shakedown_faults::toxic::{Aim, Injection, Toxic};
use shakedown_scenarios::target::Way;
use shakedown_scenarios::toxic::Blackhole;
use shakedown_scenarios::units::Ratio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::*;

// Computed by a second implementation in another language, not copied from the output of this one.
const PINNED: u64 = 0x9373_60b5_20f1_57aa;

/// Which of 64 connections one after the other are hit by a toxic on half of them, as bits.
async fn hit(seed: u64) -> u64 {
    let proxy = Proxy::start(any(), echo().await, seed).unwrap();
    let aim = Aim { toxicity: Ratio::new(0.5).unwrap(), ..Aim::at(Way::Upstream) };
    proxy.inject(1, Injection { name: "some".to_owned(), toxic: Toxic::reset(), aim }).unwrap();
    let mut bits = 0;
    for number in 0..64 {
        // Whether it is reset may show at once, or when it is used.
        let mut client = match soon("connecting", tokio::net::TcpStream::connect(proxy.address())).await {
            Ok(client) => client,
            Err(_) => {
                bits |= 1 << number;
                continue;
            }
        };
        let _ = client.write_all(b"x").await;
        let echoed = soon("the echo", client.read(&mut [0])).await;
        bits |= u64::from(!matches!(echoed, Ok(1))) << number;
    }
    bits
}

#[tokio::test]
async fn both_ways_of_a_connection_are_hit_or_neither() {
    const CONNECTIONS: u64 = 40;
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = Proxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    let aim = Aim { toxicity: Ratio::new(0.5).unwrap(), ..Aim::at(Way::Both) };
    let toxic = Toxic::Blackhole { mode: Blackhole::Drop };
    proxy.inject(1, Injection { name: "some".to_owned(), toxic, aim }).unwrap();
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let (mut client, mut server) = join(&proxy, &listener).await;
        client.write_all(b"x").await.unwrap();
        server.write_all(b"y").await.unwrap();
        held.push((client, server));
    }
    until("every byte being passed or lost", || {
        let (passed, lost) = (proxy.counters(), proxy.evidence(1).unwrap().bytes_swallowed);
        passed.up + passed.down + lost == 2 * CONNECTIONS
    })
    .await;
    let seen = proxy.connections();
    assert!(seen.iter().all(|seen| seen.up == seen.down), "{seen:?}");
    let spared = seen.iter().filter(|seen| seen.up == 1).count();
    assert!((10..30).contains(&spared), "{spared} of {CONNECTIONS} were spared at 50 %");
}

#[tokio::test]
async fn safety_13_the_same_seed_and_order_of_connections_give_the_same_fates_for_ever() {
    let fates = hit(SEED).await;
    assert_eq!(fates, PINNED, "{fates:#018x}");
    assert_ne!(hit(SEED + 1).await, PINNED);
}
