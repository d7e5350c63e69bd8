//! What ten thousand WebSockets cost the generator, idle but for a message a second each.

use std::net::SocketAddr;
use std::process::Command;

use clap::{Parser, Subcommand};
use shakedown_benches::sockets::{Cost, cost, echo, raise_descriptors, workload};
use shakedown_benches::{run_workload, serve};
use shakedown_scenarios::units::{Rate, Span};

/// Holds many WebSockets, and tells their memory and the generator's share of a core.
#[derive(Debug, Parser)]
struct Flags {
    #[command(subcommand)]
    part: Option<Part>,
    /// How long messages become due; the first six seconds are not measured.
    #[arg(long, default_value = "20s")]
    duration: Span,
    /// Sockets, each with a message a second.
    #[arg(long, default_value_t = 10_000)]
    sockets: u32,
    /// Messages a second; 0: as many as there are sockets.
    #[arg(long, default_value_t = 0)]
    rate: u32,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// The load: what this program starts itself as.
    #[command(hide = true)]
    Load { address: SocketAddr },
}

/// Of how many sockets the memory is taken off, so that what the process has anyway is not theirs.
const FEW: u32 = 100;
const KIB: f64 = 1_024.0;

#[expect(clippy::print_stdout, reason = "a program that prints what it measured")]
fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    raise_descriptors()?;
    if let Some(Part::Load { address }) = flags.part {
        let rate = Rate::per_second(f64::from(flags.rate)).ok_or_else(|| anyhow::anyhow!("no such rate"))?;
        let outcome = run_workload(workload(flags.sockets, rate), flags.duration, address)?;
        let p99 = outcome.latency.value_at_quantile(0.99);
        println!(
            "{} answered, {} errors, p99 {p99} µs with the wait for sockets to open",
            outcome.ok,
            outcome.errors + outcome.dropped
        );
        return Ok(());
    }
    let address = serve(echo)?;
    let rate = if flags.rate == 0 { flags.sockets } else { flags.rate };
    let (few, _) = measured(FEW, rate, flags.duration, address)?;
    let (many, said) = measured(flags.sockets, rate, flags.duration, address)?;
    let each = (many.rss as f64 - few.rss as f64) / f64::from(flags.sockets.saturating_sub(FEW).max(1)) / KIB;
    println!("{} sockets, {rate} messages/s: {}", flags.sockets, said.trim());
    println!(
        "{each:.2} KiB each, {:.1} % of a core ({:.1} % with {FEW} sockets)",
        many.cores * 100.0,
        few.cores * 100.0
    );
    Ok(())
}

fn measured(sockets: u32, rate: u32, duration: Span, address: SocketAddr) -> anyhow::Result<(Cost, String)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--sockets", &sockets.to_string(), "--rate", &rate.to_string()]);
    command.args(["--duration", &duration.to_string(), "load"]);
    cost(&mut command, address)
}
