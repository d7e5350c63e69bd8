//! What a toxic did: counted while it holds, and judged by whoever wants to know whether it bit.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shakedown_scenarios::units::{Size, Span};

use super::{Over, Toxic};
use shakedown_scenarios::toxic::Blackhole;

/// Counters of one injection. Connections add to them; nothing is ever decided by them.
#[derive(Debug, Default)]
pub struct Tally {
    connections_met: AtomicU64,
    chunks_delayed: AtomicU64,
    bytes_delayed: AtomicU64,
    nanos_delayed: AtomicU64,
    bytes_swallowed: AtomicU64,
    bytes_held: AtomicU64,
    connections_held: AtomicU64,
    connections_reset: AtomicU64,
    connections_closed: AtomicU64,
    connects_refused: AtomicU64,
    connects_changed: AtomicU64,
    bytes_paced: AtomicU64,
    nanos_paced: AtomicU64,
    bytes_read_slowly: AtomicU64,
    chunks_changed: AtomicU64,
    bytes_changed: AtomicU64,
    ends_lost: AtomicU64,
    ends_delayed: AtomicU64,
}

/// What one injection did so far, of one toxic on one link.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The toxic.
    pub toxic: Toxic,
    /// Ways of connections that it hit.
    pub connections_met: u64,
    /// Chunks that were delivered late on purpose.
    pub chunks_delayed: u64,
    /// The bytes in them.
    pub bytes_delayed: u64,
    /// How long after it came such a chunk was handed on, on average, as measured.
    pub mean_delay: Span,
    /// Bytes taken and lost.
    pub bytes_swallowed: u64,
    /// Bytes that had to wait for the heal after they were read. Where a toxic reads nothing, those that were seen to wait
    /// unread; what else waits in the kernel's buffers is not in it.
    pub bytes_held: u64,
    /// New connections that were accepted and got nowhere until the heal.
    pub connections_held: u64,
    /// Connections that got a RST.
    pub connections_reset: u64,
    /// Connections that were closed in order.
    pub connections_closed: u64,
    /// Our own attempts to connect that were refused or not answered. Those of others leave no trace in a user's process.
    pub connects_refused: u64,
    /// Connects to the target that were delayed, failed or sent elsewhere.
    pub connects_changed: u64,
    /// Bytes that had to wait for their turn.
    pub bytes_paced: u64,
    /// How long connections had something to send and were not allowed to, all together.
    pub waited: Span,
    /// Bytes that were read no faster than allowed.
    pub bytes_read_slowly: u64,
    /// Chunks that were changed, doubled, cut or put out of order.
    pub chunks_changed: u64,
    /// The bytes in them that were.
    pub bytes_changed: u64,
    /// Ends of streams that were not passed on.
    pub ends_lost: u64,
    /// Ends of streams that were passed on late.
    pub ends_delayed: u64,
}

// === impl Tally ===

impl Tally {
    /// It hits one way of a connection.
    pub fn met(&self) {
        self.connections_met.fetch_add(1, Relaxed);
    }

    /// A chunk was delivered so long after it came; no bytes: an end was.
    pub fn delayed(&self, bytes: usize, by: Span) {
        if bytes == 0 {
            self.ends_delayed.fetch_add(1, Relaxed);
            return;
        }
        self.chunks_delayed.fetch_add(1, Relaxed);
        self.bytes_delayed.fetch_add(bytes as u64, Relaxed);
        self.nanos_delayed.fetch_add(by.as_nanos(), Relaxed);
    }

    /// Bytes were lost.
    pub fn swallowed(&self, bytes: usize) {
        self.bytes_swallowed.fetch_add(bytes as u64, Relaxed);
    }

    /// An end of a stream was lost.
    pub fn end_lost(&self) {
        self.ends_lost.fetch_add(1, Relaxed);
    }

    /// Bytes have to wait for the heal.
    pub fn held(&self, bytes: usize) {
        self.bytes_held.fetch_add(bytes as u64, Relaxed);
    }

    /// A new connection has to wait for the heal.
    pub fn connection_held(&self) {
        self.connections_held.fetch_add(1, Relaxed);
    }

