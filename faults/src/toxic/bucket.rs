//! A token bucket, told as the moment up to which everything sent is paid for (GCRA, ITU-T I.371).
//!
//! That form needs one number, does not drift and has no rounding that grows: a send moves the moment on by exactly
//! the time its bytes take at the rate.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shakedown_scenarios::units::{Bandwidth, Span};

use super::Direction;

/// How much time's worth is sent at once: small enough that the longest gap stays below 5 ms, large enough that a
/// fast link does not wake for every packet.
const QUANTUM: Span = Span::millis(2);

/// How many clients have limits of their own; those that come later share one.
const MOST_CLIENTS: usize = 4_096;

const SECOND: u128 = 1_000_000_000;

/// The state of one limit on one way of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    rate: u64,
    burst: Span,
    paid_until: Span,
}

/// The buckets of a limit that connections share.
#[derive(Debug, Default)]
pub struct Shares {
    buckets: Mutex<BTreeMap<(Option<IpAddr>, Direction), Bucket>>,
}

impl Bucket {
    /// An empty bucket: nothing is saved up yet. What is saved up while nothing is sent is at most `burst`'s worth.
    #[must_use]
    pub const fn new(rate: Bandwidth, burst: Span, now: Span) -> Self {
        Self { rate: rate.as_bytes_per_second(), burst, paid_until: now }
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
        self.paid_until.max(now.minus(self.burst.max(one_byte)))
    }

    /// How long so many bytes take; rounded up, so that the limit is never passed.
    fn time_for(&self, bytes: usize) -> Span {
        let nanos = (bytes as u128 * SECOND).div_ceil(u128::from(self.rate.max(1)));
        Span::nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

// === impl Shares ===

impl Shares {
    /// Does something with the bucket of a client, or of the link where that is `None`.
    pub fn with<T>(
        &self,
        of: Option<IpAddr>,
        direction: Direction,
        fresh: impl FnOnce() -> Bucket,
        doing: impl FnOnce(&mut Bucket) -> T,
    ) -> T {
        let mut buckets = self.buckets();
        let known = buckets.len() < MOST_CLIENTS || buckets.contains_key(&(of, direction));
        let key = (of.filter(|_| known), direction);
        doing(buckets.entry(key).or_insert_with(fresh))
    }

    fn buckets(&self) -> MutexGuard<'_, BTreeMap<(Option<IpAddr>, Direction), Bucket>> {
        // Nothing panics while it is held; if something did, the map would still be whole.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BURST: Span = Span::millis(20);

    fn bucket(rate: u64) -> Bucket {
        Bucket::new(Bandwidth::bytes_per_second(rate), BURST, Span::ZERO)
    }

    #[test]
    fn clients_have_buckets_of_their_own_until_there_are_too_many() {
        let shares = Shares::default();
        let rate = Bandwidth::bytes_per_second(1_000);
        let fresh = || Bucket::new(rate, BURST, Span::ZERO);
        let ask = |client: u32| {
            let address = Some(IpAddr::from(client.to_be_bytes()));
            shares.with(address, Direction::Upstream, fresh, |bucket| {
                let allowed = bucket.allowance(BURST);
                bucket.sent(allowed, BURST);
                allowed
            })
        };
        assert_eq!((ask(1), ask(1), ask(2)), (20, 0, 20));
        (3..=MOST_CLIENTS as u32).for_each(|client| assert_eq!(ask(client), 20));
        assert_eq!((ask(5_000_000), ask(5_000_001)), (20, 0), "late comers share one");
        assert!(shares.buckets().len() <= MOST_CLIENTS + 1);
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
