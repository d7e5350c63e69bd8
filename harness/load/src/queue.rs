//! Where a request goes once it is due: to a free connection, to a new one, or into the queue.
//!
//! Pure book-keeping by numbers. A *seat* is the right to one connection; there are as many as connections are allowed,
//! and they are taken up only when needed. The seat that became free last is used first, so that a light load keeps few
//! connections busy rather than many half idle. Sockets that are held open are used the other way round, each in its turn:
//! so one that died in silence is found.

use std::collections::VecDeque;

use crate::mix::Ask;

/// The most requests that may wait, whatever the rate.
pub const WAITING_MAX: usize = 1_000_000;
/// For how many seconds of the highest rate there is room to wait.
pub const WAITING_SECONDS_MAX: f64 = 60.0;

/// Waiting requests and free seats.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: VecDeque<Ask>,
    waiting_max: usize,
    free: VecDeque<usize>,
    in_turn: bool,
    seats: usize,
    seats_max: usize,
    in_flight: usize,
}

/// What became of a request that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// A free seat takes it.
    Free(usize),
    /// A new seat takes it.
    New(usize),
    /// It waits for a seat.
    Waits,
    /// There is no room to wait in.
    Dropped,
}

// === impl Queue ===

impl Queue {
    /// A queue before so many connections, for a load of this highest rate in requests a second.
    pub(crate) fn new(seats_max: usize, peak: f64) -> Self {
        // The cast saturates; at least one request may wait for each connection.
        let waiting_max =
            ((peak * WAITING_SECONDS_MAX).ceil() as usize).clamp(seats_max.min(WAITING_MAX), WAITING_MAX);
        Self {
            waiting: VecDeque::new(),
            waiting_max,
            free: VecDeque::new(),
            in_turn: false,
            seats: 0,
            seats_max,
            in_flight: 0,
        }
    }

    /// Takes up all seats, before any request is due; from now on each is used in its turn.
    pub(crate) fn take_up_all(&mut self) -> std::ops::Range<usize> {
        self.in_turn = true;
        let first = std::mem::replace(&mut self.seats, self.seats_max);
        first..self.seats_max
    }

    /// Places a request that is due.
    pub(crate) fn offer(&mut self, ask: Ask) -> Placement {
        // Nobody is overtaken: a seat is free, or new, only where nobody waits.
        let free = if self.in_turn { self.free.pop_front() } else { self.free.pop_back() };
        if let Some(seat) = free {
            self.in_flight += 1;
            return Placement::Free(seat);
        }
        if self.seats < self.seats_max {
            self.seats += 1;
            self.in_flight += 1;
            return Placement::New(self.seats - 1);
        }
        if self.waiting.len() >= self.waiting_max {
            return Placement::Dropped;
        }
        self.waiting.push_back(ask);
        Placement::Waits
    }

    /// A request is taken up by a seat that was not asked for here: a user's own.
    pub(crate) fn begun(&mut self) {
        self.in_flight += 1;
    }

    /// A request that was placed with a seat came to its end.
    pub(crate) fn done(&mut self) {
        self.in_flight -= 1;
    }

    /// A seat asks for work: the request that waits longest, or else the seat is free from now on.
    pub(crate) fn take_or_rest(&mut self, seat: usize) -> Option<Ask> {
        let ask = self.waiting.pop_front();
        match ask {
            Some(_) => self.in_flight += 1,
            None => {
                self.free.push_back(seat);
                // A stall's queue is given back once it is worked off.
                self.waiting.shrink_to(1_024);
            }
        }
        ask
    }

    /// Gives up on all that wait; returns how many there were.
    pub(crate) fn give_up_waiting(&mut self) -> usize {
        let count = self.waiting.len();
        self.waiting = VecDeque::new();
        count
    }

