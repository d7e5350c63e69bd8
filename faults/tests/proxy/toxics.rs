//! Each toxic on real connections: it does what it says, says what it did, and is gone when it is healed.

use std::time::Duration;

use shakedown_faults::proxy::{InjectError, Proxy};
use shakedown_faults::toxic::{Evidence, Injection, RulesError, Toxic};
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::{Bandwidth, Span};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

const ID: u32 = 7;

/// Long enough for anything that was not held back to have come, short enough for a test.
const A_WHILE: Duration = Duration::from_millis(100);

fn evidence(proxy: &Proxy) -> Evidence {
    proxy.evidence(ID).unwrap()
}

fn heal(proxy: &Proxy) {
    let healed = proxy.heal(ID);
    assert!(healed.proven, "{healed}");
}

#[tokio::test]
async fn latency_delays_each_way_by_itself() {
    let (proxy, mut client, mut server) = joined().await;
    let delay = Span::millis(40);
    proxy.inject(ID, Injection::new(Toxic::latency(delay), Way::Downstream)).unwrap();
    for _ in 0..5 {
        pass(&mut client, &mut server, b"question").await;
        let asked = now();
        pass(&mut server, &mut client, b"answer").await;
        assert!(asked.elapsed() >= delay.duration(), "{:?}", asked.elapsed());
    }
    let seen = evidence(&proxy);
    assert!(seen.bit() && seen.chunks_delayed == 5 && seen.bytes_delayed == 30, "{seen}");
    assert!(seen.mean_delay >= delay, "{seen}");
    heal(&proxy);
    pass(&mut server, &mut client, b"quick").await;
    assert_eq!(evidence(&proxy).chunks_delayed, 5, "what was healed counts no more");
}

#[tokio::test]
async fn many_chunks_under_latency_are_late_together_and_not_one_after_the_other() {
    let (proxy, mut client, mut server) = joined().await;
    proxy.inject(ID, Injection::new(Toxic::latency(Span::millis(200)), Way::Both)).unwrap();
    let began = now();
    for _ in 0..50 {
        client.write_all(b"chunk").await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut got = [0; 250];
    soon("all chunks", server.read_exact(&mut got)).await.unwrap();
    // Fifty delays one after the other would be ten seconds.
    assert!(began.elapsed() >= Duration::from_millis(200) && began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_blackhole_swallows_and_resets_at_heal() {
    let (proxy, mut client, mut server) = joined().await;
    pass(&mut client, &mut server, b"before").await;
    proxy.inject(ID, Injection::new(Toxic::Blackhole { mode: Default::default() }, Way::Upstream)).unwrap();
    client.write_all(b"lost").await.unwrap();
    pass(&mut server, &mut client, b"the other way is whole").await;
    assert!(is_silent(&mut server, A_WHILE).await);
    until("the count", || evidence(&proxy).bytes_swallowed == 4).await;
    heal(&proxy);
    assert!(is_reset(&mut client).await && is_reset(&mut server).await);
    assert_eq!(evidence(&proxy).connections_reset, 1);
}

#[tokio::test]
async fn a_blackhole_leaves_alone_who_lost_nothing() {
    let (proxy, mut client, mut server) = joined().await;
    proxy.inject(ID, Injection::new(Toxic::Blackhole { mode: Default::default() }, Way::Both)).unwrap();
    heal(&proxy);
    pass(&mut client, &mut server, b"still whole").await;
    assert!(!evidence(&proxy).bit());
}

#[tokio::test]
async fn a_partition_holds_bytes_and_loses_none() {
    let (proxy, mut client, mut server) = joined().await;
    pass(&mut client, &mut server, b"before").await;
    proxy.inject(ID, Injection::new(Toxic::Partition {}, Way::Both)).unwrap();
    client.write_all(b"held").await.unwrap();
    server.write_all(b"back").await.unwrap();
    until("the count", || evidence(&proxy).bytes_held == 8).await;
    assert!(is_silent(&mut server, A_WHILE).await && is_silent(&mut client, A_WHILE).await);
    heal(&proxy);
    let (mut up, mut down) = ([0; 4], [0; 4]);
    soon("what was held", server.read_exact(&mut up)).await.unwrap();
    soon("what was held", client.read_exact(&mut down)).await.unwrap();
    assert_eq!((&up, &down), (b"held", b"back"));
    pass(&mut client, &mut server, b"after").await;
}

#[tokio::test]
async fn a_partition_lets_new_connections_get_nowhere_until_it_heals() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = Proxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    proxy.inject(ID, Injection::new(Toxic::Partition {}, Way::Downstream)).unwrap();
    let mut client = connect(&proxy).await;
    client.write_all(b"hello?").await.unwrap();
    until("the count", || evidence(&proxy).connections_held == 1).await;
    assert!(tokio::time::timeout(A_WHILE, listener.accept()).await.is_err());
    heal(&proxy);
    let (mut server, _) = soon("accepting", listener.accept()).await.unwrap();
    let mut got = [0; 6];
    soon("what was held", server.read_exact(&mut got)).await.unwrap();
    assert_eq!(&got, b"hello?");
}

#[tokio::test]
async fn a_client_that_gives_up_in_a_partition_leaves_nothing_behind() {
    let proxy = Proxy::start(any(), echo().await, SEED).unwrap();
    proxy.inject(ID, Injection::new(Toxic::Partition {}, Way::Both)).unwrap();
    let client = connect(&proxy).await;
    until("the connection", || proxy.counters().open == 1).await;
    drop(client);
    until("its end", || proxy.counters().open == 0).await;
}

#[tokio::test]
async fn a_partition_holds_a_reset_back_too() {
    let (proxy, mut client, mut server) = joined().await;
    pass(&mut client, &mut server, b"x").await;
    proxy.inject(ID, Injection::new(Toxic::Partition {}, Way::Upstream)).unwrap();
    client.set_zero_linger().unwrap();
    drop(client);
    assert!(is_silent(&mut server, A_WHILE).await);
    heal(&proxy);
    assert!(is_reset(&mut server).await);
}

#[tokio::test]
async fn a_reset_takes_the_open_ones_idle_or_not_and_the_new_ones() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = Proxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    let mut pairs = Vec::new();
    for _ in 0..20 {
        pairs.push(join(&proxy, &listener).await);
    }
    proxy.inject(ID, Injection::new(Toxic::reset(), Way::Both)).unwrap();
    for (client, server) in &mut pairs {
        assert!(is_reset(client).await && is_reset(server).await);
    }
    assert!(meets_a_reset(&proxy).await);
    assert_eq!(evidence(&proxy).connections_reset, 21);
    heal(&proxy);
    let (mut client, mut server) = join(&proxy, &listener).await;
    pass(&mut client, &mut server, b"whole again").await;
}

#[tokio::test]
async fn refusal_spares_the_open_ones_keeps_the_port_and_ends() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = Proxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    for round in 0..3 {
        let id = ID + round;
        let (mut client, mut server) = join(&proxy, &listener).await;
        proxy.inject(id, Injection::new(Toxic::Refuse {}, Way::Both)).unwrap();
        let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        let taken = TcpListener::bind(proxy.address()).await.unwrap_err();
        assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
        pass(&mut client, &mut server, b"still open").await;
        let seen = proxy.evidence(id).unwrap();
        assert!(seen.bit() && seen.connects_refused == 1, "{seen}");
        let healed = proxy.heal(id);
        assert!(healed.proven, "{healed}");
        let (mut client, mut server) = join(&proxy, &listener).await;
        pass(&mut client, &mut server, b"open again").await;
    }
}

