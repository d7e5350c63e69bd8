//! One datagram under way: which of its waits is the present one, and when that ends.

use shakedown_scenarios::units::Span;

use super::super::fate::Wait;
use super::{Arrived, FlowKey, Waited};

/// One datagram under way.
#[derive(Debug)]
pub(super) struct Flying<T> {
    pub(super) flow: FlowKey,
    /// Its place in the order in which all came.
    pub(super) number: u64,
    pub(super) cost: usize,
    came: Span,
    /// When its present wait began.
    began: Span,
    /// The present wait first.
    waits: Vec<Wait>,
    waited: Vec<Waited>,
    item: T,
}

/// What the end of a wait means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is another.
    Waits,
    /// It goes on now.
    Arrived,
}

impl<T> Flying<T> {
    pub(super) fn new(flow: FlowKey, number: u64, cost: usize, waits: &[Wait], item: T, now: Span) -> Self {
        let (waits, waited) = (waits.to_vec(), Vec::new());
        Self { flow, number, cost, came: now, began: now, waits, waited, item }
    }

    /// When its present wait ends at the latest; if there is none left: when the last one ended.
    pub(super) fn due(&self) -> Span {
        self.waits.first().map_or(self.began, |wait| self.began.plus(wait.time))
    }

    /// How many others its present wait is for; `None` if it is for a moment.
    pub(super) fn waits_for_others(&self) -> Option<u32> {
        self.waits.first().and_then(|wait| wait.others)
    }

    /// Its moment `due` has come.
    pub(super) fn step(&mut self, due: Span, now: Span, overtakers: Option<u64>) -> Step {
        if self.waits.is_empty() {
            return Step::Arrived;
        }
        // The next wait begins when this one should have ended: a late timer does not add up.
        self.end_wait(due, now, overtakers);
        if self.waits.is_empty() { Step::Arrived } else { Step::Waits }
    }

    /// Ends the present wait; the next begins at `begins`.
    pub(super) fn end_wait(&mut self, begins: Span, now: Span, overtakers: Option<u64>) {
        if self.waits.is_empty() {
            return;
        }
        let wait = self.waits.remove(0);
        self.waited.push(Waited { since: wait.since, lasted: now.minus(self.began), overtakers });
        self.began = begins;
    }

    pub(super) fn owes_to_other_than(&self, holds: impl Fn(u64) -> bool) -> bool {
        self.waits.iter().any(|wait| !holds(wait.since))
    }

    /// Leaves out the waits that are owed to rules which hold no longer.
    pub(super) fn forgive(&mut self, holds: impl Fn(u64) -> bool, now: Span) {
        if self.waits.first().is_some_and(|wait| !holds(wait.since)) {
            self.began = now;
        }
        self.waits.retain(|wait| holds(wait.since));
    }

    pub(super) fn arrived(self) -> Arrived<T> {
        Arrived { item: self.item, came: self.came, waited: self.waited }
    }
}
