//! Open-loop truth: what a load tells of a target that stands still for 1 s once in 20 s, against what is true.

use clap::Parser;
use shakedown_benches::{Constant, quantile, run, serve};
use shakedown_fixtures::stalling::{Stalls, stalling};
use shakedown_reports::journal::Counts;
use shakedown_scenarios::units::{Rate, Span};

/// Loads a server that stalls once, and holds the latencies that are told against the true ones.
#[derive(Debug, Parser)]
struct Flags {
    /// Arrivals, constant.
    #[arg(long, default_value = "5000/s")]
    rate: Rate,
    /// The length of each round.
    #[arg(long, default_value = "20s")]
    duration: Span,
    /// How long the server stands still, in the middle of a round.
    #[arg(long, default_value = "1s")]
    hold: Span,
    /// Connections that may be open at once.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// Rounds; the median of each figure is told, too.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

/// Quantile, its name, and the goal: the largest error.
const GOALS: [(f64, &str, f64); 3] = [(0.99, "p99", 0.01), (0.999, "p99.9", 0.01), (1.0, "max", 0.01)];

#[expect(clippy::print_stdout, reason = "a program that prints what it measured")]
fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let first = flags.duration.duration() / 2;
    let stalls = Stalls { first, every: std::time::Duration::ZERO, hold: flags.hold.duration() };
    let truth =
        GOALS.map(|(share, ..)| stalls.true_latency(share, flags.duration.duration()).as_secs_f64() * 1e3);
    let load = Constant { rate: flags.rate, connections: flags.connections, duration: flags.duration };
    println!(
        "{} for {}, {} connections, one stall of {}",
        flags.rate, flags.duration, flags.connections, flags.hold
    );
    let mut told = [const { Vec::new() }; 3];
    for round in 1..=flags.rounds {
        let address = serve(move |listener| stalling(listener, stalls))?;
        let outcome = run(load, address)?;
        let latency = Counts::of(&outcome.latency);
        let late = (outcome.late_micros_p50, outcome.late_micros_max);
        println!(
            "round {round}: due {} ok {} errors {} dropped {} | pacer late p50 {} µs, max {} µs | load thread {:.2} s CPU",
            outcome.due,
            outcome.ok,
            outcome.errors,
            outcome.dropped,
            late.0,
            late.1,
            outcome.end.cpu.as_secs_f64()
        );
        for (index, (share, name, goal)) in GOALS.into_iter().enumerate() {
            let found = latency.quantile(share).unwrap_or(0) as f64 / 1e3;
            line(name, found, truth[index], goal);
            told[index].push(found);
        }
    }
    println!("median of {} rounds", flags.rounds);
    for (index, (_, name, goal)) in GOALS.into_iter().enumerate() {
        line(name, quantile(told[index].clone(), 0.5), truth[index], goal);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a program that prints what it measured")]
fn line(name: &str, told: f64, truth: f64, goal: f64) {
    let error = told / truth - 1.0;
    let verdict = if error.abs() <= goal { "within" } else { "MISSES" };
    println!(
        "  {name:6} {told:8.1} ms, true {truth:6.1} ms: {:+.2} %, {verdict} ±{} %",
        error * 100.0,
        goal * 100.0
    );
}
