//! The closed model: users who ask, wait for their answer, think, and ask again.
//!
//! This knows no clock and no connection: an answer comes in as a moment, and what follows from it goes out. A user is
//! known by the number of the seat that it keeps.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::workload::Think;

/// The users of one load.
#[derive(Debug)]
pub(crate) struct Users {
    think: Think,
    chance: Chance,
    /// Who thinks, and until when; the soonest first.
    thinking: BinaryHeap<Reverse<(u64, usize)>>,
    has_ended: bool,
}

/// What a user does after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Asks again at once.
    Asks,
    /// Thinks.
    Thinks {
        /// Whether nobody else is done thinking before.
        is_next: bool,
    },
    /// Asks nothing more.
    Leaves,
}

/// The shortest time from one try to the next that a target which is not there is held to be worth, in seconds.
const TRY_SECONDS: f64 = 0.1;

// === impl Users ===

impl Users {
    /// So many users at the start of a load. With a constant think time they begin evenly spread over it, as if they had
    /// been there before; with a drawn one each begins at the end of the first that it draws.
    pub(crate) fn new(users: usize, think: Think, mut chance: Chance) -> Self {
        let mut first: Vec<u64> = (0..users)
            .map(|user| match think {
                // In 128 bits the product cannot overflow, and the quotient is below the think time.
                Think::Constant(think) => {
                    (u128::from(think.as_nanos()) * user as u128 / users as u128) as u64
                }
                Think::Exponential(_) => thought(think, &mut chance),
            })
            .collect();
        first.sort_unstable();
        let thinking = first.into_iter().enumerate().map(|(seat, due)| Reverse((due, seat))).collect();
        Self { think, chance, thinking, has_ended: false }
    }

    /// When the next user is done thinking, in nanoseconds since the start of the load.
    pub(crate) fn next(&self) -> Option<u64> {
        self.thinking.peek().map(|Reverse((due, _))| *due)
    }

    /// The next user that is done thinking by `now`: since when, and its seat.
    pub(crate) fn take(&mut self, now: u64) -> Option<(u64, usize)> {
        self.next().filter(|due| *due <= now)?;
        self.thinking.pop().map(|Reverse(user)| user)
    }

    /// The user on this seat has its answer (or its error).
    pub(crate) fn answered(&mut self, seat: usize, now: u64) -> Then {
        if self.has_ended {
            return Then::Leaves;
        }
        if self.think.mean().is_zero() {
            return Then::Asks;
        }
        let due = now.saturating_add(thought(self.think, &mut self.chance));
        let is_next = self.next().is_none_or(|next| due < next);
        self.thinking.push(Reverse((due, seat)));
        Then::Thinks { is_next }
    }

    /// Nobody asks any more.
    pub(crate) fn end(&mut self) {
        self.has_ended = true;
        self.thinking.clear();
    }
}

/// A think time in nanoseconds.
fn thought(think: Think, chance: &mut Chance) -> u64 {
    match think {
        Think::Constant(think) => think.as_nanos(),
        // The cast saturates.
        Think::Exponential(mean) => chance.exponential(mean.as_nanos() as f64).round() as u64,
    }
}

/// The highest rate at which so many users may try a target that is not there, in requests a second: an error takes no
/// time, so that nothing else would bound it.
pub(crate) fn peak(users: usize, think: Think) -> f64 {
    users as f64 / think.mean().as_secs_f64().max(TRY_SECONDS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shakedown_scenarios::seed::Streams;
    use shakedown_scenarios::units::Span;

    use super::*;

    fn users(count: usize, think: Think) -> Users {
        Users::new(count, think, Streams::new(42).arrivals("test"))
    }

    fn all(users: &mut Users) -> Vec<(u64, usize)> {
        std::iter::from_fn(|| users.take(u64::MAX)).collect()
    }

    #[test]
    fn users_who_do_not_think_begin_together_and_ask_again_at_once() {
        let mut users = users(3, Think::Constant(Span::ZERO));
        assert_eq!(all(&mut users), [(0, 0), (0, 1), (0, 2)]);
        assert_eq!(users.answered(1, 7), Then::Asks);
        assert_eq!(users.next(), None);
    }

    #[test]
    fn users_begin_spread_over_their_think_time() {
        let mut users = users(4, Think::Constant(Span::nanos(1_000)));
        assert_eq!(all(&mut users), [(0, 0), (250, 1), (500, 2), (750, 3)]);
    }

    #[test]
    fn the_soonest_is_next_and_nobody_comes_early() {
        let mut users = users(2, Think::Constant(Span::nanos(1_000)));
        assert_eq!((users.take(0), users.take(0)), (Some((0, 0)), None));
        assert_eq!(users.answered(0, 100), Then::Thinks { is_next: false }, "the other one comes at 500");
        assert_eq!((users.take(499), users.take(500)), (None, Some((500, 1))));
        assert_eq!(users.next(), Some(1_100));
        assert_eq!(users.answered(1, 1_050), Then::Thinks { is_next: false });
        assert_eq!(users.take(1_100), Some((1_100, 0)));
        users.end();
        assert_eq!((users.next(), users.answered(0, 1_200)), (None, Then::Leaves));
    }

    #[test]
    fn drawn_think_times_have_their_mean_and_are_pinned() {
        let mut users = users(1, Think::Exponential(Span::millis(1)));
        let mut now = 0;
        let mut thought = Vec::new();
        for _ in 0..100_000 {
            let (due, seat) = users.take(u64::MAX).unwrap();
            thought.push(due - now);
            now = due;
            assert_eq!(users.answered(seat, now), Then::Thinks { is_next: true });
        }
        let mean = thought.iter().sum::<u64>() as f64 / thought.len() as f64;
        // The mean's own deviation is 0.3 % of it.
        assert!((mean / 1e6 - 1.0).abs() < 0.015, "{mean} ns");
        assert_eq!(thought[..3], GOLDEN);
    }

    /// First think times of seed 42; a change here changes every run there ever was. They are the gaps of Poisson
    /// arrivals of the same stream, pinned in `arrivals`, scaled to this mean.
    const GOLDEN: [u64; 3] = [779_091, 57_565, 34_016];

    proptest! {
        /// Whatever they do: each user thinks or waits for an answer, and never both.
        #[test]
        fn nobody_is_lost_and_nobody_asks_twice(count in 1..50_usize, drawn: bool, steps in 1..500_usize) {
            let think = Span::micros(10);
            let mut users = users(count, if drawn { Think::Exponential(think) } else { Think::Constant(think) });
            let (mut asking, mut now) = (Vec::new(), 0);
            for step in 0..steps {
                now += 1_000 * (step as u64 % 5);
                while let Some((due, seat)) = users.take(now) {
                    prop_assert!(due <= now && !asking.contains(&seat) && seat < count);
                    asking.push(seat);
                }
                if step % 2 == 0 && let Some(seat) = asking.pop() {
                    users.answered(seat, now);
                }
                prop_assert_eq!(asking.len() + users.thinking.len(), count);
            }
        }
    }
}
