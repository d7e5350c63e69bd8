//! A toxic comes to, and goes from, 1,000 open connections: when the call returns, and when the last of them obeys.

use std::time::Duration;

use super::callers::Callers;
use super::clock::now;
use super::peers::Peer;
use super::responder::{Exchange, Responder};
use super::{Bench, Figure, Measurement, Versus};

pub(super) const MEASUREMENT: Measurement = Measurement {
    name: "switching",
    about: "a latency added to and removed from 1,000 open connections: until the call returns, until the last obeys",
    ours_only: true,
    run,
};

const CONNECTIONS: usize = 1_000;

/// A delay that is told from none on any machine.
const SHORT: Duration = Duration::from_millis(100);

/// One that nobody waits for.
const FOR_EVER: &str = "latency 1h";

/// How long bytes must stay away to count as held.
const HELD: Duration = Duration::from_millis(100);

fn run(bench: &Bench<'_>, peer: Peer) -> anyhow::Result<Vec<Figure>> {
    let responder = Responder::start(Exchange::BYTE, None)?;
    let mut running = bench.yard.start(peer, responder.address)?;
    let mut callers = Callers::open(running.address, CONNECTIONS, Exchange::BYTE)?;
    callers.ask_all()?;
    callers.hear_all()?;
    let control = running.control()?;
    let millis = |length: Duration| length.as_secs_f64() * 1e3;
    let mut figures = Vec::new();
    let mut figure = |name: &str, value| figures.push(Figure::new(name, "ms", Versus::Nothing, value));

    let start = now();
    callers.ask_all()?;
    callers.hear_all()?;
    figure("a byte there and back on each, no toxic", millis(start.elapsed()));

    let start = now();
    let call = control.inject(&format!("latency {}ms", SHORT.as_millis()))?;
    let returned = start.elapsed();
    callers.ask_all()?;
    let took = callers.hear_all()?;
    let obeyed = start.elapsed().saturating_sub(SHORT);
    let disobedient = took.iter().filter(|took| **took < SHORT).count();
    figure("added: the call itself", millis(call));
    figure("added: until it returned to us", millis(returned));
    figure("added: until a byte on each was late", millis(obeyed));

    control.heal()?;
    control.inject(FOR_EVER)?;
    callers.ask_all()?;
    let mut early = Vec::new();
    callers.wait(now() + HELD, &mut early)?;
    let start = now();
    let call = control.heal()?;
    let returned = start.elapsed();
    callers.hear_all()?;
    figure("removed: the call itself", millis(call));
    figure("removed: until it returned to us", millis(returned));
    figure("removed: until a byte held on each came", millis(start.elapsed()));

    let disobedient = (disobedient + early.len()) as f64;
    figures.push(Figure::new("connections that did not obey", "", Versus::Nothing, disobedient));
    Ok(figures)
}
