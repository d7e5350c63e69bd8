//! Open-loop truth: what a load tells of a target that stands still for 1 s once in 20 s, against what is true.

use std::cell::Cell;
use std::net::SocketAddr;

use clap::Parser;
use shakedown_benches::generators::{Order, Peer, turn};
use shakedown_benches::notes::{Notes, lateness};
use shakedown_benches::{Constant, quantile, run, serve_on};
use shakedown_fixtures::http;
use shakedown_fixtures::stalling::{Stalling, Stalls};
use shakedown_reports::journal::Counts;
use shakedown_scenarios::units::{Rate, Span};

/// Loads a server that stalls once, and holds the latencies that are told against the true ones: those of a server that
/// answers all at the stall's end at once, and those that this server says it had.
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
    /// Threads of the server.
    #[arg(long, default_value_t = 1)]
    workers: u32,
    /// Who takes turns besides ours: oha.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Rounds; the median of each figure is told, too.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

/// Quantile and its name.
const FIGURES: [(f64, &str); 3] = [(0.99, "p99"), (0.999, "p99.9"), (1.0, "max")];

/// The largest error that is a good one.
const GOAL: f64 = 0.01;

/// One who loads, and what came of it round by round.
struct Loader {
    name: String,
    /// `None`: ours.
    peer: Option<Peer>,
    /// What it told, in milliseconds, figure by figure.
    told: [Vec<f64>; 3],
    /// By how much that is off what the server says, as a share of it.
    off: [Vec<f64>; 3],
}

#[expect(clippy::print_stdout, reason = "a program that prints what it measured")]
fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let stalls = Stalls {
        first: flags.duration.duration() / 2,
        every: std::time::Duration::ZERO,
        hold: flags.hold.duration(),
    };
    let truth =
        FIGURES.map(|(share, _)| stalls.true_latency(share, flags.duration.duration()).as_secs_f64() * 1e3);
    println!(
        "{} for {}, {} connections, {} threads of the server, one stall of {}",
        flags.rate, flags.duration, flags.connections, flags.workers, flags.hold
    );
    let mut all = vec![Loader::new("ours", None)];
    for name in &flags.peers {
        match Peer::found(name, true) {
            Ok(peer @ Peer::Oha) => all.push(Loader::new(name, Some(peer))),
            Ok(_) => println!("without {name}: it counts from when a request was sent, or tells no p99.9"),
            Err(why) => println!("without {name}: {why}"),
        }
    }
    for round in 1..=flags.rounds {
        for loader in &mut all {
            let notes = Notes::default();
            let (noting, stalling) = (notes.clone(), Stalling::from(stalls));
            let server = move |listener| http::serve(listener, noting.around(stalling));
            let address = serve_on(flags.workers, server)?;
            print!("round {round}: {} ", loader.name);
            let told = match loader.peer {
                None => our_turn(&flags, address)?,
                Some(peer) => turn_of(peer, &flags, address)?,
            };
            let moments = notes.take();
            let late = moments.first().map(|first| lateness(&moments, *first, flags.rate));
            loader.add(told, FIGURES.map(|(share, _)| quantile(late.clone().unwrap_or_default(), share)));
        }
    }
    println!("medians of {} rounds", flags.rounds);
    for loader in all {
        for (at, (_, name)) in FIGURES.into_iter().enumerate() {
            let told = quantile(loader.told[at].clone(), 0.5);
            let (error, off) = (told / truth[at] - 1.0, quantile(loader.off[at].clone(), 0.5));
            let verdict = if error.abs() <= GOAL { "within" } else { "MISSES" };
            println!(
                "  {} {name:6} {told:8.1} ms, true {:6.1} ms: {:+.2} %, {verdict} ±{} %; {:+.2} % off what the server says",
                loader.name,
                truth[at],
                error * 100.0,
                GOAL * 100.0,
                off * 100.0
            );
        }
    }
    Ok(())
}

impl Loader {
    fn new(name: &str, peer: Option<Peer>) -> Self {
        Self { name: name.to_owned(), peer, told: Default::default(), off: Default::default() }
    }

    fn add(&mut self, told: [f64; 3], true_here: [f64; 3]) {
        for at in 0..FIGURES.len() {
            self.told[at].push(told[at]);
            self.off[at].push(told[at] / true_here[at] - 1.0);
        }
    }
}

#[expect(clippy::print_stdout, reason = "a program that prints what it measured")]
fn our_turn(flags: &Flags, address: SocketAddr) -> anyhow::Result<[f64; 3]> {
    let load = Constant { rate: flags.rate, connections: flags.connections, duration: flags.duration };
    let outcome = run(load, address)?;
    println!(
        "due {} ok {} errors {} dropped {} | pacer late p50 {} µs, max {} µs | load thread {:.2} s CPU",
        outcome.due,
        outcome.ok,
        outcome.errors,
        outcome.dropped,
        outcome.late_micros_p50,
        outcome.late_micros_max,
        outcome.end.cpu.as_secs_f64()
    );
    let latency = Counts::of(&outcome.latency);
    Ok(FIGURES.map(|(share, _)| latency.quantile(share).unwrap_or(0) as f64 / 1e3))
}

#[expect(clippy::print_stdout, reason = "a program that prints what it measured")]
fn turn_of(peer: Peer, flags: &Flags, address: SocketAddr) -> anyhow::Result<[f64; 3]> {
    let order = Order {
        address,
        connections: flags.connections,
        duration: flags.duration.duration(),
        rate: Some(flags.rate.hertz()),
    };
    let told = Cell::new(None);
    let turn = turn(&mut peer.command(&order), |output| {
        told.set(peer.latencies(output));
        peer.answered(output)
    })?;
    println!("ok {} | process {:.2} s CPU", turn.answered, turn.cpu.as_secs_f64());
    told.get().ok_or_else(|| anyhow::anyhow!("it tells no latencies"))
}
