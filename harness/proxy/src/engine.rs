//! What the control plane asks of a data plane: start a proxy, put toxics on it, count.
//!
//! The real one is [`Faults`]; [`Paper`] listens nowhere and is for tests and fuzzing of what is decided above it. No
//! call waits for data.

mod faults;
mod link;
mod paper;

use std::fmt;
use std::io;
use std::net::SocketAddr;

use shakedown_link_faults::{LinkSpec, StartError};
use shakedown_scenarios::toxic::{Aim, Toxic};
use shakedown_scenarios::units::Span;

pub use faults::Faults;
pub use link::LinkPlane;
pub use paper::{Paper, PaperLink, PaperProxy};

/// A data plane.
pub trait Engine: fmt::Debug {
    /// A proxy that runs. Dropping it ends it without waiting: afterwards nobody connects, nothing is handed on, and its
    /// address can be listened on again.
    type Proxy: Plane;
    /// A link of another protocol that runs.
    type Link: LinkPlane;

    /// Starts a proxy. Its toxics hold from the first connection on.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    fn start(&mut self, plan: Start<'_>) -> io::Result<Self::Proxy>;

    /// Starts a link. Chance comes from `seed`.
    ///
    /// # Errors
    /// If the address cannot be listened on, or what it is to be cannot be meant.
    fn start_link(&mut self, listen: SocketAddr, spec: LinkSpec, seed: u64)
    -> Result<Self::Link, StartError>;
}

/// One proxy of a data plane.
pub trait Plane: fmt::Debug {
    /// Where it listens.
    fn address(&self) -> SocketAddr;

    /// Makes a toxic hold, for open and new connections alike.
    ///
    /// # Errors
    /// What the data plane says, for people. Nothing is changed then.
    fn inject(&self, id: u32, injection: Injection) -> Result<(), String>;

    /// Gives a toxic other figures.
    ///
    /// # Errors
    /// What the data plane says, for people. Nothing is changed then.
    fn update(&self, id: u32, injection: Injection) -> Result<(), String>;

    /// Ends a toxic.
    fn heal(&self, id: u32) -> Heal;

    /// What a toxic did so far.
    fn evidence(&self, id: u32) -> Option<Bite>;

    /// What passed so far.
    fn counters(&self) -> Counters;

    /// The connections that are open.
    fn connections(&self) -> Vec<Connection>;
}

/// What a proxy is started with.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// Where it listens; port 0: a free one.
    pub listen: SocketAddr,
    /// Where it connects to, `host:port`; looked up for each connection anew.
    pub upstream: &'a str,
    /// Where its chance comes from.
    pub seed: u64,
    /// The toxics that hold from the start, by number.
    pub injections: Vec<(u32, Injection)>,
}

/// A toxic, whom it hits, and the name that seeds its chance.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    /// Its name.
    pub name: String,
    /// What it does.
    pub toxic: Toxic,
    /// To whom.
    pub aim: Aim,
}

/// The end of a toxic, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heal {
    /// Whether it is seen to be gone.
    pub proven: bool,
    /// What was seen, for people.
    pub evidence: String,
}

/// What a toxic did so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bite {
    /// Whether it is proven that it did what it says.
    pub bit: bool,
    /// What it did, for people.
    pub words: String,
    /// What it did, counted: a name such as `bytes_delayed` and how many.
    pub effects: Vec<(&'static str, u64)>,
}

/// What passed through a proxy, cumulative but for `open`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Bytes handed on from clients to the target.
    pub up: u64,
    /// Bytes handed on from the target to clients.
    pub down: u64,
    /// Bytes read from clients, also those that toxics hold or lost.
    pub up_received: u64,
    /// Bytes read from the target, also those that toxics hold or lost.
    pub down_received: u64,
    /// Connections that got nowhere because the target could not be reached.
    pub dial_failures: u64,
}

/// One open connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its number, from 0 in the order of acceptance.
    pub number: u64,
    /// Who connected.
    pub client: SocketAddr,
    /// Bytes handed on to the target.
    pub up: u64,
    /// Bytes handed on to the client.
    pub down: u64,
    /// How long it is open.
    pub age: Span,
}

// === impl Counters ===

impl Counters {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            accepted: self.accepted.saturating_add(other.accepted),
            open: self.open.saturating_add(other.open),
            up: self.up.saturating_add(other.up),
            down: self.down.saturating_add(other.down),
            up_received: self.up_received.saturating_add(other.up_received),
            down_received: self.down_received.saturating_add(other.down_received),
            dial_failures: self.dial_failures.saturating_add(other.dial_failures),
        }
    }
}
