//! Fault proxies side by side: what each costs that stands between a client and a server, and how exact ours is.

use anyhow::Context as _;
use clap::Parser;
use shakedown_benches::proxies::machine::allow_descriptors;
use shakedown_benches::proxies::peers::{Peer, Yard, our_program};
use shakedown_benches::proxies::table::Table;
use shakedown_benches::proxies::{ALL, Bench, Measurement};
use shakedown_scenarios::units::Span;

/// Measures proxies in turn, on loopback only, and prints medians and ratios. With its defaults it takes about four
/// minutes.
#[derive(Debug, Parser)]
struct Flags {
    /// Only these measurements: bulk, http, ping-pong, connections, idle, latency, bandwidth, delayed, switching.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Who is measured.
    #[arg(long, value_delimiter = ',', default_value = "direct,ours,haproxy,nginx,socat")]
    peers: Vec<Peer>,
    /// Rounds; peers take turns within each.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The length of each stretch of load.
    #[arg(long, default_value = "1500ms")]
    length: Span,
    /// Threads or processes that move bytes, for each peer.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Print JSON, with the values of each round.
    #[arg(long)]
    json: bool,
}

#[expect(clippy::print_stdout, reason = "a program that prints what it measured")]
fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let chosen = chosen(&flags.only)?;
    let peers: Vec<Peer> = flags.peers.iter().copied().filter(is_there).collect();
    peers.iter().filter_map(|peer| peer.version()).for_each(|version| eprintln!("{version}"));
    allow_descriptors()?;
    let yard = Yard::new(our_program()?, flags.workers)?;
    let bench = Bench { yard: &yard, length: flags.length.duration() };
    let mut all = Vec::new();
    for measurement in chosen {
        let table = measure(&bench, measurement, &peers, flags.rounds);
        match flags.json {
            true => all.push(table.json()),
            false => print!("{}", table.text()),
        }
    }
    if flags.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    }
    Ok(())
}

/// Who comes first in a round, changes: what one leaves behind (a warm cache, ports that wait) is everybody's turn.
fn measure(bench: &Bench<'_>, measurement: Measurement, peers: &[Peer], rounds: usize) -> Table {
    let mut peers = peers.to_vec();
    if measurement.ours_only {
        peers.retain(|peer| *peer == Peer::Ours);
    }
    let mut table = Table::new(measurement, &peers, rounds);
    for round in 0..rounds {
        for peer in &peers {
            match (measurement.run)(bench, *peer) {
                Ok(figures) => table.add(round, *peer, figures),
                Err(error) => eprintln!("{}, {}: {error:#}", measurement.name, peer.name()),
            }
        }
        let step = usize::from(peers.len() > 1);
        peers.rotate_left(step);
    }
    table
}

fn chosen(only: &[String]) -> anyhow::Result<Vec<Measurement>> {
    if only.is_empty() {
        return Ok(ALL.to_vec());
    }
    let named = |name: &String| {
        let names = || ALL.map(|measurement| measurement.name).join(", ");
        let found = ALL.into_iter().find(|measurement| measurement.name == name);
        found.with_context(|| format!("expected one of {}, found `{name}`", names()))
    };
    only.iter().map(named).collect()
}

fn is_there(peer: &Peer) -> bool {
    let missing = peer.missing();
    if let Some(why) = &missing {
        eprintln!("skipped: {why}");
    }
    missing.is_none()
}
