//! What load costs: ours and wrk take turns at the same nginx, 64 connections, each asking again at once.

use std::net::SocketAddr;
use std::process::Command;

use clap::{Parser, Subcommand};
use shakedown_benches::generators::{Nginx, Turn, requests_of_wrk, turn};
use shakedown_benches::{quantile, run_arrivals};
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{Arrivals, Think};

/// Loads an nginx with ours and with wrk in turns, and tells what each costs.
#[derive(Debug, Parser)]
struct Flags {
    #[command(subcommand)]
    part: Option<Part>,
    /// The length of each turn, whole seconds.
    #[arg(long, default_value = "5s")]
    duration: Span,
    /// Connections: as many users.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// Rounds of one turn each; medians are told.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Our turn: what this program starts itself as.
    #[command(hide = true)]
    Load { address: SocketAddr },
}

#[expect(clippy::print_stdout, reason = "a program that prints what it measured")]
fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    if let Some(Part::Load { address }) = flags.part {
        let arrivals = Arrivals::Closed { users: flags.connections, think: Think::Constant(Span::ZERO) };
        let outcome = run_arrivals(arrivals, flags.connections, flags.duration, address)?;
        anyhow::ensure!(outcome.errors == 0, "{} errors", outcome.errors);
        println!("{}", outcome.ok);
        return Ok(());
    }
    let server = Nginx::start()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=flags.rounds {
        // Who begins changes, so that neither always comes to a warm machine.
        let order = if round % 2 == 0 { [true, false] } else { [false, true] };
        for is_ours in order {
            let (name, turns) = if is_ours { ("ours", &mut ours) } else { ("wrk", &mut theirs) };
            let turn =
                if is_ours { our_turn(&flags, server.address) } else { wrks_turn(&flags, server.address) }?;
            println!("round {round}: {}", line(name, &turn));
            turns.push(turn);
        }
    }
    println!("medians of {} rounds", flags.rounds);
    for (name, turns) in [("ours", &ours), ("wrk", &theirs)] {
        let median = |of: fn(&Turn) -> f64| quantile(turns.iter().map(of).collect(), 0.5);
        println!(
            "{name:>5}: {:.3} s CPU per 100k requests, {:.0} requests/s, {:.1} MiB at most",
            median(Turn::cpu_per_100k),
            median(Turn::rate),
            median(|turn| turn.rss_max as f64) / MIB,
        );
    }
    let ratios = ours.iter().zip(&theirs).map(|(ours, wrk)| ours.cpu_per_100k() / wrk.cpu_per_100k());
    println!("CPU of ours ÷ wrk's, median of the rounds: {:.2}", quantile(ratios.collect(), 0.5));
    Ok(())
}

const MIB: f64 = 1_048_576.0;

fn line(name: &str, turn: &Turn) -> String {
    format!(
        "{name:>5} {:.3} s CPU per 100k | {:.0} requests/s | {:.1} MiB at most, {:+.2} MiB from a quarter to the end",
        turn.cpu_per_100k(),
        turn.rate(),
        turn.rss_max as f64 / MIB,
        turn.rss_grown as f64 / MIB
    )
}

fn our_turn(flags: &Flags, address: SocketAddr) -> anyhow::Result<Turn> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--duration", &flags.duration.to_string()]);
    command.args(["--connections", &flags.connections.to_string(), "load", &address.to_string()]);
    turn(&mut command, |output| output.trim().parse().ok())
}

fn wrks_turn(flags: &Flags, address: SocketAddr) -> anyhow::Result<Turn> {
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--connections", &flags.connections.to_string()]);
    command.args(["--duration", &format!("{}s", flags.duration.duration().as_secs().max(1))]);
    command.arg(format!("http://{address}/"));
    turn(&mut command, requests_of_wrk)
}