    /// A connection was ended.
    pub fn ended(&self, over: Over) {
        let counter = match over {
            Over::Closed => &self.connections_closed,
            Over::Reset(_) => &self.connections_reset,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// Our own attempt to connect was refused.
    pub fn connect_refused(&self) {
        self.connects_refused.fetch_add(1, Relaxed);
    }

    /// A connect to the target was delayed, failed or sent elsewhere.
    pub fn connect_changed(&self) {
        self.connects_changed.fetch_add(1, Relaxed);
    }

    /// Bytes were sent after they had waited so long for their turn.
    pub fn paced(&self, bytes: usize, waited: Span) {
        self.bytes_paced.fetch_add(bytes as u64, Relaxed);
        self.nanos_paced.fetch_add(waited.as_nanos(), Relaxed);
    }

    /// Bytes were read no faster than allowed.
    pub fn read_slowly(&self, bytes: usize) {
        self.bytes_read_slowly.fetch_add(bytes as u64, Relaxed);
    }

    /// So many bytes of a chunk were changed.
    pub fn changed(&self, bytes: usize) {
        self.chunks_changed.fetch_add(1, Relaxed);
        self.bytes_changed.fetch_add(bytes as u64, Relaxed);
    }

    /// The counters as they stand.
    #[must_use]
    pub fn evidence(&self, toxic: &Toxic) -> Evidence {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let chunks_delayed = read(&self.chunks_delayed);
        Evidence {
            toxic: toxic.clone(),
            connections_met: read(&self.connections_met),
            chunks_delayed,
            bytes_delayed: read(&self.bytes_delayed),
            mean_delay: Span::nanos(read(&self.nanos_delayed).checked_div(chunks_delayed).unwrap_or(0)),
            bytes_swallowed: read(&self.bytes_swallowed),
            bytes_held: read(&self.bytes_held),
            connections_held: read(&self.connections_held),
            connections_reset: read(&self.connections_reset),
            connections_closed: read(&self.connections_closed),
            connects_refused: read(&self.connects_refused),
            connects_changed: read(&self.connects_changed),
            bytes_paced: read(&self.bytes_paced),
            waited: Span::nanos(read(&self.nanos_paced)),
            bytes_read_slowly: read(&self.bytes_read_slowly),
            chunks_changed: read(&self.chunks_changed),
            bytes_changed: read(&self.bytes_changed),
            ends_lost: read(&self.ends_lost),
            ends_delayed: read(&self.ends_delayed),
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
        match &self.toxic {
            Toxic::Noop {} => self.connections_met > 0,
            Toxic::Latency { delay, .. } => {
                self.chunks_delayed > 0 && self.mean_delay.as_nanos() >= delay.as_nanos() / 2
            }
            Toxic::Wave { .. } | Toxic::Loss { .. } => self.chunks_delayed > 0,
            Toxic::Stall { .. } | Toxic::Bandwidth { .. } | Toxic::Coalesce { .. } => {
                self.bytes_paced > 0 && !self.waited.is_zero()
            }
            Toxic::Slicer { .. }
            | Toxic::Corrupt { .. }
            | Toxic::Duplicate { .. }
            | Toxic::Reorder { .. }
            | Toxic::Truncate { .. } => self.chunks_changed > 0,
            Toxic::LimitData { .. } | Toxic::LimitTime { .. } => self.cut_off(),
            Toxic::Timeout { .. } => self.bytes_swallowed > 0 || self.cut_off(),
            Toxic::Blackhole { .. } => self.bytes_swallowed + self.ends_lost > 0 || self.bytes_held > 0,
            Toxic::Partition {} | Toxic::HangOnAccept {} => self.bytes_held > 0 || self.connections_held > 0,
            Toxic::SlowRead { .. } => self.bytes_read_slowly > 0,
            Toxic::SlowClose { .. } => self.ends_delayed > 0,
            Toxic::DropEnd {} => self.ends_lost > 0,
            Toxic::Reset { .. } => self.connections_reset > 0,
            Toxic::CloseOnAccept {} => self.connections_closed > 0,
            Toxic::Refuse {} | Toxic::DropSyn {} => self.connects_refused > 0,
            Toxic::Dial { .. } => self.connects_changed > 0,
        }
    }

    /// Whether connections came to an end, or to a stand.
    const fn cut_off(&self) -> bool {
        self.connections_closed + self.connections_reset + self.bytes_held > 0
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.toxic {
            Toxic::Noop {} => write!(f, "{} seen", count(self.connections_met, "way", "s of connections")),
            Toxic::Latency { .. } | Toxic::Wave { .. } | Toxic::Loss { .. } => write!(
                f,
                "{} delayed by {} on average",
                plural(self.chunks_delayed, "chunk"),
                millis(self.mean_delay)
            ),
            Toxic::Timeout { .. } => write!(
                f,
                "{} swallowed, {} closed",
                size(self.bytes_swallowed),
                plural(self.connections_closed, "connection")
            ),
            Toxic::Blackhole { mode: Blackhole::Drop } => write!(
                f,
                "{} swallowed, {} reset",
                size(self.bytes_swallowed),
                plural(self.connections_reset, "connection")
            ),
            Toxic::Partition {} | Toxic::HangOnAccept {} | Toxic::Blackhole { mode: Blackhole::Hold } => {
                write!(
                    f,
                    "{} and {} held back",
                    size(self.bytes_held),
                    plural(self.connections_held, "new connection")
                )
            }
            Toxic::LimitData { .. } | Toxic::LimitTime { .. } | Toxic::CloseOnAccept {} => write!(
                f,
                "{} closed, {} reset, {} held back",
                plural(self.connections_closed, "connection"),
                grouped(self.connections_reset),
                size(self.bytes_held)
            ),
            Toxic::Reset { .. } => write!(f, "{} reset", plural(self.connections_reset, "connection")),
            Toxic::Refuse {} => write!(f, "{} of our own refused", plural(self.connects_refused, "connect")),
            Toxic::DropSyn {} => {
                write!(f, "{} of our own not answered", plural(self.connects_refused, "connect"))
            }
            Toxic::Bandwidth { .. } | Toxic::Stall { .. } | Toxic::Coalesce { .. } => {
                write!(f, "{} paced, {} spent waiting", size(self.bytes_paced), millis(self.waited))
            }
            Toxic::SlowRead { .. } => write!(f, "{} read slowly", size(self.bytes_read_slowly)),
            Toxic::SlowClose { .. } => {
                write!(f, "{} late", count(self.ends_delayed, "end", "s of streams"))
            }
            Toxic::DropEnd {} => write!(f, "{} lost", count(self.ends_lost, "end", "s of streams")),
            Toxic::Slicer { .. } => write!(f, "{} sent", plural(self.chunks_changed, "piece")),
            Toxic::Corrupt { .. }
            | Toxic::Duplicate { .. }
            | Toxic::Reorder { .. }
            | Toxic::Truncate { .. } => write!(
                f,
                "{} changed, {} in them",
                plural(self.chunks_changed, "chunk"),
                size(self.bytes_changed)
            ),
            Toxic::Dial { .. } => {
                write!(f, "{} to the target changed", plural(self.connects_changed, "connect"))
            }
        }
    }
}

/// `1 chunk`, `1,204 chunks`.
fn plural(number: u64, noun: &str) -> String {
    count(number, noun, "s")
}

fn count(number: u64, noun: &str, plural: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { plural })
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
    use shakedown_scenarios::toxic::{Ending, Side};
    use shakedown_scenarios::units::{Bandwidth, Ratio};

    type Deed = fn(&Tally);

    /// Toxics, and what proves each of them.
    fn all() -> Vec<(Toxic, Deed)> {
        let probability = Ratio::new(0.1).unwrap();
        vec![
            (Toxic::latency(Span::millis(100)), |tally| tally.delayed(10, Span::millis(101))),
            (Toxic::Blackhole { mode: Blackhole::Drop }, |tally| tally.swallowed(1)),
            (Toxic::Partition {}, |tally| tally.held(1)),
            (Toxic::HangOnAccept {}, |tally| tally.connection_held()),
            (Toxic::reset(), |tally| tally.ended(Over::Reset(Side::Both))),
            (Toxic::LimitData { bytes: Size::bytes(1), then: Ending::Close }, |tally| {
                tally.ended(Over::Closed)
            }),
            (Toxic::Refuse {}, |tally| tally.connect_refused()),
            (Toxic::bandwidth(Bandwidth::bytes_per_second(10)), |tally| tally.paced(1, Span::millis(1))),
            (Toxic::Duplicate { probability }, |tally| tally.changed(1)),
            (Toxic::SlowClose { delay: Span::millis(1) }, |tally| tally.delayed(0, Span::millis(1))),
            (Toxic::DropEnd {}, |tally| tally.end_lost()),
            (Toxic::Dial { delay: Span::millis(1), outcome: Default::default() }, |tally| {
                tally.connect_changed()
            }),
            (Toxic::SlowRead { rate: Bandwidth::bytes_per_second(10), window: None }, |tally| {
                tally.read_slowly(1)
            }),
        ]
    }

    #[test]
    fn nothing_counted_proves_nothing() {
        for (toxic, _) in all() {
            assert!(!Tally::default().evidence(&toxic).bit(), "{toxic:?}");
        }
    }

    #[test]
    fn each_toxic_is_proven_by_its_own_deed() {
        for (toxic, deed) in all() {
            let tally = Tally::default();
            deed(&tally);
            assert!(tally.evidence(&toxic).bit(), "{toxic:?}");
        }
        // And not by what another one does.
        let (latency, _) = &all()[0];
        for (toxic, deed) in &all()[1..] {
            let tally = Tally::default();
            deed(&tally);
            assert!(!tally.evidence(latency).bit(), "{toxic:?}");
        }
    }

    #[test]
    fn a_delay_that_did_not_happen_is_not_proven_by_passing_chunks() {
        let tally = Tally::default();
        tally.delayed(1_000, Span::millis(3));
        assert!(!tally.evidence(&all()[0].0).bit());
    }

    #[test]
    fn evidence_reads_like_a_sentence() {
        let tally = Tally::default();
        for _ in 0..1_204 {
            tally.delayed(100, Span::micros(101_300));
        }
        let toxics = all();
        assert_eq!(tally.evidence(&toxics[0].0).to_string(), "1,204 chunks delayed by 101.3 ms on average");
        tally.swallowed(1536);
        tally.ended(Over::Reset(Side::Both));
        assert_eq!(tally.evidence(&toxics[1].0).to_string(), "1.5 KiB swallowed, 1 connection reset");
        tally.end_lost();
        assert_eq!(tally.evidence(&Toxic::DropEnd {}).to_string(), "1 end lost");
    }
}
