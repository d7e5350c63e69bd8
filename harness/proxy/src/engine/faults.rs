//! The real engine: every call to `shakedown-faults` is in here, and every link is started here.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use shakedown_faults::proxy::Proxy;
use shakedown_faults::toxic::{Evidence, Injection as Wanted};
use shakedown_link_faults::{Link, LinkSpec, StartError};

use super::{Bite, Connection, Counters, Engine, Heal, Injection, Plane, Start};

/// The engine that moves bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults;

// === impl Faults ===

impl Engine for Faults {
    type Proxy = Proxy;
    type Link = Link;

    fn start(&mut self, plan: Start<'_>) -> io::Result<Proxy> {
        let injections = plan.injections.into_iter().map(|(id, injection)| (id, injection.into())).collect();
        Proxy::start_with(plan.listen, plan.upstream, plan.seed, injections)
    }

    fn start_link(&mut self, listen: SocketAddr, spec: LinkSpec, seed: u64) -> Result<Link, StartError> {
        Link::start(listen, spec, seed)
    }
}

impl Plane for Proxy {
    fn address(&self) -> SocketAddr {
        self.address()
    }

    fn inject(&self, id: u32, injection: Injection) -> Result<(), String> {
        self.inject(id, injection.into()).map_err(|error| chain(&error))
    }

    fn update(&self, id: u32, injection: Injection) -> Result<(), String> {
        self.update(id, injection.into()).map_err(|error| chain(&error))
    }

    fn heal(&self, id: u32) -> Heal {
        let healed = self.heal(id);
        Heal { proven: healed.proven, evidence: healed.evidence }
    }

    fn evidence(&self, id: u32) -> Option<Bite> {
        self.evidence(id).map(Bite::from)
    }

    fn counters(&self) -> Counters {
        let now = self.counters();
        Counters {
            accepted: now.accepted,
            open: now.open,
            up: now.up,
            down: now.down,
            up_received: now.up_received,
            down_received: now.down_received,
            dial_failures: now.dial_failures,
        }
    }

    fn connections(&self) -> Vec<Connection> {
        let all = self.connections().into_iter();
        let connection = all.map(|it| Connection {
            number: it.number,
            client: it.client,
            up: it.up,
            down: it.down,
            age: it.age,
        });
        connection.collect()
    }
}

impl From<Injection> for Wanted {
    fn from(injection: Injection) -> Self {
        Self { name: injection.name, toxic: injection.toxic, aim: injection.aim }
    }
}

impl From<Evidence> for Bite {
    fn from(evidence: Evidence) -> Self {
        let effects = [
            ("connections_met", evidence.connections_met),
            ("chunks_delayed", evidence.chunks_delayed),
            ("bytes_delayed", evidence.bytes_delayed),
            ("mean_delay_microseconds", evidence.mean_delay.as_micros()),
            ("bytes_swallowed", evidence.bytes_swallowed),
            ("bytes_held", evidence.bytes_held),
            ("connections_held", evidence.connections_held),
            ("connections_reset", evidence.connections_reset),
            ("connections_closed", evidence.connections_closed),
            ("connects_refused", evidence.connects_refused),
            ("connects_changed", evidence.connects_changed),
            ("bytes_paced", evidence.bytes_paced),
            ("microseconds_waited", evidence.waited.as_micros()),
            ("bytes_read_slowly", evidence.bytes_read_slowly),
            ("chunks_changed", evidence.chunks_changed),
            ("bytes_changed", evidence.bytes_changed),
            ("ends_lost", evidence.ends_lost),
            ("ends_delayed", evidence.ends_delayed),
        ];
        Self {
            bit: evidence.bit(),
            words: evidence.to_string(),
            effects: effects.into_iter().filter(|(_, number)| *number > 0).collect(),
        }
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