    /// Whether the next request that is due need not wait.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.is_empty() && (!self.free.is_empty() || self.seats < self.seats_max)
    }

    /// Requests that are in flight or wait.
    pub(crate) fn backlog(&self) -> usize {
        self.in_flight + self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ask(due: u64) -> Ask {
        Ask { due, key: 0, kind: 0, row: 0 }
    }

    #[test]
    fn connections_are_opened_when_needed_and_the_last_used_is_used_first() {
        let mut queue = Queue::new(3, 100.0);
        assert_eq!(queue.offer(ask(0)), Placement::New(0));
        assert_eq!(queue.offer(ask(1)), Placement::New(1));
        for seat in [0, 1] {
            queue.done();
            assert_eq!(queue.take_or_rest(seat), None);
        }
        assert_eq!(queue.offer(ask(2)), Placement::Free(1));
        assert_eq!(queue.backlog(), 1);
    }

    #[test]
    fn seats_that_are_all_taken_up_are_used_in_their_turn() {
        let mut queue = Queue::new(3, 100.0);
        assert_eq!(queue.take_up_all(), 0..3);
        assert_eq!(queue.offer(ask(0)), Placement::Waits, "nobody has said that it is free");
        assert_eq!(queue.take_or_rest(1), Some(ask(0)));
        queue.done();
        assert!([2, 0, 1].into_iter().all(|seat| queue.take_or_rest(seat).is_none()));
        let placed: Vec<Placement> = (1..5).map(|due| queue.offer(ask(due))).collect();
        use Placement::{Free, Waits};
        assert_eq!(placed, [Free(2), Free(0), Free(1), Waits]);
    }

    #[test]
    fn requests_wait_in_order_and_are_dropped_when_there_is_no_room() {
        let mut queue = Queue::new(1, 0.05);
        assert_eq!(queue.offer(ask(0)), Placement::New(0));
        let placed: Vec<Placement> = (1..6).map(|due| queue.offer(ask(due))).collect();
        use Placement::{Dropped, Waits};
        assert_eq!(placed, [Waits, Waits, Waits, Dropped, Dropped], "room for 60 s of one every 20 s");
        queue.done();
        assert_eq!(queue.take_or_rest(0), Some(ask(1)));
        assert_eq!(queue.give_up_waiting(), 2);
        assert_eq!(queue.backlog(), 1);
    }

    #[test]
    fn room_to_wait_is_bounded_whatever_the_rate() {
        assert_eq!(Queue::new(10, 1e7).waiting_max, WAITING_MAX);
        assert_eq!(Queue::new(10, 5_000.0).waiting_max, 300_000);
        assert_eq!(Queue::new(10, 0.0).waiting_max, 10);
    }

    proptest! {
        /// However offers, ends and rests follow each other: nobody is lost, nobody overtakes, no seat has two requests.
        #[test]
        fn every_request_is_placed_once_and_in_order(steps in proptest::collection::vec(any::<bool>(), 1..300)) {
            let mut queue = Queue::new(3, 0.1);
            let (mut busy, mut taken, mut dropped) = (Vec::new(), Vec::new(), 0);
            for (due, offers) in steps.iter().enumerate() {
                if *offers {
                    match queue.offer(ask(due as u64)) {
                        Placement::Free(seat) | Placement::New(seat) => {
                            prop_assert!(!busy.contains(&seat) && seat < 3);
                            busy.push(seat);
                            taken.push(due as u64);
                        }
                        Placement::Waits => {}
                        Placement::Dropped => dropped += 1,
                    }
                } else if !busy.is_empty() {
                    let seat = busy.remove(0);
                    queue.done();
                    if let Some(ask) = queue.take_or_rest(seat) {
                        busy.push(seat);
                        taken.push(ask.due);
                    }
                }
                prop_assert_eq!(queue.backlog(), busy.len() + queue.waiting.len());
            }
            prop_assert!(taken.is_sorted());
            let offered = steps.iter().filter(|offers| **offers).count();
            prop_assert_eq!(taken.len() + dropped + queue.waiting.len(), offered);
        }
    }
}
