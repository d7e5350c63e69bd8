//! How evenly constant arrivals come: the deviation of each request from its due time, seen by the server.

use clap::Parser;
use shakedown_benches::notes::{Notes, lateness};
use shakedown_benches::{Constant, quantile, run, serve};
use shakedown_fixtures::http::{self, Well};
use shakedown_scenarios::units::{Rate, Span};

/// Loads a server that notes when each request comes, and tells how far from the schedule that was.
#[derive(Debug, Parser)]
struct Flags {
    /// Arrivals, constant.
    #[arg(long, default_value = "5000/s")]
    rate: Rate,
    /// The length of each round.
    #[arg(long, default_value = "10s")]
    duration: Span,
    /// Connections that may be open at once.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// Rounds; the median of each figure is told, too.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

#[expect(clippy::print_stdout, reason = "a program that prints what it measured")]
fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let load = Constant { rate: flags.rate, connections: flags.connections, duration: flags.duration };
    println!("{} for {}, {} connections", flags.rate, flags.duration, flags.connections);
    let (mut halves, mut tails) = (Vec::new(), Vec::new());
    for round in 1..=flags.rounds {
        let notes = Notes::default();
        let noting = notes.clone();
        let address = serve(move |listener| http::serve(listener, noting.around(Well)))?;
        let outcome = run(load, address)?;
        let arrived = notes.take();
        // The whole way from due to the server's hand.
        let late = lateness(&arrived, outcome.start, flags.rate);
        let deviation: Vec<f64> = late.into_iter().map(|millis| millis.abs() * 1e3).collect();
        let at = |share| quantile(deviation.clone(), share);
        println!(
            "round {round}: {} arrivals | deviation p50 {:.0} p90 {:.0} p99 {:.0} p99.9 {:.0} max {:.0} µs | pacer late p50 {} max {} µs",
            arrived.len(),
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.999),
            at(1.0),
            outcome.late_micros_p50,
            outcome.late_micros_max
        );
        halves.push(at(0.5));
        tails.push(at(0.99));
    }
    let (half, tail) = (quantile(halves, 0.5), quantile(tails, 0.5));
    println!("median of {} rounds: deviation p50 {half:.0} µs, p99 {tail:.0} µs", flags.rounds);
    Ok(())
}
