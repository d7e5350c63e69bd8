//! What a toxic did: counted while it holds, and judged by whoever wants to know whether it bit.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shakedown_scenarios::units::{Size, Span};

use super::Toxic;

/// Counters of one injection. Connections add to them; nothing is ever decided by them.
#[derive(Debug, Default)]
pub struct Tally {
    chunks_delayed: AtomicU64,
    bytes_delayed: AtomicU64,
    nanos_delayed: AtomicU64,
    bytes_swallowed: AtomicU64,
    bytes_held: AtomicU64,
    connections_held: AtomicU64,
    connections_reset: AtomicU64,
    connects_refused: AtomicU64,
    bytes_paced: AtomicU64,
    nanos_paced: AtomicU64,
}

/// What one injection did so far, of one toxic on one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The toxic.
    pub toxic: Toxic,
    /// Chunks that were delivered late on purpose.
    pub chunks_delayed: u64,
    /// The bytes in them.
    pub bytes_delayed: u64,
    /// How long after it came such a chunk was handed on, on average, as measured.
    pub mean_delay: Span,
    /// Bytes taken and lost.
    pub bytes_swallowed: u64,
    /// Bytes that were read and then had to wait for the heal. What waits in the kernel's buffers is not in it.
    pub bytes_held: u64,
    /// New connections that were accepted and got nowhere until the heal.
    pub connections_held: u64,
    /// Connections that got a RST.
    pub connections_reset: u64,
    /// Our own attempts to connect that were refused. Those of others leave no trace in a user's process.
    pub connects_refused: u64,
    /// Bytes that had to wait for their turn under the limit.
    pub bytes_paced: u64,
    /// How long connections had something to send and were not allowed to, all together.
    pub waited: Span,
}

// === impl Tally ===

impl Tally {
    /// A chunk was delivered so long after it came.
    pub fn delayed(&self, bytes: usize, by: Span) {
        self.chunks_delayed.fetch_add(1, Relaxed);
        self.bytes_delayed.fetch_add(bytes as u64, Relaxed);
        self.nanos_delayed.fetch_add(by.as_nanos(), Relaxed);
    }

    /// Bytes were lost.
    pub fn swallowed(&self, bytes: usize) {
        self.bytes_swallowed.fetch_add(bytes as u64, Relaxed);
    }

    /// Bytes have to wait for the heal.
    pub fn held(&self, bytes: usize) {
        self.bytes_held.fetch_add(bytes as u64, Relaxed);
    }

    /// A new connection has to wait for the heal.
    pub fn connection_held(&self) {
        self.connections_held.fetch_add(1, Relaxed);
    }

    /// A connection was reset.
    pub fn connection_reset(&self) {
        self.connections_reset.fetch_add(1, Relaxed);
    }

    /// Our own attempt to connect was refused.
    pub fn connect_refused(&self) {
        self.connects_refused.fetch_add(1, Relaxed);
    }

    /// Bytes were sent after they had waited so long for their turn.
    pub fn paced(&self, bytes: usize, waited: Span) {
        self.bytes_paced.fetch_add(bytes as u64, Relaxed);
        self.nanos_paced.fetch_add(waited.as_nanos(), Relaxed);
    }

    /// The counters as they stand.
    #[must_use]
    pub fn evidence(&self, toxic: Toxic) -> Evidence {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let chunks_delayed = read(&self.chunks_delayed);
        Evidence {
            toxic,
            chunks_delayed,
            bytes_delayed: read(&self.bytes_delayed),
            mean_delay: Span::nanos(read(&self.nanos_delayed).checked_div(chunks_delayed).unwrap_or(0)),
            bytes_swallowed: read(&self.bytes_swallowed),
            bytes_held: read(&self.bytes_held),
            connections_held: read(&self.connections_held),
            connections_reset: read(&self.connections_reset),
            connects_refused: read(&self.connects_refused),
            bytes_paced: read(&self.bytes_paced),
            waited: Span::nanos(read(&self.nanos_paced)),
        }
    }
}

// === impl Evidence ===

