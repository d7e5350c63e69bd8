//! How much a worker has to do, and how much of it another one should have.
//!
//! It knows moments and numbers, and nothing of connections: a worker tells it when it waits and how many turns it gave,
//! and it says after every stretch of time how many connections stood in line at once. A worker that had time to wait had
//! no line, whatever came at once.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use shakedown_scenarios::units::Span;

/// Over how long it is measured: many rounds of a busy worker, and few for a person.
const STRETCH: Span = Span::millis(4);

/// A worker that said nothing for so long waits.
const STALE_MILLIS: u64 = 20;

/// Parts of a connection in which lines are measured.
const PARTS: u64 = 16;

/// What a worker had to do in the stretch that is under way.
#[derive(Debug, Default)]
pub(super) struct Load {
    began: Span,
    waits_since: Option<Span>,
    waited: Span,
    rounds: u64,
    turns: u64,
}

/// How many connections stood in line on average, in parts of one, as another worker sees it.
#[derive(Debug, Default)]
pub(super) struct Line(AtomicU64);

// === impl Load ===

impl Load {
    /// There is nothing to do now but to wait.
    pub(super) const fn waits(&mut self, now: Span) {
        self.waits_since = Some(now);
    }

    /// So many turns were given in a round.
    pub(super) const fn gave(&mut self, turns: usize) {
        self.rounds += (turns > 0) as u64;
        self.turns += turns as u64;
    }

    /// The wait is over, if there was one; the length of the line, whenever a stretch is over.
    pub(super) fn goes_on(&mut self, now: Span) -> Option<u64> {
        if let Some(since) = self.waits_since.take() {
            self.waited = self.waited.plus(now.minus(since));
        }
        let length = now.minus(self.began);
        if length < STRETCH {
            return None;
        }
        let had_time = self.waited.as_nanos() * 2 > length.as_nanos();
        let line = if had_time { 0 } else { self.turns * PARTS / self.rounds.max(1) };
        *self = Self { began: now, ..Self::default() };
        Some(line)
    }
}

// === impl Line ===

impl Line {
    /// Tells others.
    pub(super) fn tell(&self, line: u64, now: Span) {
        self.0.store(millis(now) << 16 | line.min(0xffff), Relaxed);
    }

    /// What it was last told.
    pub(super) fn seen(&self, now: Span) -> u64 {
        let told = self.0.load(Relaxed);
        if millis(now).saturating_sub(told >> 16) > STALE_MILLIS { 0 } else { told & 0xffff }
    }
}

/// How many connections to give to a worker with another line: half of what it is shorter by, so that both are even
/// afterwards. None if that would change little: each costs some system calls, and a line is never the same for long.
pub(super) fn surplus(own: u64, other: u64) -> usize {
    if own < 2 * PARTS || own < other + other / 2 + PARTS {
        return 0;
    }
    usize::try_from((own - other) / (2 * PARTS)).unwrap_or(0)
}

const fn millis(moment: Span) -> u64 {
    moment.as_nanos() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a worker tells that gives so many turns in each of its rounds, of which each takes a part of a millisecond,
    /// and waits so long before each.
    fn told(turns: usize, round: Span, wait: Span) -> u64 {
        let (mut load, mut now) = (Load::default(), Span::secs(1));
        let _ = load.goes_on(now);
        loop {
            load.waits(now);
            now = now.plus(wait);
            if let Some(line) = load.goes_on(now) {
                return line;
            }
            load.gave(turns);
            now = now.plus(round);
        }
    }

    #[test]
    fn a_line_is_how_many_had_a_turn_at_once_unless_there_was_time_to_wait() {
        let (long, short) = (Span::micros(50), Span::micros(10));
        assert_eq!(told(20, long, short), 20 * PARTS);
        assert_eq!(told(1, long, short), PARTS);
        assert_eq!(told(20, short, long), 0);
        assert_eq!(told(0, long, short), 0);
    }

    #[test]
    fn who_said_nothing_for_a_while_has_no_line() {
        let line = Line::default();
        assert_eq!(line.seen(Span::ZERO), 0);
        line.tell(5 * PARTS, Span::millis(100));
        assert_eq!(line.seen(Span::millis(100)), 5 * PARTS);
        assert_eq!(line.seen(Span::millis(100 + STALE_MILLIS)), 5 * PARTS);
        assert_eq!(line.seen(Span::millis(101 + STALE_MILLIS)), 0);
        line.tell(u64::MAX, Span::millis(200));
        assert_eq!(line.seen(Span::millis(200)), 0xffff);
    }

    #[test]
    fn even_lines_stay_and_uneven_ones_become_even() {
        for (own, other, given) in
            [(0, 0, 0), (1, 0, 0), (2, 0, 1), (3, 2, 0), (8, 2, 3), (20, 20, 0), (20, 12, 4)]
        {
            assert_eq!(surplus(own * PARTS, other * PARTS), given, "{own} and {other}");
            let (own, other) = (own - given as u64, other + given as u64);
            assert_eq!(surplus(other * PARTS, own * PARTS), 0, "nothing goes back from {other} to {own}");
        }
    }
}
