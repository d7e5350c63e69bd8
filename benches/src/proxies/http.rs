//! 64 connections kept alive, each with a small GET at a time.

use super::callers::Callers;
use super::peers::Peer;
use super::responder::{Exchange, Responder};
use super::{Bench, Figure, Measurement, Versus, microseconds};
use crate::quantile;

pub(super) const MEASUREMENT: Measurement = Measurement {
    name: "http",
    about: "64 connections kept alive, a small GET at a time on each",
    ours_only: false,
    run,
};

const CONNECTIONS: usize = 64;

const GET: Exchange = Exchange {
    ask: b"GET /items/17 HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n",
    answer: b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nseventeen item",
};

fn run(bench: &Bench<'_>, peer: Peer) -> anyhow::Result<Vec<Figure>> {
    let responder = Responder::start(GET, None)?;
    let running = bench.yard.start(peer, responder.address)?;
    let mut callers = Callers::open(running.address, CONNECTIONS, GET)?;
    callers.ask_all()?;
    callers.hear_all()?;
    let before = running.cpu();
    let took = callers.keep_asking(bench.length)?;
    let after = running.cpu();
    let requests = took.len() as f64;
    let times = microseconds(&took);
    let mut figures = vec![
        Figure::new("requests", "1/s", Versus::Ratio, requests / bench.length.as_secs_f64()),
        Figure::new("round trip p50", "µs", Versus::Ratio, quantile(times.clone(), 0.5)),
        Figure::new("round trip p99", "µs", Versus::Ratio, quantile(times, 0.99)),
    ];
    if let Some((before, after)) = before.zip(after) {
        let value = (after - before).as_secs_f64() * 1e5 / requests;
        figures.push(Figure::new("CPU of the proxy", "s/100k", Versus::Ratio, value));
    }
    Ok(figures)
}
