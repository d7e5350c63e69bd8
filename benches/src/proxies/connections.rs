//! New connections: connect, a byte each way, close.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::clock::now;
use super::peers::Peer;
use super::responder::{Exchange, Responder};
use super::{Bench, Figure, Measurement, Versus};

pub(super) const MEASUREMENT: Measurement = Measurement {
    name: "connections",
    about: "connect, a byte each way, close; eight at a time",
    ours_only: false,
    run,
};

const CLIENTS: usize = 8;

/// Most for one client, so that a fast round does not use up the machine's ports.
const EACH_AT_MOST: u64 = 1_500;

/// How long one connection may take before its peer counts as stuck.
const WITHIN: Duration = Duration::from_secs(5);

fn run(bench: &Bench<'_>, peer: Peer) -> anyhow::Result<Vec<Figure>> {
    let responder = Responder::start(Exchange::BYTE, None)?;
    let running = bench.yard.start(peer, responder.address)?;
    once(running.address)?;
    let before = running.cpu();
    let start = now();
    let end = start + bench.length;
    let count = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| repeat(running.address, end))).collect();
        clients
            .into_iter()
            .map(|client| client.join().expect("a client does not panic"))
            .sum::<anyhow::Result<u64>>()
    })?;
    let took = start.elapsed();
    let after = running.cpu();
    let mut figures =
        vec![Figure::new("connections", "1/s", Versus::Ratio, count as f64 / took.as_secs_f64())];
    if let Some((before, after)) = before.zip(after) {
        let value = (after - before).as_secs_f64() * 1e6 / count as f64;
        figures.push(Figure::new("CPU of the proxy", "µs each", Versus::Ratio, value));
    }
    Ok(figures)
}

fn repeat(address: SocketAddr, end: Instant) -> anyhow::Result<u64> {
    let mut count = 0;
    while count < EACH_AT_MOST && now() < end {
        once(address)?;
        count += 1;
    }
    Ok(count)
}

fn once(address: SocketAddr) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address).context("connecting")?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.write_all(Exchange::BYTE.ask)?;
    stream.read_exact(&mut [0]).context("waiting for a byte")
}
