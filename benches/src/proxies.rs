//! Fault proxies side by side: what each costs that stands between a client and a server, ours beside others.
//!
//! Each peer is a process of its own ([`peers`]); its clients and the server behind it are threads of the measuring
//! program, the same for all. One measurement is one file and one function: it starts the peer, puts a load on it for a
//! second or two, and hands back figures, which [`table`] holds against each other. Nothing is asserted.
//!
//! Machines are noisy, and neighbours more so: peers take turns round by round, what is compared is compared within a
//! round, and medians are told.

mod arrivals;
mod bandwidth;
mod bulk;
mod callers;
pub mod clock;
mod connections;
mod delayed;
mod http;
mod idle;
mod latency;
pub mod machine;
pub mod peers;
mod ping_pong;
mod responder;
mod switching;
pub mod table;

use std::time::Duration;

use peers::{Peer, Yard};

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Measurement {
    /// What it is called on the command line.
    pub name: &'static str,
    /// In a line.
    pub about: &'static str,
    /// Whether only our proxy can be measured, since it is about its toxics or its memory under them.
    pub ours_only: bool,
    /// Measures one peer once.
    pub run: fn(&Bench<'_>, Peer) -> anyhow::Result<Vec<Figure>>,
}

/// What every measurement is given.
#[derive(Clone, Copy, Debug)]
pub struct Bench<'a> {
    /// Where peers are started.
    pub yard: &'a Yard,
    /// How long each stretch of load is.
    pub length: Duration,
}

/// One number of one measurement of one peer.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it says; the same for all peers.
    pub name: String,
    /// In what.
    pub unit: &'static str,
    /// How much.
    pub value: f64,
    /// How it is compared.
    pub versus: Versus,
}

/// How two values of a figure are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versus {
    /// One divided by the other.
    Ratio,
    /// What a peer adds to what there is without one.
    Added,
    /// It stands for itself.
    Nothing,
}

/// All of them, in the order in which they are run.
pub const ALL: [Measurement; 9] = [
    bulk::MEASUREMENT,
    http::MEASUREMENT,
    ping_pong::MEASUREMENT,
    connections::MEASUREMENT,
    idle::MEASUREMENT,
    latency::MEASUREMENT,
    bandwidth::MEASUREMENT,
    delayed::MEASUREMENT,
    switching::MEASUREMENT,
];

// === impl Figure ===

impl Figure {
    fn new(name: impl Into<String>, unit: &'static str, versus: Versus, value: f64) -> Self {
        Self { name: name.into(), unit, value, versus }
    }
}

fn microseconds(lengths: &[Duration]) -> Vec<f64> {
    lengths.iter().map(|length| length.as_secs_f64() * 1e6).collect()
}
