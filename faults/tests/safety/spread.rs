//! A busy link has more than one thread: its connections move, and nobody sees anything of it but their speed.
//!
//! Each part has a process of its own, so that what the proxy's threads have used was used by its one link.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use shakedown_faults::proxy::Proxy;
use shakedown_faults::toxic::{Injection, Toxic};
use shakedown_scenarios::target::Way;
use shakedown_scenarios::toxic::Per;
use shakedown_scenarios::units::{Bandwidth, Span};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::*;

const CONNECTIONS: usize = 32;

/// What each of at least two threads has to have used: far more than any needs to be started and told things.
const MUCH: Duration = Duration::from_millis(30);

/// How often a connection says something that is not busy.
const SOME: usize = 5_000;

pub fn play(arguments: &[String]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
        return println!("skipped: with one core there is one thread");
    }
    match arguments[0].as_str() {
        "numbers" => runtime.block_on(connections_keep_their_numbers_and_their_bytes()),
        "toxics" => runtime.block_on(toxics_hold_and_heal()),
        "limit" => runtime.block_on(a_limit_of_the_link_is_one()),
        "stop" => runtime.block_on(a_stop_ends_all()),
        "quiet" => runtime.block_on(a_link_without_a_line_keeps_one_thread()),
        part => panic!("{part}"),
    }
}

/// CPU time that each of the proxy's threads in this process has used.
fn used() -> Vec<Duration> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let used = tasks.filter_map(|task| {
        let path = task.ok()?.path();
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let told = std::fs::read_to_string(path.join("schedstat")).ok()?;
        let nanos = told.split(' ').next()?.parse().ok()?;
        name.starts_with("shakedown-proxy").then_some(Duration::from_nanos(nanos))
    });
    used.collect()
}

/// Connections that are never quiet, and what they sent and got so far.
struct Busy {
    proxy: Proxy,
    over: Arc<AtomicBool>,
    talking: JoinSet<u64>,
}

// === impl Busy ===

impl Busy {
    /// Starts them, and waits until the link has two threads that do much.
    async fn start() -> Self {
        let proxy = Proxy::start(any(), echo().await, SEED).unwrap();
        // A thread has its name a moment after its start.
        until("the link having one thread", || used().len() == 1).await;
        let (over, mut talking) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for number in 0..CONNECTIONS {
            let stream = connect(&proxy).await;
            talking.spawn(talk(stream, number as u64 * 2_003, Arc::clone(&over)));
        }
        until("the link having two threads", || used().iter().filter(|used| **used >= MUCH).count() >= 2)
            .await;
        Self { proxy, over, talking }
    }

    /// Lets them come to their end; what passed one way, which is what passed the other.
    async fn finish(mut self) -> (Proxy, u64) {
        self.over.store(true, Relaxed);
        let mut all = 0;
        while let Some(each) = soon("all connections", self.talking.join_next()).await {
            all += each.unwrap();
        }
        (self.proxy, all)
    }
}

/// Says bytes and compares the echo, again and again; how many.
async fn talk(mut stream: TcpStream, first: u64, over: Arc<AtomicBool>) -> u64 {
    let (mut place, mut got) = (0_u64, vec![0; 2_000]);
    while !over.load(Relaxed) {
        let count = 1 + place.wrapping_mul(7_919) % 1_999;
        let said = bytes_from(first + place, count as usize);
        stream.write_all(said).await.unwrap();
        stream.read_exact(&mut got[..said.len()]).await.unwrap();
        assert!(got[..said.len()] == *said, "bytes from {place} on differ");
        place += count;
    }
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut got).await.unwrap(), 0);
    place
}

async fn connections_keep_their_numbers_and_their_bytes() {
    let busy = Busy::start().await;
    let numbers: Vec<u64> = busy.proxy.connections().iter().map(|seen| seen.number).collect();
    assert_eq!(numbers, (0..CONNECTIONS as u64).collect::<Vec<_>>());
    let clients: BTreeSet<_> = busy.proxy.connections().iter().map(|seen| seen.client).collect();
    assert_eq!(clients.len(), CONNECTIONS);
    let (proxy, passed) = busy.finish().await;
    until("the connections' ends", || proxy.counters().open == 0).await;
    let counters = proxy.counters();
    assert_eq!((counters.accepted, counters.up, counters.down), (CONNECTIONS as u64, passed, passed));
    assert_eq!((counters.up_received, counters.down_received), (passed, passed));
}