#[tokio::test]
async fn a_door_that_is_shut_or_dead_from_the_start_is_proven_to_be() {
    for toxic in [Toxic::Refuse {}, Toxic::DropSyn {}] {
        let injection = Injection::new(toxic, Way::Both);
        let proxy = Proxy::start_with(any(), echo().await, SEED, vec![(ID, injection)]).unwrap();
        assert!(evidence(&proxy).bit(), "{}", evidence(&proxy));
        // What is injected beside it has nothing to do with the door.
        proxy.inject(ID + 1, Injection::new(Toxic::Noop {}, Way::Both)).unwrap();
        assert_eq!(proxy.evidence(ID + 1).unwrap().connects_refused, 0);
        heal(&proxy);
        let mut client = connect(&proxy).await;
        client.write_all(b"ping").await.unwrap();
        soon("the echo", client.read_exact(&mut [0; 4])).await.unwrap();
    }
}

#[tokio::test]
async fn of_two_refusals_the_last_to_heal_opens_the_port() {
    let proxy = Proxy::start(any(), echo().await, SEED).unwrap();
    proxy.inject(1, Injection::new(Toxic::Refuse {}, Way::Both)).unwrap();
    proxy.inject(2, Injection::new(Toxic::Refuse {}, Way::Both)).unwrap();
    assert!(proxy.heal(1).proven);
    assert!(TcpStream::connect(proxy.address()).await.is_err());
    assert!(proxy.heal(2).proven);
    connect(&proxy).await;
}

#[tokio::test]
async fn bandwidth_holds_a_connection_to_its_rate() {
    let (proxy, mut client, mut server) = joined().await;
    proxy
        .inject(ID, Injection::new(Toxic::bandwidth(Bandwidth::bytes_per_second(1_000_000)), Way::Upstream))
        .unwrap();
    let began = now();
    for part in 0..3 {
        pass(&mut client, &mut server, bytes_from(part * 100_000, 100_000)).await;
    }
    // The limit is a law; how far above it a busy machine comes is not.
    assert!(began.elapsed() >= Duration::from_millis(275), "{:?}", began.elapsed());
    let seen = evidence(&proxy);
    // What came while a late timer had saved something up did not have to wait.
    assert!(seen.bit() && seen.bytes_paced > 50_000, "{seen}");
    heal(&proxy);
}

#[tokio::test]
async fn toxics_of_different_kinds_mix() {
    let (proxy, mut client, mut server) = joined().await;
    proxy.inject(1, Injection::new(Toxic::jittery(Span::millis(50), Span::millis(10)), Way::Both)).unwrap();
    proxy
        .inject(2, Injection::new(Toxic::bandwidth(Bandwidth::bytes_per_second(1_000_000)), Way::Both))
        .unwrap();
    let began = now();
    pass(&mut client, &mut server, bytes_from(0, 100_000)).await;
    assert!(began.elapsed() >= Duration::from_millis(100 + 40 - 25), "{:?}", began.elapsed());
    assert!(proxy.evidence(1).unwrap().bit() && proxy.evidence(2).unwrap().bit());
}

#[tokio::test]
async fn a_number_is_taken_until_it_heals_and_healing_is_idempotent() {
    let (proxy, ..) = joined().await;
    proxy.inject(ID, Injection::new(Toxic::reset(), Way::Both)).unwrap();
    assert!(matches!(
        proxy.inject(ID, Injection::new(Toxic::Refuse {}, Way::Both)),
        Err(InjectError::Rules(RulesError::Taken(_)))
    ));
    heal(&proxy);
    heal(&proxy);
    assert!(proxy.evidence(99).is_none());
}
