//! How far a bandwidth is from what was asked, and how evenly bytes come.

use std::time::Duration;

use super::arrivals::{Sink, Source};
use super::clock::pause;
use super::peers::Peer;
use super::{Bench, Figure, Measurement, Versus};

pub(super) const MEASUREMENT: Measurement = Measurement {
    name: "bandwidth",
    about: "one connection under a limit: how far from it, and the longest time without a byte",
    ours_only: true,
    run,
};

/// A limit as it is written, in MB/s, and whether gaps say anything about it: slow ones are gaps by nature.
const LIMITS: [(&str, f64, bool); 5] = [
    ("100KB/s", 0.1, false),
    ("1MB/s", 1.0, false),
    ("10MB/s", 10.0, true),
    ("100MB/s", 100.0, true),
    ("500MB/s", 500.0, true),
];

/// Until what a limit lets through at first has passed.
const WARM_UP: Duration = Duration::from_millis(300);

fn run(bench: &Bench<'_>, peer: Peer) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (text, limit, gaps) in LIMITS {
        let sink = Sink::start()?;
        let mut running = bench.yard.start(peer, sink.address)?;
        running.control()?.inject(&format!("bandwidth {text}"))?;
        let _source = Source::start(running.address)?;
        sink.wait()?;
        pause(WARM_UP);
        sink.restart();
        pause(bench.length);
        let arrivals = sink.arrivals();
        let error = (arrivals.bytes_per_second() / 1e6 / limit - 1.0) * 100.0;
        figures.push(Figure::new(format!("{text}, error"), "%", Versus::Nothing, error));
        if gaps {
            let gap = arrivals.gap_max.as_secs_f64() * 1e3;
            figures.push(Figure::new(format!("{text}, longest gap"), "ms", Versus::Nothing, gap));
        }
    }
    Ok(figures)
}
