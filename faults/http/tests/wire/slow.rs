//! Five hundred clients that drip their heads: each is closed when its time is over, and a good client hardly notices.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shakedown_http_faults::proxy::{HttpProxy, Limits, RawTunnel};
use shakedown_scenarios::units::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::shop::FIXED;
use crate::support::*;

const SLOW: usize = 500;
const WITHIN: Duration = Duration::from_secs(4);

/// A client that takes longer than it may is closed at the latest so long after, on a machine that has other things to do too.
const GRACE: Duration = WITHIN;

/// How often the good client is looked at while the slow ones are there.
const TRIES: usize = 3;

/// What a machine that has other things to do may add to a request.
const NOISE: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn safety_04_five_hundred_slow_clients_are_closed_in_time_and_a_good_one_is_served() {
    let limits = Limits { head_within: Span::nanos(WITHIN.as_nanos() as u64), ..Limits::default() };
    let shop = crate::shop::open(None).await;
    let proxy = HttpProxy::start_with(any(), shop, SEED, limits, Arc::new(RawTunnel)).unwrap();
    let alone = asked(proxy.address(), || true).await.expect("nobody is in the way");
    let mut slow = JoinSet::new();
    for number in 0..SLOW {
        slow.spawn(drip(proxy.address(), number));
    }
    until("all being there", || proxy.counters().open >= SLOW as u64).await;
    // A neighbour on this machine may have the processors for a moment, but the slow clients are there all the time.
    let mut tries = Vec::new();
    for _ in 0..TRIES {
        tries.extend(asked(proxy.address(), || proxy.counters().open >= SLOW as u64).await);
    }
    let beset = *tries.iter().min().expect("a good client was served while all slow ones were there");
    let longest = slow.join_all().await.into_iter().max().unwrap();
    println!(
        "{SLOW} slow clients were closed after {longest:?} at the latest; p99 {alone:?} alone, {beset:?} beset"
    );
    assert!(longest <= WITHIN + GRACE, "one was closed after {longest:?}");
    assert!(beset <= alone * 2 + NOISE, "p99 {alone:?} alone and {beset:?} beset");
    until("all to be closed", || proxy.counters().open == 0).await;
}

/// The 99th percentile of 100 requests, each over a connection of its own, or of as many as are answered while this holds;
/// `None` where those are too few.
async fn asked(address: SocketAddr, holds: impl Fn() -> bool) -> Option<Duration> {
    let mut took = Vec::new();
    while took.len() < 100 {
        let began = now();
        let answer = ask(address, "GET /fixed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert_eq!(answer.body(), FIXED);
        if !holds() {
            break;
        }
        took.push(began.elapsed());
    }
    took.sort_unstable();
    (took.len() >= 20).then(|| took[(took.len() * 99).div_ceil(100) - 1])
}

/// Sends a byte now and then, until it is closed; how long that took.
async fn drip(address: SocketAddr, number: usize) -> Duration {
    let mut stream = connect(address).await;
    let began = now();
    // Not all at once.
    let mut tick = tokio::time::interval(Duration::from_millis(150 + number as u64 % 100));
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nX: ";
    for place in 0.. {
        tick.tick().await;
        let byte = head.get(place).unwrap_or(&b'x');
        let closed = tokio::time::timeout(Duration::from_millis(1), stream.read_u8()).await.is_ok();
        if closed || stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        assert!(began.elapsed() < LONG, "it is never closed");
    }
    began.elapsed()
}