async fn toxics_hold_and_heal() {
    let busy = Busy::start().await;
    let mut extra = connect(&busy.proxy).await;
    for (id, toxic) in [(1, Toxic::Partition {}), (2, Toxic::latency(Span::millis(20)))] {
        busy.proxy.inject(id, Injection::new(toxic, Way::Both)).unwrap();
        // It is told to every connection, also to one that has nothing to say, wherever it is.
        until("all of them being told", || {
            busy.proxy
                .evidence(id)
                .is_some_and(|seen| seen.connections_met >= 2 * CONNECTIONS as u64 && seen.bit())
        })
        .await;
        if id == 1 {
            let before = busy.proxy.counters();
            assert!(is_silent(&mut extra, Duration::from_millis(50)).await);
            let after = busy.proxy.counters();
            assert_eq!((before.up, before.down), (after.up, after.down), "bytes pass through a partition");
        }
        assert!(busy.proxy.heal(id).proven);
    }
    drop(extra);
    // Those that were quiet under a toxic are told of its end, wherever they are.
    let before: Vec<_> = busy.proxy.connections().iter().map(|seen| seen.down).collect();
    until("all of them going on", || {
        busy.proxy.connections().iter().take(CONNECTIONS).zip(&before).all(|(now, before)| now.down > *before)
    })
    .await;
    let (proxy, passed) = busy.finish().await;
    assert_eq!((proxy.counters().up, proxy.counters().down), (passed, passed));
}

async fn a_limit_of_the_link_is_one() {
    let busy = Busy::start().await;
    let rate = Bandwidth::bytes_per_second(1_000_000);
    let burst = Toxic::BURST;
    let limited = Injection::new(Toxic::Bandwidth { rate, per: Per::Link, burst }, Way::Upstream);
    busy.proxy.inject(1, limited).unwrap();
    let (began, before) = (now(), busy.proxy.counters().up);
    until("some bytes", || busy.proxy.counters().up > before + 300_000).await;
    let passed = busy.proxy.counters().up - before;
    let allowed = began.elapsed() + burst.duration();
    assert!(passed as f64 <= allowed.as_secs_f64() * 1e6, "{passed} bytes in {allowed:?}");
    // They take turns on one thread then: the other one has nothing to do any more.
    let before = used();
    let up = busy.proxy.counters().up;
    until("some more bytes", || busy.proxy.counters().up > up + 300_000).await;
    let mut grown: Vec<_> = used().iter().zip(&before).map(|(now, before)| *now - *before).collect();
    grown.sort_unstable();
    assert!(grown.len() == 2 && grown[0] * 4 < grown[1], "{grown:?}");
    assert!(busy.proxy.heal(1).proven);
    busy.finish().await;
}

async fn a_stop_ends_all() {
    let Busy { proxy, mut talking, .. } = Busy::start().await;
    let mut idle = connect(&proxy).await;
    let address = proxy.address();
    soon("its stop", proxy.stop()).await;
    // All have ended, be it between two of their words or amid one.
    while let Some(ended) = soon("all connections", talking.join_next()).await {
        assert!(ended.is_err(), "a connection came to its end although it was never told that all is over");
    }
    assert!(soon("its end", idle.read(&mut [0])).await.map_or(true, |count| count == 0));
    TcpListener::bind(address).await.unwrap();
}

async fn a_link_without_a_line_keeps_one_thread() {
    let proxy = Proxy::start(any(), echo().await, SEED).unwrap();
    let mut stream = connect(&proxy).await;
    let mut got = [0; 100];
    for round in 0..SOME as u64 {
        let said = bytes_from(round, got.len());
        soon("writing", stream.write_all(said)).await.unwrap();
        soon("an echo", stream.read_exact(&mut got)).await.unwrap();
        assert!(got == *said);
    }
    assert_eq!(used().len(), 1);
}
