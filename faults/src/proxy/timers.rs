//! Moments at which connections are to have their turn.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use shakedown_scenarios::units::Span;

/// Moments in order. What is not wanted any more stays until its moment comes, and is then of no use to anybody; each
/// connection has at most a few of them, for it asks again only for an earlier moment.
#[derive(Debug, Default)]
pub(super) struct Timers {
    moments: BinaryHeap<Reverse<(Span, usize, u64)>>,
}

// === impl Timers ===

impl Timers {
    /// Asks for a turn of the connection at a place, if it is still this one.
    pub(super) fn ask(&mut self, moment: Span, place: usize, serial: u64) {
        self.moments.push(Reverse((moment, place, serial)));
    }

    /// The earliest moment.
    pub(super) fn next(&self) -> Option<Span> {
        self.moments.peek().map(|Reverse((moment, ..))| *moment)
    }

    /// One whose moment has come.
    pub(super) fn pop(&mut self, now: Span) -> Option<(Span, usize, u64)> {
        if self.next()? > now {
            return None;
        }
        self.moments.pop().map(|Reverse(due)| due)
    }
}
