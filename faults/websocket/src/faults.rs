//! The faults that hold at one moment, and what they did.
//!
//! A set never changes: a new one takes its place. A way of a connection takes a new one over at the end of the frame it
//! is in, since half a frame cannot be made undone.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::WebSocketFault;

/// All faults that hold, in the order of their injection: each judges what the one before it let through.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    version: u64,
    injections: Vec<Arc<Injection>>,
}

/// One fault that holds.
#[derive(Debug)]
pub struct Injection {
    /// Its number, given by who injects.
    pub id: u32,
    /// What it does.
    pub fault: WebSocketFault,
    /// The version of the faults that brought it: no two injections have the same.
    pub since: u64,
    hits: AtomicU64,
}

/// What an injection did so far, or had done when it was healed.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The fault.
    pub fault: WebSocketFault,
    /// Frames that it really hit, or close frames that it sent.
    pub hits: u64,
    /// Whether it still holds.
    pub holds: bool,
}

/// At most so many faults hold at once: a frame passes all of them.
pub const MOST: usize = 16;
/// At most so many of them duplicate frames, since each doubles what it gets.
pub const DUPLICATES_MOST: usize = 2;

/// Why a fault cannot hold beside those that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultsError {
    /// The number is in use.
    #[error("injection {0} holds already; heal it first or use another number")]
    Taken(u32),
    /// There are too many.
    #[error("{MOST} faults hold already, which is the most; heal one first")]
    Full,
    /// There are too many that duplicate.
    #[error("{DUPLICATES_MOST} faults duplicate frames already, which is the most; heal one first")]
    Duplicates,
}

// === impl Faults ===

impl Faults {
    /// Grows with every change; two sets with the same version are the same.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The same faults and one more.
    ///
    /// # Errors
    /// If the number is in use, or as many hold as may.
    pub fn with(&self, id: u32, fault: WebSocketFault) -> Result<Self, FaultsError> {
        let doubles = |fault: &WebSocketFault| matches!(fault, WebSocketFault::Duplicate { .. });
        if self.iter().any(|injection| injection.id == id) {
            return Err(FaultsError::Taken(id));
        }
        if self.injections.len() >= MOST {
            return Err(FaultsError::Full);
        }
        let doubling = self.iter().filter(|injection| doubles(&injection.fault)).count();
        if doubles(&fault) && doubling >= DUPLICATES_MOST {
            return Err(FaultsError::Duplicates);
        }
        let version = self.version + 1;
        let mut injections = self.injections.clone();
        injections.push(Arc::new(Injection { id, fault, since: version, hits: AtomicU64::new(0) }));
        Ok(Self { version, injections })
    }

    /// The same faults without one, and that one; `None` if it is not among them.
    #[must_use]
    pub fn without(&self, id: u32) -> Option<(Self, Arc<Injection>)> {
        let index = self.injections.iter().position(|injection| injection.id == id)?;
        let mut injections = self.injections.clone();
        let gone = injections.remove(index);
        Some((Self { version: self.version + 1, injections }, gone))
    }

    /// Whether this very injection still holds, and not another one under its number.
    #[must_use]
    pub fn holds(&self, injection: &Injection) -> bool {
        self.iter().any(|other| other.since == injection.since)
    }

    /// All of them, in the order of their injection.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Injection>> {
        self.injections.iter()
    }
}

// === impl Injection ===

impl Injection {
    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Relaxed);
    }

    /// What it did so far, given whether it holds.
    #[must_use]
    pub fn evidence(&self, holds: bool) -> Evidence {
        Evidence { fault: self.fault.clone(), hits: self.hits.load(Relaxed), holds }
    }
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
        let done = match self.fault {
            WebSocketFault::Drop { .. } | WebSocketFault::PingLoss { .. } => "frames lost",
            WebSocketFault::Delay { .. } => "frames delayed",
            WebSocketFault::Close { .. } => "close frames sent",
            WebSocketFault::Fragment { .. } => "frames cut into pieces",
            WebSocketFault::Duplicate { .. } => "frames sent twice",
            WebSocketFault::Corrupt { .. } => "frames corrupted",
        };
        write!(f, "{}: {} {done}", self.fault.name(), self.hits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Selection;

    fn lose() -> WebSocketFault {
        WebSocketFault::Drop { which: Selection::default() }
    }

    #[test]
    fn a_number_is_used_once_at_a_time_and_there_is_a_most() {
        let faults = Faults::default().with(3, lose()).unwrap();
        assert_eq!(faults.with(3, lose()).unwrap_err(), FaultsError::Taken(3));
        let (without, gone) = faults.without(3).unwrap();
        assert!(without.with(3, lose()).is_ok_and(|again| !again.holds(&gone)));
        assert!(without.without(3).is_none());
        let full = (0..16).fold(Faults::default(), |faults, id| faults.with(id, lose()).unwrap());
        assert_eq!(full.with(16, lose()).unwrap_err(), FaultsError::Full);
    }

    #[test]
    fn what_doubles_may_not_double_without_end() {
        let twice = || WebSocketFault::Duplicate { which: Selection::default() };
        let faults = Faults::default().with(1, twice()).unwrap().with(2, twice()).unwrap();
        assert_eq!(faults.with(3, twice()).unwrap_err(), FaultsError::Duplicates);
        assert!(faults.with(3, lose()).is_ok());
    }
}
