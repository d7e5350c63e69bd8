//! What a fault did to datagrams: counted while it holds, and judged by whoever wants to know whether it bit.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shakedown_scenarios::units::Span;

use super::fate::Fate;
use super::fault::UdpFault;

/// Counters of one injection. Sessions add to them; nothing is ever decided by them.
#[derive(Debug, Default)]
pub struct UdpTally {
    seen: AtomicU64,
    lost: AtomicU64,
    bytes_lost: AtomicU64,
    copies: AtomicU64,
    delayed: AtomicU64,
    nanos_delayed: AtomicU64,
    held: AtomicU64,
    overtaken: AtomicU64,
    corrupted: AtomicU64,
    bits_flipped: AtomicU64,
}

/// What one injection did so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UdpEvidence {
    /// The fault.
    pub fault: UdpFault,
    /// Datagrams and copies that came to it.
    pub seen: u64,
    /// Those that it lost.
    pub lost: u64,
    /// The bytes in them.
    pub bytes_lost: u64,
    /// Copies that it made.
    pub copies: u64,
    /// Datagrams whose delay is over.
    pub delayed: u64,
    /// How long it took on average, as measured.
    pub mean_delay: Span,
    /// Datagrams that it held back to be overtaken.
    pub held: u64,
    /// Those of them that are done and were really overtaken.
    pub overtaken: u64,
    /// Datagrams that it damaged.
    pub corrupted: u64,
    /// The bits in them that it flipped.
    pub bits_flipped: u64,
}

// === impl UdpTally ===

impl UdpTally {
    /// A datagram of so many bytes was judged.
    pub(super) fn decided(&self, len: usize, fate: &Fate) {
        self.seen.fetch_add(1, Relaxed);
        match fate {
            Fate::Drop => {
                self.lost.fetch_add(1, Relaxed);
                self.bytes_lost.fetch_add(len as u64, Relaxed);
            }
            Fate::Behind { .. } => {
                self.held.fetch_add(1, Relaxed);
            }
            Fate::Flip(bits) => {
                self.corrupted.fetch_add(1, Relaxed);
                self.bits_flipped.fetch_add(bits.len() as u64, Relaxed);
            }
            // Copies count when they are made, delays when they are over.
            Fate::Pass | Fate::Copies(_) | Fate::Delay(_) => {}
        }
    }

    /// So many copies were made.
    pub(super) fn copied(&self, copies: usize) {
        self.copies.fetch_add(copies as u64, Relaxed);
    }

    /// A wait is over after so long, in which so many others went on.
    pub(super) fn waited(&self, lasted: Span, overtakers: Option<u64>) {
        match overtakers {
            None => {
                self.delayed.fetch_add(1, Relaxed);
                self.nanos_delayed.fetch_add(lasted.as_nanos(), Relaxed);
            }
            Some(0) => {}
            Some(_) => {
                self.overtaken.fetch_add(1, Relaxed);
            }
        }
    }

    /// The counters as they stand.
    #[must_use]
    pub fn evidence(&self, fault: UdpFault) -> UdpEvidence {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let delayed = read(&self.delayed);
        UdpEvidence {
            fault,
            seen: read(&self.seen),
            lost: read(&self.lost),
            bytes_lost: read(&self.bytes_lost),
            copies: read(&self.copies),
            delayed,
            mean_delay: Span::nanos(read(&self.nanos_delayed).checked_div(delayed).unwrap_or(0)),
            held: read(&self.held),
            overtaken: read(&self.overtaken),
            corrupted: read(&self.corrupted),
            bits_flipped: read(&self.bits_flipped),
        }
    }
}

// === impl UdpEvidence ===

