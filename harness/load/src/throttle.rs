//! How a slow consumer reads: so many bytes a second, in small pieces.
//!
//! This knows no clock and no socket: what was read comes in with its moment, and when the next piece may be read goes
//! out.

use shakedown_scenarios::units::Bandwidth;

/// A piece is what may be read in this long: long against the runtime's timers (1 ms), short against a person's second.
const PIECE_NANOS: u64 = 20_000_000;
/// A reader that was late makes up for at most this.
const BEHIND_NANOS_MAX: u64 = 50_000_000;
const SECOND: u64 = 1_000_000_000;
/// The least and the most bytes that may be on their way to a slow consumer.
const AHEAD_BYTES_MIN: u32 = 4 * 1024;
const AHEAD_BYTES_MAX: u32 = 64 * 1024;

/// How many bytes a target may send to a slow consumer before they are read: about a second's worth, so that it feels the rate
/// soon, and not so little that the way there and back would count more than the rate.
pub(crate) fn ahead(rate: Bandwidth) -> u32 {
    Throttle::new(rate.as_bytes_per_second()).ahead()
}

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

    /// How many bytes may be on their way before they are read.
    pub(crate) fn ahead(&self) -> u32 {
        u32::try_from(self.rate).unwrap_or(u32::MAX).clamp(AHEAD_BYTES_MIN, AHEAD_BYTES_MAX)
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
    fn about_a_second_is_on_its_way() {
        let ahead = |rate| ahead(Bandwidth::bytes_per_second(rate));
        assert_eq!([1, 10_000, 1 << 40].map(ahead), [4_096, 10_000, 65_536]);
    }

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
