//! Toxics come, change and go under live connections: no byte is lost, doubled or out of order, on either way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use shakedown_faults::proxy::Proxy;
use shakedown_faults::toxic::{Injection, Toxic};
use shakedown_scenarios::seed::{Chance, Streams};
use shakedown_scenarios::target::Way;
use shakedown_scenarios::toxic::Blackhole;
use shakedown_scenarios::units::{Bandwidth, Ratio, Size, Span};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::support::*;

/// Numbers of injections, of which some hold at each moment.
const NUMBERS: u64 = 8;

/// How many bytes a way carries after the last change at least, so that the last ones are seen to do no harm.
const MORE: u64 = 200_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn safety_08_two_hundred_live_connections_lose_no_byte_while_toxics_change_ten_thousand_times() {
    const CONNECTIONS: u64 = 200;
    const CHANGES: u64 = 10_000;
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = Proxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    let (over, mut ends) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for number in 0..CONNECTIONS {
        let (client, server) = join(&proxy, &listener).await;
        talk(&mut ends, number, client, server, &over);
    }
    let (mut chance, mut slowest) = (Streams::new(SEED).stream("live"), Duration::ZERO);
    // Some bytes pass, or wait, under each set of toxics.
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..CHANGES {
        tick.tick().await;
        slowest = slowest.max(change(&proxy, &mut chance));
    }
    (0..NUMBERS).for_each(|id| assert!(proxy.heal(id as u32).proven));
    over.store(true, Relaxed);
    let (mut up, mut down) = (0, 0);
    while let Some(end) = soon("all connections", ends.join_next()).await {
        match end.unwrap() {
            (Direction::Up, passed) => up += passed,
            (Direction::Down, passed) => down += passed,
        }
    }
    println!(
        "{CHANGES} changes under {CONNECTIONS} live connections, the slowest took {slowest:?}; {up} up, {down} down"
    );
    until("all connections' ends", || proxy.counters().open == 0).await;
    let counters = proxy.counters();
    assert_eq!((counters.up, counters.down), (up, down));
    assert_eq!((counters.accepted, counters.dial_failures), (CONNECTIONS, 0));
    assert!(up.min(down) >= CONNECTIONS * MORE, "{up} up and {down} down");
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    Up,
    Down,
}

/// Both ends of a connection send and check what they get, until all is over. Each way has bytes of its own, so that
/// those of another connection would show.
fn talk(
    ends: &mut JoinSet<(Direction, u64)>,
    number: u64,
    client: TcpStream,
    server: TcpStream,
    over: &Arc<AtomicBool>,
) {
    let ((client_read, client_write), (server_read, server_write)) =
        (client.into_split(), server.into_split());
    let ways = [
        (Direction::Up, number * 2_003, client_write, server_read),
        (Direction::Down, number * 3_001 + 7, server_write, client_read),
    ];
    for (direction, first, write, read) in ways {
        let over = Arc::clone(over);
        ends.spawn(async move {
            let (sent, got) = tokio::join!(send(write, first, &over), check(read, first));
            assert_eq!(sent, got, "connection {number}, {direction:?}");
            (direction, got)
        });
    }
}

/// Sends until it is over, and a little more; ends its own way in order and not the other one.
async fn send(mut write: OwnedWriteHalf, first: u64, over: &AtomicBool) -> u64 {
    let (mut sent, mut after) = (0_u64, 0);
    while after < MORE {
        // Sizes of all kinds, that pieces are cut at ever different places.
        let count = 1 + sent.wrapping_mul(7_919) % 9_001;
        write.write_all(bytes_from(first + sent, count as usize)).await.unwrap();
        sent += count;
        after += if over.load(Relaxed) { count } else { 0 };
        tokio::task::yield_now().await;
    }
    write.shutdown().await.unwrap();
    sent
}

/// Reads to the end and compares.
async fn check(mut read: OwnedReadHalf, first: u64) -> u64 {
    let (mut got, mut buffer) = (0, vec![0; 40_000]);
    loop {
        let count = read.read(&mut buffer).await.unwrap();
        if count == 0 {
            return got;
        }
        assert!(buffer[..count] == *bytes_from(first + got, count), "bytes from {got} on differ");
        got += count as u64;
    }
}

/// Adds, changes or removes a toxic that loses nothing; how long the call took.
pub fn change(proxy: &Proxy, chance: &mut Chance) -> Duration {
    let id = chance.below(NUMBERS) as u32;
    let what = chance.below(5);
    let injection = lossless(chance);
    let began = Waited::now();
    match what {
        // The number may be taken, or not: those are cases too.
        0 | 1 => drop(proxy.inject(id, injection)),
        2 => drop(proxy.update(id, injection)),
        _ => assert!(proxy.heal(id).proven),
    }
    let took = began.elapsed();
    assert!(took < CALL_MAX, "a call took {took:?}");
    took
}

fn lossless(chance: &mut Chance) -> Injection {
    let ways = [Way::Both, Way::Upstream, Way::Downstream];
    let way = ways[chance.below(3) as usize];
    let ratio = |value| Ratio::new(value).unwrap();
    let toxic = match chance.below(13) {
        0 => Toxic::jittery(Span::millis(chance.below(20)), Span::millis(5)),
        1 => Toxic::bandwidth(Bandwidth::bytes_per_second(1 << chance.below(24))),
        2 => Toxic::Partition {},
        3 => Toxic::Slicer {
            average: Size::bytes(1 + chance.below(3_000)),
            variation: Size::bytes(500),
            delay: Span::micros(chance.below(50)),
        },
        4 => Toxic::Stall { every: Span::millis(30), hold: Span::millis(10) },
        5 => Toxic::Coalesce { window: Span::millis(3), size: Toxic::COALESCED },
        6 => Toxic::SlowRead { rate: Bandwidth::bytes_per_second(1 << chance.below(24)), window: None },
        7 => Toxic::SlowClose { delay: Span::millis(5) },
        8 => Toxic::Blackhole { mode: Blackhole::Hold },
        9 => Toxic::Noop {},
        10 => Toxic::Loss {
            bad: ratio(0.3),
            good: ratio(0.5),
            loss_in_bad: ratio(0.5),
            loss_in_good: ratio(0.1),
            rto: Span::millis(2),
        },
        11 => Toxic::LimitTime { after: Span::secs(3_600), then: Default::default() },
        _ => return Injection::new(Toxic::Refuse {}, Way::Both),
    };
    Injection::new(toxic, way)
}
