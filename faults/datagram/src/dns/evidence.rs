//! What a fault did to answers: counted while it holds, and judged by whoever wants to know whether it bit.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shakedown_scenarios::units::Span;

use super::fault::{DnsAct, DnsFault};

/// Counters of one injection.
#[derive(Debug, Default)]
pub struct DnsTally {
    matched: AtomicU64,
    hit: AtomicU64,
    slowed: AtomicU64,
    nanos_slowed: AtomicU64,
}

/// What one injection did so far.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsEvidence {
    /// The fault.
    pub fault: DnsFault,
    /// Queries of its name and type.
    pub matched: u64,
    /// Queries whose answer it really changed, ended or delayed.
    pub hit: u64,
    /// How late answers were because of it, on average, as measured; for those that are sent.
    pub mean_delay: Span,
}

// === impl DnsTally ===

impl DnsTally {
    pub(super) fn matched(&self) {
        self.matched.fetch_add(1, Relaxed);
    }

    pub(super) fn hit(&self) {
        self.hit.fetch_add(1, Relaxed);
    }

    /// An answer was sent after so long a wait.
    pub(super) fn slowed(&self, by: Span) {
        self.slowed.fetch_add(1, Relaxed);
        self.nanos_slowed.fetch_add(by.as_nanos(), Relaxed);
    }

    /// The counters as they stand.
    #[must_use]
    pub fn evidence(&self, fault: DnsFault) -> DnsEvidence {
        let slowed = self.slowed.load(Relaxed);
        let nanos = self.nanos_slowed.load(Relaxed).checked_div(slowed).unwrap_or(0);
        let (matched, hit) = (self.matched.load(Relaxed), self.hit.load(Relaxed));
        DnsEvidence { fault, matched, hit, mean_delay: Span::nanos(nanos) }
    }
}

// === impl DnsEvidence ===

impl DnsEvidence {
    /// Whether it is proven that the fault did what it says: slowness by answers that really were half the delay late or
    /// more.
    #[must_use]
    pub fn bit(&self) -> bool {
        match self.fault.act {
            DnsAct::Slow { delay, .. } => {
                self.hit > 0
                    && !self.mean_delay.is_zero()
                    && self.mean_delay.as_nanos() >= delay.as_nanos() / 2
            }
            _ => self.hit > 0,
        }
    }
}

impl fmt::Display for DnsEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} queries that it is for were hit", self.hit, self.matched)?;
        if matches!(self.fault.act, DnsAct::Slow { .. }) {
            write!(f, ", {:.1} ms late on average", self.mean_delay.as_secs_f64() * 1e3)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slowness_is_proven_by_late_answers_only() {
        let slow = DnsFault::on_all(DnsAct::Slow { delay: Span::millis(10), jitter: Span::ZERO });
        let tally = DnsTally::default();
        tally.matched();
        tally.hit();
        assert!(!tally.evidence(slow.clone()).bit());
        assert!(tally.evidence(DnsFault::on_all(DnsAct::Nxdomain)).bit());
        tally.slowed(Span::millis(4));
        assert!(!tally.evidence(slow.clone()).bit());
        tally.slowed(Span::millis(14));
        let evidence = tally.evidence(slow);
        assert!(evidence.bit());
        assert_eq!(evidence.to_string(), "1 of 1 queries that it is for were hit, 9.0 ms late on average");
    }
}
