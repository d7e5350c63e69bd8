//! Zeros as fast as they are taken, each 100 ms late: what travels has to be kept somewhere.

use std::time::Duration;

use super::arrivals::{Sink, Source};
use super::clock::pause;
use super::peers::Peer;
use super::{Bench, Figure, Measurement, Versus};

pub(super) const MEASUREMENT: Measurement = Measurement {
    name: "delayed",
    about: "one connection, zeros as fast as they are taken, behind a latency of 100 ms",
    ours_only: true,
    run,
};

/// Until as much travels as ever will.
const WARM_UP: Duration = Duration::from_millis(500);

fn run(bench: &Bench<'_>, peer: Peer) -> anyhow::Result<Vec<Figure>> {
    let sink = Sink::start()?;
    let mut running = bench.yard.start(peer, sink.address)?;
    running.control()?.inject("latency 100ms")?;
    let _source = Source::start(running.address)?;
    sink.wait()?;
    pause(WARM_UP);
    sink.restart();
    let before = running.cpu();
    pause(bench.length);
    let after = running.cpu();
    let arrivals = sink.arrivals();
    let peak = running.memory_peak().unwrap_or(0) as f64 / (1 << 20) as f64;
    let mut figures = vec![
        Figure::new("throughput", "MB/s", Versus::Nothing, arrivals.bytes_per_second() / 1e6),
        Figure::new("peak memory of the proxy", "MiB", Versus::Nothing, peak),
    ];
    if let Some((before, after)) = before.zip(after) {
        let value = (after - before).as_secs_f64() * 1e9 / arrivals.bytes as f64;
        figures.push(Figure::new("CPU of the proxy", "s/GB", Versus::Nothing, value));
    }
    Ok(figures)
}
