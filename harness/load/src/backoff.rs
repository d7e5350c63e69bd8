//! How long a connection rests after a failure, so that a target that is not there is not hammered.
//!
//! Each request that is due is tried: an open-loop load does not spare a target that is down, and its users would see
//! every one of those errors. What must not happen is that a queue of thousands is thrown at it in one spin. So each of
//! `connections` rests after a failure for as long as lets all of them together try twice the highest rate of the
//! arrivals: errors keep pace with what is due, and a queue melts no faster than it would against a healthy target.

use std::time::Duration;

use crate::client::ErrorClass;

/// Rests shorter than this would be rounded up by the runtime's timer wheel of 1 ms; several failures share one rest.
const REST_SECONDS_MIN: f64 = 0.005;
/// A target that is back is tried after at most this.
const REST_SECONDS_MAX: f64 = 1.0;

/// The rule for one load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    rest: Duration,
    failures_per_rest: u32,
}

impl Backoff {
    /// The rule for so many connections and this highest rate, in requests a second.
    pub(crate) fn new(connections: usize, peak: f64) -> Self {
        let each = 2.0 * peak / connections.max(1) as f64;
        let rest = if each > 0.0 {
            (1.0 / each).clamp(REST_SECONDS_MIN, REST_SECONDS_MAX)
        } else {
            REST_SECONDS_MAX
        };
        // The cast saturates.
        let failures_per_rest = ((rest * each).ceil() as u32).max(1);
        Self { rest: Duration::from_secs_f64(rest), failures_per_rest }
    }

    /// How long to rest after the `failures`-th failure in a row.
    pub(crate) fn rest(self, failures: u32) -> Option<Duration> {
        (failures > 0 && failures.is_multiple_of(self.failures_per_rest)).then_some(self.rest)
    }
}

/// Failures in a row after this verdict; those of a target that is there do not count.
pub(crate) fn in_a_row(before: u32, verdict: Result<(), ErrorClass>) -> u32 {
    match verdict {
        Err(class) if class.is_absence() => before.saturating_add(1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_failure_no_rest() {
        assert_eq!(Backoff::new(64, 500.0).rest(0), None);
        assert_eq!(Backoff::new(64, 500.0).rest(1), Some(Duration::from_millis(64)));
        assert_eq!(Backoff::new(64, 0.0).rest(1), Some(Duration::from_secs(1)));
    }

    proptest! {
        /// Tries a second of all connections together, if each try took no time at all.
        #[test]
        fn tries_keep_pace_with_arrivals_and_stay_below_three_times_as_many(
            connections in 1..10_000_usize, peak in 0.1..20_000.0_f64,
        ) {
            let backoff = Backoff::new(connections, peak);
            let tries = connections as f64 * f64::from(backoff.failures_per_rest) / backoff.rest.as_secs_f64();
            prop_assert!(tries >= 1.99 * peak, "{tries} tries for {peak}");
            // One failure a rest is the least there can be, and a rest lasts a second at most.
            let least = connections as f64 / backoff.rest.as_secs_f64();
            prop_assert!(tries <= 4.0 * peak + least, "{tries} tries for {peak}");
        }
    }
}
