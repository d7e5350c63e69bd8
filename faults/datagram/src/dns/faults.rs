//! The faults that hold, with what they remember: which of them a query meets.

use std::sync::Arc;

use shakedown_scenarios::seed::Chance;

use super::evidence::DnsTally;
use super::fault::{DnsAct, DnsFault};
use super::glob::matches;
use super::query::Query;
use super::respond::Transport;
use crate::injections::{Holding, Rule};

/// The faults that hold on a DNS responder.
pub type DnsHolding = Holding<DnsFault, DnsTally>;

/// One fault that holds on a DNS responder.
pub type DnsRule = Rule<DnsFault, DnsTally>;

/// The faults that hold, with what they remember.
#[derive(Debug, Default)]
pub struct DnsFaults {
    version: u64,
    stages: Vec<Stage>,
}

#[derive(Debug)]
struct Stage {
    rule: DnsRule,
    /// Queries that it was for.
    seen: u32,
}

/// A fault that acts on a query.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub(super) act: DnsAct,
    pub(super) since: u64,
    pub(super) tally: Arc<DnsTally>,
}

// === impl DnsFaults ===

impl DnsFaults {
    /// Goes by these faults from now on. What those remember that held before stays.
    pub fn follow(&mut self, holding: &DnsHolding) {
        if self.version == holding.version() {
            return;
        }
        self.version = holding.version();
        let before = std::mem::take(&mut self.stages);
        let seen = |since| before.iter().find(|stage| stage.rule.since == since).map(|stage| stage.seen);
        let stage = |rule: &DnsRule| Stage { rule: rule.clone(), seen: seen(rule.since).unwrap_or(0) };
        self.stages = holding.rules().iter().map(stage).collect();
    }

    /// The faults that act on a query, in the order of their injection. Chance is drawn only where there is something to
    /// draw.
    pub(super) fn on(&mut self, query: &Query<'_>, transport: Transport, chance: &mut Chance) -> Vec<Hit> {
        if self.stages.is_empty() {
            return Vec::new();
        }
        let name = query.name.to_string();
        let hit = |stage: &mut Stage| {
            let acts = stage.acts(&name, query.qtype, transport)
                && happens(stage.rule.fault.probability.value(), chance);
            acts.then(|| stage.hit())
        };
        self.stages.iter_mut().filter_map(hit).collect()
    }
}

fn happens(probability: f64, chance: &mut Chance) -> bool {
    probability >= 1.0 || chance.chance(probability)
}

// === impl Stage ===

impl Stage {
    /// Whether it is for such a query, and it is this one's turn.
    fn acts(&mut self, name: &str, qtype: u16, transport: Transport) -> bool {
        let fault = &self.rule.fault;
        let is_for = fault.qtype.is_none_or(|wanted| wanted.number() == qtype)
            && (fault.act != DnsAct::Truncated || transport == Transport::Udp)
            && matches(&fault.name, name);
        if !is_for {
            return false;
        }
        self.rule.tally.matched();
        self.seen += 1;
        let turn = self.seen >= fault.every;
        if turn {
            self.seen = 0;
        }
        turn
    }
    fn hit(&self) -> Hit {
        let rule = &self.rule;
        Hit { act: rule.fault.act.clone(), since: rule.since, tally: Arc::clone(&rule.tally) }
    }
}
