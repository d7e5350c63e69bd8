//! What an injection did, as it was counted.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::TlsFault;

/// What an injection did so far, or had done when it was healed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The fault.
    pub fault: TlsFault,
    /// Connections that it really hit: each counts once, when it is done to it and not when it is drawn.
    pub hits: u64,
    /// Whether it still holds.
    pub holds: bool,
}

/// Counts while it holds. Some hits of a connection that is already open may still come after the heal was asked for.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    hits: AtomicU64,
}

// === impl Evidence ===

impl Evidence {
    /// Whether the fault bit: without this, what was seen while it held proves nothing.
    #[must_use]
    pub const fn bit(&self) -> bool {
        self.hits > 0
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.fault {
            TlsFault::HandshakeStall { .. } => "stalled",
            TlsFault::Alert { .. } => "ended by an alert",
            TlsFault::VersionCap { .. } => "offered TLS 1.2 only",
            TlsFault::Reset { .. } => "reset",
            TlsFault::Truncate { .. } => "truncated",
            _ => "shown the flawed certificate",
        };
        write!(f, "{}: {} connections {verb}", self.fault.name(), self.hits)
    }
}

// === impl Tally ===

impl Tally {
    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Relaxed);
    }

    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Relaxed)
    }
}
