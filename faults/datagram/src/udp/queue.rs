//! Datagrams under way: each goes on when its waits are over, and not before.
//!
//! The queue knows moments and numbers, and nothing of sockets: its owner puts in what has to wait ([`Queue::push`]),
//! tells what went on without waiting ([`Queue::passed`]), asks when to come back ([`Queue::next`]) and takes what has
//! arrived ([`Queue::pop`]). It is bounded in datagrams and in bytes; what does not fit is handed back.

mod flying;

use std::collections::BTreeMap;

use shakedown_faults::toxic::Direction;
use shakedown_scenarios::units::Span;

use super::fate::Wait;
use flying::{Flying, Step};

/// What keeping a datagram costs beside its bytes, so that a flood of empty ones is bounded like a flood of bytes.
pub const KEEPING: usize = 256;

/// What goes one way of one session, and can overtake what else goes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey {
    /// The session's number.
    pub session: u64,
    /// The way.
    pub direction: Direction,
}

/// Datagrams under way.
#[derive(Debug)]
pub struct Queue<T> {
    most: usize,
    most_cost: usize,
    cost: usize,
    numbered: u64,
    /// By the moment at which their present wait ends, then by the order in which they came.
    waiting: BTreeMap<(Span, u64), Flying<T>>,
    /// Those that are held back to be overtaken, by their flow and number.
    held: BTreeMap<(FlowKey, u64), Held>,
}

/// One that is held back to be overtaken.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// Where it stands in `waiting`.
    place: (Span, u64),
    /// It goes on when so many have overtaken it; 0: only time counts.
    wanted: u32,
    overtakers: u64,
}

/// There is no room for this.
#[derive(Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

/// One that goes on now.
#[derive(Debug, PartialEq, Eq)]
pub struct Arrived<T> {
    /// What was put in.
    pub item: T,
    /// When it was put in.
    pub came: Span,
    /// Its waits, as they were.
    pub waited: Vec<Waited>,
}

/// A wait that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waited {
    /// The version that brought the rule it was owed to.
    pub since: u64,
    /// How long it lasted.
    pub lasted: Span,
    /// How many overtook it meanwhile; `None` where that was not asked for.
    pub overtakers: Option<u64>,
}

// === impl Queue ===

impl<T> Queue<T> {
    /// An empty queue for at most so many datagrams, and at most so many bytes, with [`KEEPING`] for each datagram.
    #[must_use]
    pub const fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            most,
            most_cost: most_bytes,
            cost: 0,
            numbered: 0,
            waiting: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// How many are under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What they cost to keep: their bytes, and [`KEEPING`] each.
    #[must_use]
    pub const fn cost(&self) -> usize {
        self.cost
    }

    /// Whether any is held back to be overtaken, so that [`Queue::passed`] has to be told.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        !self.held.is_empty()
    }

    /// Puts in one of `len` bytes that came now.
    ///
    /// # Errors
    /// If there is no room; it is handed back.
    pub fn push(
        &mut self,
        flow: FlowKey,
        len: usize,
        waits: &[Wait],
        item: T,
        now: Span,
    ) -> Result<(), Full<T>> {
        let cost = len.saturating_add(KEEPING);
        if self.waiting.len() >= self.most || cost > self.most_cost - self.cost {
            return Err(Full(item));
        }
        self.cost += cost;
        self.numbered += 1;
        self.stand(Flying::new(flow, self.numbered, cost, waits, item, now));
        Ok(())
    }

    /// When the next wait ends; `None` if nothing is under way.
    #[must_use]
    pub fn next(&self) -> Option<Span> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    /// Takes one that goes on now; to be asked until there is none.
    pub fn pop(&mut self, now: Span) -> Option<Arrived<T>> {
        while self.next().is_some_and(|due| due <= now) {
            let (place, mut flying) = self.waiting.pop_first()?;
            let overtakers = self.leave_held(&flying);
            match flying.step(place.0, now, overtakers) {
                Step::Waits => self.stand(flying),
                Step::Arrived => {
                    self.cost -= flying.cost;
                    self.went(flying.flow, flying.number, now);
                    return Some(flying.arrived());
                }
            }
        }
        None
    }

    /// One of this flow came and went on without waiting: it overtook all that wait.
    pub fn passed(&mut self, flow: FlowKey, now: Span) {
        self.went(flow, u64::MAX, now);
    }

    /// One went on, which overtakes those of its flow that came before it and are held back.
    fn went(&mut self, flow: FlowKey, number: u64, now: Span) {
        let mut released = Vec::new();
        for (_, held) in self.held.range_mut((flow, 0)..(flow, number)) {
            held.overtakers += 1;
            if held.wanted > 0 && held.overtakers >= u64::from(held.wanted) {
                released.push(held.place);
            }
        }
        for place in released {
            self.hurry(place, now);
        }
    }

    /// Ends the waits that are owed to rules which hold no longer.
    pub fn keep(&mut self, holds: impl Fn(u64) -> bool, now: Span) {
        let touched: Vec<(Span, u64)> = self
            .waiting
            .iter()
            .filter(|(_, flying)| flying.owes_to_other_than(&holds))
            .map(|(place, _)| *place)
            .collect();
        for place in touched {
            let Some(mut flying) = self.waiting.remove(&place) else { continue };
            self.leave_held(&flying);
            flying.forgive(&holds, now);
            self.stand(flying);
        }
    }

    /// Takes its place by the end of its present wait.
    fn stand(&mut self, flying: Flying<T>) {
        let place = (flying.due(), flying.number);
        if let Some(wanted) = flying.waits_for_others() {
            self.held.insert((flying.flow, flying.number), Held { place, wanted, overtakers: 0 });
        }
        self.waiting.insert(place, flying);
    }

    /// Strikes it from those that are held back; how many overtook it meanwhile.
    fn leave_held(&mut self, flying: &Flying<T>) -> Option<u64> {
        self.held.remove(&(flying.flow, flying.number)).map(|held| held.overtakers)
    }

    /// Ends the present wait of one that was overtaken by enough.
    fn hurry(&mut self, place: (Span, u64), now: Span) {
        let Some(mut flying) = self.waiting.remove(&place) else { return };
        let overtakers = self.leave_held(&flying);
        flying.end_wait(now, now, overtakers);
        self.stand(flying);
    }
}

#[cfg(test)]
mod tests;
