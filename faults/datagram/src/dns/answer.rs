//! What to do about a query.

use shakedown_scenarios::units::Span;

/// What to do about a query, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What to do.
    pub what: What,
    /// What to wait for first, one after the other.
    pub after: Vec<Slowness>,
}

/// What to do about a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Nothing.
    Silence,
    /// Send this.
    Reply(Vec<u8>),
    /// Ask the resolver that the zone names, and send what that says.
    Forward {
        /// But without leave to keep it.
        ttl_zero: bool,
    },
}

/// A wait before an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slowness {
    /// The version that brought the rule it is owed to; when that is healed the wait ends.
    pub since: u64,
    /// How long.
    pub time: Span,
}

// === impl Answer ===

impl Answer {
    pub(super) const fn at_once(what: What) -> Self {
        Self { what, after: Vec::new() }
    }
}
