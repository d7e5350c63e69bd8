//! Proxies and toxics as the native API shows them.

use std::collections::BTreeMap;

use serde::Serialize;
use shakedown_scenarios::toxic::{Aim, Toxic};

use crate::engine::{Bite, Connection, Counters, Plane};
use crate::entry::Entry;
use crate::held::{Held, Origin};

/// A proxy.
#[derive(Debug, Serialize)]
pub struct ProxyShown<'a> {
    name: &'a str,
    listen: &'a str,
    upstream: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    enabled: bool,
    seed: u64,
    counters: CountersShown,
    toxics: Vec<ToxicShown<'a>>,
}

#[derive(Debug, Serialize)]
struct CountersShown {
    accepted: u64,
    open: u64,
    up: u64,
    down: u64,
    up_received: u64,
    down_received: u64,
    dial_failures: u64,
}

/// A toxic and what it did.
#[derive(Debug, Serialize)]
pub struct ToxicShown<'a> {
    name: &'a str,
    toxic: Toxic,
    aim: &'a Aim,
    about: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    part_of: Option<String>,
    evidence: EvidenceShown,
}

#[derive(Debug, Serialize)]
struct EvidenceShown {
    bit: bool,
    words: String,
    effects: BTreeMap<&'static str, u64>,
}

/// A connection.
#[derive(Debug, Serialize)]
pub struct ConnectionShown {
    number: u64,
    client: String,
    up: u64,
    down: u64,
    age: String,
}

// === impl ProxyShown ===

impl<'a> ProxyShown<'a> {
    /// This proxy.
    pub fn of<P: Plane>(entry: &'a Entry<P>) -> Self {
        Self {
            name: entry.name(),
            listen: entry.listen(),
            upstream: entry.upstream(),
            from: entry.ends().from.as_deref(),
            to: entry.ends().to.as_deref(),
            enabled: entry.is_enabled(),
            seed: entry.seed(),
            counters: entry.counters().into(),
            toxics: entry.toxics().map(|held| ToxicShown::of(entry, held)).collect(),
        }
    }
}

impl From<Counters> for CountersShown {
    fn from(counters: Counters) -> Self {
        let Counters { accepted, open, up, down, up_received, down_received, dial_failures } = counters;
        Self { accepted, open, up, down, up_received, down_received, dial_failures }
    }
}

// === impl ToxicShown ===

impl<'a> ToxicShown<'a> {
    /// This toxic.
    pub fn of<P: Plane>(entry: &'a Entry<P>, held: &'a Held) -> Self {
        let (toxic, aim) = (held.draft.toxic(), &held.draft.aim);
        let part_of = match &held.draft.origin {
            Origin::Itself => None,
            Origin::Profile(name) => Some(format!("profile {name}")),
            Origin::Partition(cut) => Some(format!("partition {}", cut.name)),
        };
        let about = format!("{}, {}", toxic.describe(), aim.describe());
        Self { name: &held.draft.name, toxic, aim, about, part_of, evidence: entry.evidence(held).into() }
    }
}

impl From<Bite> for EvidenceShown {
    fn from(bite: Bite) -> Self {
        Self { bit: bite.bit, words: bite.words, effects: bite.effects.into_iter().collect() }
    }
}

// === impl ConnectionShown ===

impl From<Connection> for ConnectionShown {
    fn from(connection: Connection) -> Self {
        let Connection { number, client, up, down, age } = connection;
        Self { number, client: client.to_string(), up, down, age: age.to_string() }
    }
}