impl Evidence {
    /// Whether it is proven that the toxic did what it says.
    ///
    /// A latency is proven by chunks that really came half the delay late or more, so that a delay which got lost on
    /// the way does not pass for one.
    #[must_use]
    pub fn bit(&self) -> bool {
        match self.toxic {
            Toxic::Latency { delay, .. } => {
                self.chunks_delayed > 0 && self.mean_delay.as_nanos() >= delay.as_nanos() / 2
            }
            Toxic::Blackhole { .. } => self.bytes_swallowed > 0,
            Toxic::Partition { .. } => self.bytes_held > 0 || self.connections_held > 0,
            Toxic::Reset => self.connections_reset > 0,
            Toxic::Refuse => self.connects_refused > 0,
            Toxic::Bandwidth { .. } => self.bytes_paced > 0 && !self.waited.is_zero(),
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.toxic {
            Toxic::Latency { .. } => write!(
                f,
                "{} delayed by {} on average",
                count(self.chunks_delayed, "chunk"),
                millis(self.mean_delay)
            ),
            Toxic::Blackhole { .. } => write!(
                f,
                "{} swallowed, {} reset",
                size(self.bytes_swallowed),
                count(self.connections_reset, "connection")
            ),
            Toxic::Partition { .. } => write!(
                f,
                "{} and {} held back",
                size(self.bytes_held),
                count(self.connections_held, "new connection")
            ),
            Toxic::Reset => write!(f, "{} reset", count(self.connections_reset, "connection")),
            Toxic::Refuse => {
                write!(f, "{} of our own refused", count(self.connects_refused, "connect"))
            }
            Toxic::Bandwidth { .. } => {
                write!(f, "{} paced, {} spent waiting", size(self.bytes_paced), millis(self.waited))
            }
        }
    }
}

/// `1 chunk`, `1,204 chunks`.
fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three leading digits, for people.
fn size(bytes: u64) -> String {
    const STEPS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match STEPS.iter().find(|(step, _)| bytes >= *step) {
        Some((step, unit)) => format!("{:.1} {unit}", bytes as f64 / *step as f64),
        None => Size::bytes(bytes).to_string(),
    }
}

/// `101.3 ms`: tenths, since a delay's error is below a millisecond.
fn millis(span: Span) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_scenarios::target::Way;
    use shakedown_scenarios::units::Bandwidth;

    const WAY: Way = Way::Both;

    fn all() -> [Toxic; 6] {
        [
            Toxic::Latency { delay: Span::millis(100), jitter: Span::ZERO, way: WAY },
            Toxic::Blackhole { way: WAY },
            Toxic::Partition { way: WAY },
            Toxic::Reset,
            Toxic::Refuse,
            Toxic::Bandwidth { rate: Bandwidth::bytes_per_second(10), way: WAY },
        ]
    }

    #[test]
    fn nothing_counted_proves_nothing() {
        for toxic in all() {
            assert!(!Tally::default().evidence(toxic).bit(), "{toxic:?}");
        }
    }

    #[test]
    fn what_was_counted_proves_its_own_toxic_only() {
        type Deed = fn(&Tally);
        let deeds: [Deed; 6] = [
            |tally| tally.delayed(10, Span::millis(101)),
            |tally| tally.swallowed(1),
            |tally| tally.held(1),
            |tally| tally.connection_reset(),
            |tally| tally.connect_refused(),
            |tally| tally.paced(1, Span::millis(1)),
        ];
        for (row, deed) in deeds.iter().enumerate() {
            let tally = Tally::default();
            deed(&tally);
            for (column, toxic) in all().into_iter().enumerate() {
                assert_eq!(tally.evidence(toxic).bit(), row == column, "deed {row}, {toxic:?}");
            }
        }
    }

    #[test]
    fn a_delay_that_did_not_happen_is_not_proven_by_passing_chunks() {
        let tally = Tally::default();
        tally.delayed(1_000, Span::millis(3));
        assert!(!tally.evidence(all()[0]).bit());
    }

    #[test]
    fn evidence_reads_like_a_sentence() {
        let tally = Tally::default();
        for _ in 0..1_204 {
            tally.delayed(100, Span::micros(101_300));
        }
        assert_eq!(tally.evidence(all()[0]).to_string(), "1,204 chunks delayed by 101.3 ms on average");
        tally.swallowed(1536);
        tally.connection_reset();
        assert_eq!(tally.evidence(all()[1]).to_string(), "1.5 KiB swallowed, 1 connection reset");
    }
}
