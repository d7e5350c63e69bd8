//! One connection, 64 bytes there and back, client, proxy and server on one core: what one message costs in time.

use super::callers::Callers;
use super::machine::{last_core, pin};
use super::peers::Peer;
use super::responder::{Exchange, Responder};
use super::{Bench, Figure, Measurement, Versus, microseconds};
use crate::quantile;

pub(super) const MEASUREMENT: Measurement = Measurement {
    name: "ping-pong",
    about: "one connection, 64 bytes there and back, all on one core",
    ours_only: false,
    run,
};

fn run(bench: &Bench<'_>, peer: Peer) -> anyhow::Result<Vec<Figure>> {
    let core = last_core()?;
    let responder = Responder::start(Exchange::SMALL, Some(core))?;
    let running = bench.yard.start_on(core, peer, responder.address)?;
    // A thread of its own, so that nothing else of this program is bound.
    let took = std::thread::scope(|scope| {
        let client = scope.spawn(|| -> anyhow::Result<_> {
            pin(core)?;
            let mut callers = Callers::open(running.address, 1, Exchange::SMALL)?;
            callers.keep_asking(bench.length / 10)?;
            let before = running.cpu();
            let took = callers.keep_asking(bench.length)?;
            Ok((took, before.zip(running.cpu())))
        });
        client.join().expect("a client does not panic")
    });
    let (took, cpu) = took?;
    let times = microseconds(&took);
    let mut figures = vec![
        Figure::new("round trip p50", "µs", Versus::Added, quantile(times.clone(), 0.5)),
        Figure::new("round trip p99", "µs", Versus::Added, quantile(times, 0.99)),
    ];
    if let Some((before, after)) = cpu {
        let value = (after - before).as_secs_f64() * 1e6 / took.len() as f64;
        figures.push(Figure::new("CPU of the proxy", "µs/trip", Versus::Ratio, value));
    }
    Ok(figures)
}
