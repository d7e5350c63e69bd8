//! Links and their faults as they are shown.

use std::collections::BTreeMap;

use serde::Serialize;
use shakedown_link_faults::LinkFault;
use shakedown_scenarios::protocol::{LinkKind, Protocol};

use crate::engine::LinkPlane;
use crate::links::{HeldFault, LinkEntry};

/// A link.
#[derive(Debug, Serialize)]
pub struct LinkShown<'a> {
    name: &'a str,
    kind: LinkKind,
    listen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    seed: u64,
    /// What faults on it may be about.
    takes: &'a [Protocol],
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_pem: Option<&'a str>,
    counters: BTreeMap<&'static str, u64>,
    faults: Vec<FaultShown<'a>>,
}

/// A fault and what it did.
#[derive(Debug, Serialize)]
pub struct FaultShown<'a> {
    name: &'a str,
    fault: &'a LinkFault,
    evidence: EvidenceShown,
}

#[derive(Debug, Serialize)]
struct EvidenceShown {
    bit: bool,
    words: String,
}

// === impl LinkShown ===

impl<'a> LinkShown<'a> {
    /// This link.
    pub fn of<L: LinkPlane>(entry: &'a LinkEntry<L>) -> Self {
        Self {
            name: entry.name(),
            kind: entry.kind(),
            listen: entry.address().to_string(),
            upstream: entry.upstream(),
            seed: entry.seed(),
            takes: entry.takes(),
            ca_pem: entry.ca_pem(),
            counters: entry.counters().all.into_iter().collect(),
            faults: entry.faults().map(|held| FaultShown::of(entry, held)).collect(),
        }
    }
}

// === impl FaultShown ===

impl<'a> FaultShown<'a> {
    /// This fault.
    pub fn of<L: LinkPlane>(entry: &LinkEntry<L>, held: &'a HeldFault) -> Self {
        let evidence = entry.evidence(held).map(|seen| EvidenceShown { bit: seen.bit, words: seen.told });
        let evidence = evidence.unwrap_or(EvidenceShown { bit: false, words: String::new() });
        Self { name: &held.name, fault: &held.fault, evidence }
    }
}
