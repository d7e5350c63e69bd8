//! Gates and probes: what was asked, and what was found.

use serde::Serialize;

use super::{Badge, NOTHING, badge, cleaned};
use crate::analysis::{GateFinding, ProbeFinding, Tries};
use crate::show;

#[derive(Debug, Serialize)]
pub struct GateRow {
    pub badge: Badge,
    pub gate: String,
    pub observed: String,
    pub limit: String,
    pub margin: String,
    /// Share of the limit that was used, 0 to 100, for a bar; `None`: no bar.
    pub used: Option<u8>,
    pub worst: String,
    pub note: String,
}

#[derive(Debug, Serialize)]
pub struct ProbeRow {
    pub badge: Badge,
    pub name: String,
    pub why: String,
    pub baseline: String,
    pub chaos: String,
    pub recovery: String,
}

pub(super) fn gate(gate: &GateFinding) -> GateRow {
    let observed = gate.observed.map_or_else(
        || NOTHING.into(),
        |value| format!("{}{}", if gate.at_least { "≥ " } else { "" }, gate.unit.show(value)),
    );
    let margin = gate.margin.map_or_else(
        || NOTHING.into(),
        |margin| {
            let word = if margin >= 0.0 { "to spare" } else { "beyond" };
            format!("{} {word}", percent(margin.abs()))
        },
    );
    // A leak gate has no one limit; its note tells.
    let has_limit = gate.limit != 0.0 || gate.observed.is_some();
    GateRow {
        badge: badge(gate.verdict),
        gate: cleaned(&gate.gate),
        observed,
        limit: if has_limit { gate.unit.show(gate.limit) } else { NOTHING.into() },
        margin,
        used: gate.margin.map(|margin| ((1.0 - margin) * 50.0).clamp(0.0, 100.0) as u8),
        worst: gate.worst.as_ref().map_or_else(
            || NOTHING.into(),
            |worst| {
                let during = if worst.during.is_empty() {
                    String::new()
                } else {
                    format!(", {}", cleaned(&worst.during))
                };
                format!("{} at {}{during}", gate.unit.show(worst.value), show::offset(worst.at))
            },
        ),
        note: cleaned(&gate.note),
    }
}

/// A margin needs no third digit, and a huge one no percent at all.
fn percent(share: f64) -> String {
    if share >= 10.0 {
        format!("{} times the limit", show::count(share.round()))
    } else {
        format!("{:.0} %", share * 100.0)
    }
}

pub(super) fn probe(probe: &ProbeFinding) -> ProbeRow {
    let tries =
        |tries: Tries| if tries.all == 0 { NOTHING.into() } else { format!("{} of {}", tries.ok, tries.all) };
    ProbeRow {
        badge: badge(probe.verdict),
        name: cleaned(&probe.name),
        why: cleaned(&probe.why),
        baseline: tries(probe.baseline),
        chaos: tries(probe.chaos),
        recovery: tries(probe.recovery),
    }
}
