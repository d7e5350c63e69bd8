//! Memory of connections on which nothing happens: when they are open, and when each has carried a message.

use std::time::Duration;

use super::callers::Callers;
use super::clock::{now, pause};
use super::machine::descriptors;
use super::peers::{Peer, Running};
use super::responder::{Exchange, Responder};
use super::{Bench, Figure, Measurement, Versus};

pub(super) const MEASUREMENT: Measurement = Measurement {
    name: "idle",
    about: "memory of the proxy for each idle connection, of 4,000 (socat: 200)",
    ours_only: false,
    run,
};

const CONNECTIONS: usize = 4_000;

/// socat has a process for each.
const CONNECTIONS_OF_SOCAT: usize = 200;

/// How long all of them may take to reach the server.
const WITHIN: Duration = Duration::from_secs(10);

fn run(bench: &Bench<'_>, peer: Peer) -> anyhow::Result<Vec<Figure>> {
    if peer == Peer::Direct {
        return Ok(Vec::new());
    }
    let responder = Responder::start(Exchange::SMALL, None)?;
    let running = bench.yard.start(peer, responder.address)?;
    // What the first connection brings with it is not what the next ones cost.
    let mut first = Callers::open(running.address, 1, Exchange::SMALL)?;
    first.ask_all()?;
    first.hear_all()?;
    let before = memory(&running);
    let count = count(peer)?;
    let mut callers = Callers::open(running.address, count, Exchange::SMALL)?;
    until_accepted(&responder, count as u64 + 1)?;
    let open = memory(&running);
    callers.ask_all()?;
    callers.hear_all()?;
    let used = memory(&running);
    let each = |after: f64| (after - before) / count as f64 / 1024.0;
    Ok(vec![
        Figure::new("each, open", "KiB", Versus::Ratio, each(open)),
        Figure::new("each, used once", "KiB", Versus::Ratio, each(used)),
    ])
}

fn memory(running: &Running) -> f64 {
    running.memory().unwrap_or(0) as f64
}

/// As many as there may be: each has an end at the client and one at the server, which are this process.
fn count(peer: Peer) -> anyhow::Result<usize> {
    let wanted = if peer == Peer::Socat { CONNECTIONS_OF_SOCAT } else { CONNECTIONS };
    Ok(wanted.min(descriptors()?.saturating_sub(200) / 2))
}

fn until_accepted(responder: &Responder, count: u64) -> anyhow::Result<()> {
    let give_up = now() + WITHIN;
    while responder.accepted() < count {
        anyhow::ensure!(now() < give_up, "only {} of {count} came through", responder.accepted());
        pause(Duration::from_millis(5));
    }
    Ok(())
}
