//! What a request costs the generator: CPU time of the load's thread per 100,000 requests.

use clap::Parser;
use shakedown_benches::{Constant, quantile, run, serve};
use shakedown_fixtures::http::{self, Well};
use shakedown_scenarios::units::{Rate, Span};

/// Loads a server at some rates and tells what CPU time the load's thread used.
#[derive(Debug, Parser)]
struct Flags {
    /// Arrivals, constant; each rate is measured.
    #[arg(long, value_delimiter = ',', default_value = "1000/s,5000/s,20000/s")]
    rates: Vec<Rate>,
    /// The length of each round.
    #[arg(long, default_value = "10s")]
    duration: Span,
    /// Connections that may be open at once.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// Rounds; the median is told.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

#[expect(clippy::print_stdout, reason = "a program that prints what it measured")]
fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let address = serve(|listener| http::serve(listener, Well))?;
    for rate in flags.rates {
        let load = Constant { rate, connections: flags.connections, duration: flags.duration };
        let mut figures = Vec::new();
        for _ in 0..flags.rounds {
            let outcome = run(load, address)?;
            let answered = outcome.ok as f64 / flags.duration.as_secs_f64();
            let cpu = outcome.end.cpu.as_secs_f64() * 100_000.0 / outcome.ok.max(1) as f64;
            let p99 = outcome.latency.value_at_quantile(0.99);
            println!(
                "{rate:>9}: {cpu:.3} s per 100k | {answered:.0}/s answered, errors {}, p99 {p99} µs",
                outcome.errors
            );
            figures.push(cpu);
        }
        println!(
            "{rate:>9}: median of {} rounds {:.3} s per 100k requests",
            flags.rounds,
            quantile(figures, 0.5)
        );
    }
    Ok(())
}
