//! A counter: add, read. Sums do not ask for the order of what they sum.

use crate::mix::mix;
use crate::object::{Ahead, Discipline, Force, Object, Sign};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Add(i64),
    Sum(i64),
}

/// A counter, and all that is done to it.
#[derive(Clone, Debug)]
pub struct Counter {
    /// `None` is not known.
    state: Option<i128>,
    acts: Vec<Act>,
    only_grows: bool,
    /// The largest step that a look under way could need, and what the next one needs.
    most: i128,
    next: Option<i128>,
}

// === impl Counter ===

impl Counter {
    /// With the first state, and what each sign does.
    pub fn new(state: Option<i128>, acts: Vec<Act>) -> Self {
        let only_grows = acts.iter().all(|act| !matches!(act, Act::Add(..0)));
        Self { state, acts, only_grows, most: 0, next: None }
    }

    /// The same in a state that nobody knows.
    pub fn unknown(mut self) -> Self {
        self.state = None;
        self
    }
}

impl Object for Counter {
    type Undo = Option<i128>;

    const DISCIPLINE: Discipline = Discipline::Commutes;

    fn force(&self, sign: Sign) -> Force {
        match self.acts[sign as usize] {
            Act::Add(_) => Force::Adds,
            Act::Sum(_) => Force::Looks,
        }
    }

    fn holds(&self, sign: Sign) -> bool {
        matches!(self.acts[sign as usize], Act::Sum(sum) if self.state == Some(sum.into()))
    }

    fn step(&mut self, sign: Sign) -> Option<Option<i128>> {
        let after = match (self.acts[sign as usize], self.state) {
            (Act::Add(more), state) => state.map(|state| state + i128::from(more)),
            (Act::Sum(sum), None) => Some(sum.into()),
            (Act::Sum(_), Some(_)) => return None,
        };
        Some(std::mem::replace(&mut self.state, after))
    }

    fn undo(&mut self, undo: Option<i128>) {
        self.state = undo;
    }

    fn fingerprint(&self) -> u64 {
        self.state.map_or(1, |state| mix(state as u64, (state >> 64) as u64))
    }

    fn is_unknown(&self) -> bool {
        self.state.is_none()
    }

    fn look_ahead(&mut self, ahead: &Ahead<'_>) {
        let state = self.state.unwrap_or(0);
        let needs = |sign: &Sign| match self.acts[*sign as usize] {
            Act::Sum(sum) => Some(i128::from(sum) - state),
            Act::Add(_) => None,
        };
        self.most = ahead.begun.iter().filter_map(needs).max().unwrap_or(0);
        self.next = needs(&ahead.next);
    }

    fn useful(&self, sign: Sign) -> Option<u8> {
        match self.acts[sign as usize] {
            Act::Sum(_) => Some(0),
            Act::Add(_) if self.state.is_none() => None,
            Act::Add(0) => None,
            Act::Add(more) if self.next == Some(more.into()) => Some(0),
            Act::Add(more) => (!self.only_grows || i128::from(more) <= self.most).then_some(1),
        }
    }

    fn open_moves(&mut self, ahead: &Ahead<'_>, all: &[Sign], out: &mut Vec<Sign>) {
        out.extend(all.iter().filter(|sign| ahead.open[**sign as usize] > 0));
        out.sort_by_key(|sign| match self.acts[*sign as usize] {
            Act::Add(more) => std::cmp::Reverse(more),
            Act::Sum(_) => std::cmp::Reverse(0),
        });
    }
}
