//! How a slow consumer reads: so many bytes a second, in small pieces.
//!
//! This knows no clock and no socket: what was read comes in with its moment, and when the next piece may be read goes
//! out.

/// A piece is what may be read in this long: long against the runtime's timers (1 ms), short against a person's second.
const PIECE_NANOS: u64 = 20_000_000;
/// A reader that was late makes up for at most this.
const BEHIND_NANOS_MAX: u64 = 50_000_000;
const SECOND: u64 = 1_000_000_000;

/// The reading of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throttle {
    /// Bytes a second.
    rate: u64,
    /// When the next piece may be read, in nanoseconds since the start of the load.
    next: u64,
}

impl Throttle {
    /// A reader of so many bytes a second, which has not read yet.
    pub(crate) fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), next: 0 }
    }

    /// The most bytes of one piece; at least one.
    pub(crate) fn piece(&self) -> usize {
        let bytes = u128::from(self.rate) * u128::from(PIECE_NANOS) / u128::from(SECOND);
        usize::try_from(bytes).unwrap_or(usize::MAX).max(1)
    }

    /// When the next piece may be read.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// So many bytes were read.
    pub(crate) fn read(&mut self, now: u64, bytes: usize) {
        let takes = bytes as u128 * u128::from(SECOND) / u128::from(self.rate);
        let since = self.next.max(now.saturating_sub(BEHIND_NANOS_MAX));
        self.next = since.saturating_add(u64::try_from(takes).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_are_small_and_never_empty() {
        assert_eq!(Throttle::new(100_000).piece(), 2_000);
        assert_eq!(Throttle::new(1).piece(), 1);
        assert!(Throttle::new(u64::MAX).piece() > 1 << 40);
    }

    proptest! {
        /// A reader that wakes up to 5 ms late each time keeps its rate all the same, and one that pauses does not save up
        /// more than its bound.
        #[test]
        fn the_rate_is_kept(rate in 1_000..10_000_000_u64, late in 0..5_000_000_u64, pause in 0..10 * SECOND) {
            let mut throttle = Throttle::new(rate);
            let (mut now, mut bytes) = (SECOND, 0);
            for _ in 0..2 {
                now += pause;
                let (from, before) = (now, bytes);
                while now < from + 5 * SECOND {
                    throttle.read(now, throttle.piece());
                    bytes += throttle.piece();
                    now = throttle.next().max(now) + late;
                }
                let seconds = (now - from) as f64 / 1e9;
                let expected = rate as f64 * seconds;
                let room = (throttle.piece() * 2) as f64 + rate as f64 * 0.06;
                prop_assert!(((bytes - before) as f64 - expected).abs() <= room, "{} of {expected}", bytes - before);
            }
        }
    }
}