impl UdpEvidence {
    /// Whether it is proven that the fault did what it says.
    ///
    /// A delay is proven by datagrams that really came half of it late or more, a reordering by ones that really were
    /// overtaken: with nobody to overtake them they were only late.
    #[must_use]
    pub fn bit(&self) -> bool {
        match self.fault {
            UdpFault::Loss { .. }
            | UdpFault::BurstLoss { .. }
            | UdpFault::Mtu { .. }
            | UdpFault::Blackhole { .. } => self.lost > 0,
            UdpFault::Duplicate { .. } => self.copies > 0,
            UdpFault::Reorder { .. } => self.overtaken > 0,
            UdpFault::Delay { delay, .. } => {
                self.delayed > 0 && self.mean_delay.as_nanos() >= delay.as_nanos() / 2
            }
            UdpFault::Corrupt { .. } => self.bits_flipped > 0,
        }
    }
}

impl fmt::Display for UdpEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.seen;
        match self.fault {
            UdpFault::Loss { .. }
            | UdpFault::BurstLoss { .. }
            | UdpFault::Mtu { .. }
            | UdpFault::Blackhole { .. } => write!(f, "{} of {seen} datagrams lost", self.lost),
            UdpFault::Duplicate { .. } => write!(f, "{} copies made of {seen} datagrams", self.copies),
            UdpFault::Reorder { .. } => {
                write!(f, "{} of {seen} datagrams held back, {} overtaken", self.held, self.overtaken)
            }
            UdpFault::Delay { .. } => {
                let millis = self.mean_delay.as_secs_f64() * 1e3;
                write!(f, "{} of {seen} datagrams delayed by {millis:.1} ms on average", self.delayed)
            }
            UdpFault::Corrupt { .. } => {
                write!(f, "{} bits flipped in {} of {seen} datagrams", self.bits_flipped, self.corrupted)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::udp::Distribution;
    use shakedown_scenarios::target::Way;
    use shakedown_scenarios::units::Ratio;

    fn all() -> [UdpFault; 6] {
        let (probability, direction) = (Ratio::new(0.5).unwrap(), Way::Both);
        [
            UdpFault::Loss { probability, direction },
            UdpFault::Duplicate { probability, copies: 1, direction },
            UdpFault::Reorder { probability, gap: 1, datagrams: 1, time: Span::millis(1), direction },
            UdpFault::Delay {
                delay: Span::millis(10),
                jitter: Span::ZERO,
                distribution: Distribution::Uniform,
                correlation: probability,
                direction,
            },
            UdpFault::Corrupt { probability, bits: 1, direction },
            UdpFault::Blackhole { direction },
        ]
    }

    #[test]
    fn nothing_counted_proves_nothing() {
        for fault in all() {
            assert!(!UdpTally::default().evidence(fault).bit(), "{fault:?}");
        }
    }

    #[test]
    fn what_was_counted_proves_its_own_fault_only() {
        type Deed = fn(&UdpTally);
        let deeds: [(Deed, [bool; 6]); 8] = [
            (|tally| tally.decided(9, &Fate::Drop), [true, false, false, false, false, true]),
            (|tally| tally.copied(1), [false, true, false, false, false, false]),
            (|tally| tally.waited(Span::ZERO, Some(1)), [false, false, true, false, false, false]),
            (|tally| tally.waited(Span::millis(9), None), [false, false, false, true, false, false]),
            (|tally| tally.decided(9, &Fate::Flip(vec![1])), [false, false, false, false, true, false]),
            // Late without being overtaken, too early for a delay, let by.
            (|tally| tally.waited(Span::millis(9), Some(0)), [false; 6]),
            (|tally| tally.waited(Span::millis(4), None), [false; 6]),
            (|tally| tally.decided(9, &Fate::Pass), [false; 6]),
        ];
        for (row, (deed, expected)) in deeds.iter().enumerate() {
            let tally = UdpTally::default();
            deed(&tally);
            assert_eq!(all().map(|fault| tally.evidence(fault).bit()), *expected, "deed {row}");
        }
    }

    #[test]
    fn evidence_reads_like_a_sentence() {
        let tally = UdpTally::default();
        tally.decided(9, &Fate::Pass);
        tally.decided(9, &Fate::Drop);
        tally.waited(Span::micros(10_260), None);
        assert_eq!(tally.evidence(all()[0]).to_string(), "1 of 2 datagrams lost");
        assert_eq!(tally.evidence(all()[3]).to_string(), "1 of 2 datagrams delayed by 10.3 ms on average");
    }
}
