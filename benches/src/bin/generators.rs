//! What load costs: ours and others take turns at the same nginx, each connection asking again at once, or at a rate.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use clap::{Parser, Subcommand};
use shakedown_benches::generators::{Nginx, Order, Peer, Turn, turn};
use shakedown_benches::proxies::peers::{self, Running, Yard, our_program};
use shakedown_benches::{quantile, run_arrivals};
use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::{Arrivals, Think};

/// Loads an nginx with ours and with others in turns, and tells what each costs.
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
    /// Requests a second, evenly; without it each connection asks again at once.
    #[arg(long)]
    rate: Option<Rate>,
    /// Who takes turns besides ours; who is not installed, or has no rates, is named and left out.
    #[arg(long, value_delimiter = ',', default_values_t = ["wrk".to_owned(), "h2load".to_owned()])]
    peers: Vec<String>,
    /// A proxy before the server, that everybody goes through; its CPU is added to that of who does.
    #[arg(long)]
    through: Option<peers::Peer>,
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
        let arrivals = match flags.rate {
            Some(rate) => Arrivals::Constant(rate),
            None => Arrivals::Closed { users: flags.connections, think: Think::Constant(Span::ZERO) },
        };
        let outcome = run_arrivals(arrivals, flags.connections, flags.duration, address)?;
        anyhow::ensure!(outcome.errors == 0, "{} errors", outcome.errors);
        println!("{}", outcome.ok);
        return Ok(());
    }
    let server = Nginx::start()?;
    // Only who goes through a proxy waits until ours is built.
    let yard = match flags.through {
        Some(_) => Some(Yard::new(our_program()?, 1)?),
        None => None,
    };
    let through = yard.as_ref().zip(flags.through);
    let proxy = through.map(|(yard, proxy)| yard.start(proxy, server.address)).transpose()?;
    let order = Order {
        address: proxy.as_ref().map_or(server.address, |proxy| proxy.address),
        connections: flags.connections,
        duration: flags.duration.duration(),
        rate: flags.rate.map(|rate| rate.hertz()),
    };
    let mut all: Vec<(String, Option<Peer>, Vec<Turn>)> = vec![("ours".to_owned(), None, Vec::new())];
    for name in &flags.peers {
        match Peer::found(name, order.rate.is_some()) {
            Ok(peer) => all.push((name.clone(), Some(peer), Vec::new())),
            Err(why) => println!("without {name}: {why}"),
        }
    }
    let count = all.len();
    for round in 0..flags.rounds as usize {
        // Who begins changes, so that nobody always comes to a warm machine.
        for place in 0..count {
            let (name, peer, turns) = &mut all[(round + place) % count];
            let before = cpu(proxy.as_ref());
            let mut turn = match peer {
                None => our_turn(&flags, order.address)?,
                Some(peer) => turn(&mut peer.command(&order), |output| peer.answered(output))?,
            };
            turn.cpu += cpu(proxy.as_ref()).saturating_sub(before);
            println!("round {}: {}", round + 1, line(name, &turn));
            turns.push(turn);
        }
    }
    println!("medians of {} rounds", flags.rounds);
    let ours = all[0].2.clone();
    for (name, peer, turns) in &all {
        let median = |of: fn(&Turn) -> f64| quantile(turns.iter().map(of).collect(), 0.5);
        let (cpu, rate) = (median(Turn::cpu_per_100k), median(Turn::rate));
        let memory = median(|turn| turn.rss_max as f64) / MIB;
        print!("{name:>7}: {cpu:.3} s CPU per 100k requests, {rate:.0} requests/s, {memory:.1} MiB at most");
        if peer.is_some() {
            let ratios =
                ours.iter().zip(turns).map(|(ours, other)| ours.cpu_per_100k() / other.cpu_per_100k());
            print!("; CPU of ours ÷ its, median of the rounds: {:.2}", quantile(ratios.collect(), 0.5));
        }
        println!();
    }
    Ok(())
}

/// CPU time that a proxy has used, if there is one.
fn cpu(proxy: Option<&Running>) -> Duration {
    proxy.and_then(Running::cpu).unwrap_or_default()
}

const MIB: f64 = 1_048_576.0;

fn line(name: &str, turn: &Turn) -> String {
    format!(
        "{name:>7} {:.3} s CPU per 100k | {:.0} requests/s | {:.1} MiB at most, {:+.2} MiB from a quarter to the end",
        turn.cpu_per_100k(),
        turn.rate(),
        turn.rss_max as f64 / MIB,
        turn.rss_grown as f64 / MIB
    )
}

fn our_turn(flags: &Flags, address: SocketAddr) -> anyhow::Result<Turn> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--duration", &flags.duration.to_string()]);
    command.args(["--connections", &flags.connections.to_string()]);
    if let Some(rate) = flags.rate {
        command.args(["--rate", &rate.to_string()]);
    }
    command.args(["load", &address.to_string()]);
    turn(&mut command, |output| output.trim().parse().ok())
}
