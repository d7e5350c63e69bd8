//! What a fault did: counted while it holds, and judged by whoever wants to know whether it bit.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use shakedown_scenarios::units::{Size, Span};

/// Counters of one injection. Requests add to them; nothing is ever decided by them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    matched: AtomicU64,
    bitten: AtomicU64,
    nanos_waited: AtomicU64,
    bytes: AtomicU64,
}

/// Where one fault on one request says that it bit. Clones are of the same request, which counts once.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    tally: Arc<Tally>,
    bitten: Arc<AtomicBool>,
}

/// What one injection did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Requests that were chosen for it.
    pub matched: u64,
    /// Those of them to which it really did something.
    pub bitten: u64,
    /// How long those waited because of it, all together.
    pub waited: Span,
    /// Bytes of bodies that came late or slowly because of it.
    pub bytes: u64,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn evidence(&self) -> Evidence {
        Evidence {
            matched: self.matched.load(Relaxed),
            bitten: self.bitten.load(Relaxed),
            waited: Span::nanos(self.nanos_waited.load(Relaxed)),
            bytes: self.bytes.load(Relaxed),
        }
    }
}

// === impl Mark ===

impl Mark {
    /// A request was chosen.
    pub(crate) fn matched(tally: Arc<Tally>) -> Self {
        tally.matched.fetch_add(1, Relaxed);
        Self { tally, bitten: Arc::default() }
    }

    /// The fault did something to it.
    pub(crate) fn bit(&self) {
        if !self.bitten.swap(true, Relaxed) {
            self.tally.bitten.fetch_add(1, Relaxed);
        }
    }

    /// The request waited so long because of it.
    pub(crate) fn waited(&self, length: Span) {
        self.tally.nanos_waited.fetch_add(length.as_nanos(), Relaxed);
    }

    /// So many bytes came late because of it.
    pub(crate) fn bytes(&self, count: usize) {
        self.tally.bytes.fetch_add(count as u64, Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn has_bitten(&self) -> bool {
        self.bitten.load(Relaxed)
    }
}

// === impl Evidence ===

impl Evidence {
    /// Whether it is proven that the fault did what it says to at least one request.
    #[must_use]
    pub const fn bit(&self) -> bool {
        self.bitten > 0
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} chosen requests bitten", self.bitten, self.matched)?;
        if !self.waited.is_zero() {
            write!(f, ", which waited {} in all", Span::micros(self.waited.as_micros()))?;
        }
        if self.bytes > 0 {
            write!(f, ", {} late or slow", Size::bytes(self.bytes))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_once_however_often_it_is_bitten() {
        let tally = Arc::new(Tally::default());
        let (first, _second) = (Mark::matched(Arc::clone(&tally)), Mark::matched(Arc::clone(&tally)));
        first.bit();
        first.clone().bit();
        first.waited(Span::millis(1500));
        first.bytes(10);
        let seen = tally.evidence();
        assert!(seen.bit());
        let told = "1 of 2 chosen requests bitten, which waited 1s 500ms in all, 10B late or slow";
        assert_eq!(seen.to_string(), told);
        assert!(!Evidence { matched: 9, ..Evidence::default() }.bit());
    }
}
