//! How far a latency is from what was asked, the round trip without one included.

use std::time::Duration;

use super::callers::Callers;
use super::clock::{now, pause};
use super::peers::Peer;
use super::responder::{Exchange, Responder};
use super::{Bench, Figure, Measurement, Versus, microseconds};
use crate::quantile;

pub(super) const MEASUREMENT: Measurement = Measurement {
    name: "latency",
    about: "how much later than asked an answer comes, its round trip included; 2,000/s on 1,000 connections, or one",
    ours_only: true,
    run,
};

const MILLIS: [u64; 4] = [0, 1, 10, 100];

const MANY: usize = 1_000;

/// Between two questions, all connections taken together: each has one every half second.
const PACE: Duration = Duration::from_micros(500);

/// Until every connection has met the toxic, which is another measurement's matter.
const SETTLE: Duration = Duration::from_millis(100);

fn run(bench: &Bench<'_>, peer: Peer) -> anyhow::Result<Vec<Figure>> {
    let responder = Responder::start(Exchange::SMALL, None)?;
    let mut figures: Vec<_> = MILLIS[1..]
        .iter()
        .flat_map(|&millis| errors(millis, "a bare sleep", &sleeps(millis, bench.length)))
        .collect();
    for count in [1, MANY] {
        let mut running = bench.yard.start(peer, responder.address)?;
        let mut callers = Callers::open(running.address, count, Exchange::SMALL)?;
        callers.ask_all()?;
        callers.hear_all()?;
        for millis in MILLIS {
            if millis > 0 {
                running.control()?.inject(&format!("latency {millis}ms"))?;
            }
            pause(SETTLE);
            let took = if count == 1 {
                callers.keep_asking(bench.length)?
            } else {
                ask_in_turn(&mut callers, count, bench.length)?
            };
            running.control()?.heal()?;
            let on = if count == 1 { "1 connection" } else { "1,000" };
            figures.extend(errors(millis, on, &took));
        }
    }
    Ok(figures)
}

/// What this machine makes of the same delay without any proxy: no toxic can be more exact than its timers.
fn sleeps(millis: u64, length: Duration) -> Vec<Duration> {
    let end = now() + length / 3;
    let mut all = Vec::new();
    while now() < end {
        let start = now();
        pause(Duration::from_millis(millis));
        all.push(start.elapsed());
    }
    all
}

fn errors(millis: u64, on: &str, took: &[Duration]) -> [Figure; 2] {
    let late: Vec<f64> = microseconds(took).into_iter().map(|micros| micros - millis as f64 * 1e3).collect();
    [(0.5, "p50"), (0.99, "p99")].map(|(share, name)| {
        let name = format!("{millis} ms, {on}: late by {name}");
        Figure::new(name, "µs", Versus::Nothing, quantile(late.clone(), share))
    })
}

/// Asks on one connection after another, evenly; one that still waits is passed over.
fn ask_in_turn(callers: &mut Callers, count: usize, length: Duration) -> anyhow::Result<Vec<Duration>> {
    callers.tick_every(PACE)?;
    let (start, mut asked) = (now(), 0u32);
    let (mut all, mut answers) = (Vec::new(), Vec::new());
    while start.elapsed() < length {
        while PACE * asked <= start.elapsed() {
            callers.ask(asked as usize % count)?;
            asked += 1;
        }
        callers.wait(start + length, &mut answers)?;
        all.extend(answers.iter().map(|answer| answer.after));
    }
    all.extend(callers.hear_all()?);
    Ok(all)
}
