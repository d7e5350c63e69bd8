//! One connection, zeros as fast as they are taken.

use std::time::Duration;

use super::arrivals::{Sink, Source};
use super::clock::pause;
use super::peers::Peer;
use super::{Bench, Figure, Measurement, Versus};

pub(super) const MEASUREMENT: Measurement = Measurement {
    name: "bulk",
    about: "one connection, zeros as fast as they are taken",
    ours_only: false,
    run,
};

/// Until windows have grown.
const WARM_UP: Duration = Duration::from_millis(300);

fn run(bench: &Bench<'_>, peer: Peer) -> anyhow::Result<Vec<Figure>> {
    let sink = Sink::start()?;
    let running = bench.yard.start(peer, sink.address)?;
    let _source = Source::start(running.address)?;
    sink.wait()?;
    pause(WARM_UP);
    sink.restart();
    let cpu_before = running.cpu();
    pause(bench.length);
    let cpu_after = running.cpu();
    let arrivals = sink.arrivals();
    let mut figures =
        vec![Figure::new("throughput", "MB/s", Versus::Ratio, arrivals.bytes_per_second() / 1e6)];
    if let Some((before, after)) = cpu_before.zip(cpu_after) {
        let gigabytes = arrivals.bytes as f64 / 1e9;
        let value = (after - before).as_secs_f64() / gigabytes;
        figures.push(Figure::new("CPU of the proxy", "s/GB", Versus::Ratio, value));
    }
    Ok(figures)
}
