//! A token bucket, told as the moment up to which everything sent is paid for (GCRA, ITU-T I.371).
//!
//! That form needs one number, does not drift and has no rounding that grows: a send moves the moment on by exactly
//! the time its bytes take at the rate.

use shakedown_scenarios::units::{Bandwidth, Span};

/// What may be saved up while nothing is sent: enough to make up for a timer that wakes late, and far below what
/// a client would feel as a burst.
const BURST: Span = Span::millis(20);

/// How much time's worth is sent at once: small enough that the longest gap stays below 5 ms, large enough that a
/// fast link does not wake for every packet.
const QUANTUM: Span = Span::millis(4);

const SECOND: u128 = 1_000_000_000;

/// The state of one limit on one way of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    rate: u64,
    paid_until: Span,
}

impl Bucket {
    /// An empty bucket: nothing is saved up yet.
    #[must_use]
    pub const fn new(rate: Bandwidth, now: Span) -> Self {
        Self { rate: rate.as_bytes_per_second(), paid_until: now }
    }

    /// How many bytes may be sent now.
    #[must_use]
    pub fn allowance(&self, now: Span) -> usize {
        let credit = now.minus(self.earliest(now));
        let bytes = u128::from(credit.as_nanos()) * u128::from(self.rate) / SECOND;
        // A rate so slow that a whole burst is less than one byte must still pass that byte in its time.
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Tells that bytes were sent.
    pub fn sent(&mut self, bytes: usize, now: Span) {
        self.paid_until = self.earliest(now).plus(self.time_for(bytes));
    }

    /// When to come back with this many bytes waiting: when all of them, or one quantum, may be sent. `None` if that
    /// never comes, since the rate is zero.
    #[must_use]
    pub fn ready_at(&self, waiting: usize, now: Span) -> Option<Span> {
        if self.rate == 0 {
            return None;
        }
        let quantum = usize::try_from(u128::from(QUANTUM.as_nanos()) * u128::from(self.rate) / SECOND)
            .unwrap_or(usize::MAX);
        Some(self.earliest(now).plus(self.time_for(waiting.min(quantum.max(1)))))
    }

    /// The moment from which unpaid time counts: what lies further back than a burst is forfeited.
    fn earliest(&self, now: Span) -> Span {
        let one_byte = if self.rate == 0 { Span::ZERO } else { self.time_for(1) };
        self.paid_until.max(now.minus(BURST.max(one_byte)))
    }

    /// How long so many bytes take; rounded up, so that the limit is never passed.
    fn time_for(&self, bytes: usize) -> Span {
        let nanos = (bytes as u128 * SECOND).div_ceil(u128::from(self.rate.max(1)));
        Span::nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bucket(rate: u64) -> Bucket {
        Bucket::new(Bandwidth::bytes_per_second(rate), Span::ZERO)
    }

    /// Sends as much as is allowed, whenever it is allowed, each time `late` after the asked moment.
    fn bytes_in(rate: u64, length: Span, late: Span) -> u64 {
        let (mut bucket, mut now, mut total) = (bucket(rate), Span::ZERO, 0);
        while let Some(at) = bucket.ready_at(1 << 16, now) {
            now = at.max(now).plus(late);
            if now > length {
                break;
            }
            let allowed = bucket.allowance(now).min(1 << 16);
            bucket.sent(allowed, now);
            total += allowed as u64;
        }
        total
    }

    #[test]
    fn a_second_passes_a_seconds_worth_at_every_rate() {
        for rate in [1, 10, 999, 100_000, 1_000_000, 10_000_000] {
            let total = bytes_in(rate, Span::secs(10), Span::micros(100));
            let expected = rate * 10;
            // Half a percent, and what was still being saved up for when the time was over.
            let least = expected - expected / 200 - rate / 250 - 1;
            assert!((least..=expected).contains(&total), "{rate}: {total}");
        }
    }

    #[test]
    fn a_late_timer_costs_no_bandwidth() {
        let total = bytes_in(1_000_000, Span::secs(10), Span::millis(10));
        assert!((9_980_000..=10_000_000).contains(&total), "{total}");
    }

    #[test]
    fn a_long_silence_earns_no_more_than_a_burst() {
        let now = Span::secs(3_600);
        assert_eq!(bucket(1_000_000).allowance(now), 20_000);
    }

    #[test]
    fn rate_zero_never_passes_anything() {
        let now = Span::secs(3_600);
        assert_eq!((bucket(0).allowance(now), bucket(0).ready_at(1, now)), (0, None));
    }

    proptest! {
        /// Over any schedule of asks the bytes passed never exceed rate × time + one burst.
        #[test]
        fn the_limit_is_never_passed(rate in 1u64..2_000_000_000, gaps in prop::collection::vec(0u64..50_000_000, 1..60)) {
            let (mut bucket, mut now, mut total) = (bucket(rate), Span::ZERO, 0u128);
            for gap in gaps {
                now = now.plus(Span::nanos(gap));
                let allowed = bucket.allowance(now);
                bucket.sent(allowed, now);
                total += allowed as u128;
            }
            let most = u128::from(rate) * u128::from(now.as_nanos()) / SECOND;
            prop_assert!(total <= most, "{total} of {most}");
        }

        /// At the moment that `ready_at` names, something really may be sent, so that nobody wakes in vain.
        #[test]
        fn the_named_moment_is_right(rate in 1u64..2_000_000_000, waiting in 1usize..1_000_000, now in 0u64..1 << 40) {
            let bucket = bucket(rate);
            let at = bucket.ready_at(waiting, Span::nanos(now)).expect("the rate is above zero");
            prop_assert!(bucket.allowance(at.max(Span::nanos(now))) >= 1);
        }
    }
}
