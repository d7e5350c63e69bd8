//! A queue: enqueue, dequeue, first in, first out.

use std::collections::VecDeque;

use crate::mix::mix;
use crate::object::{Discipline, Force, Object, Sign};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Enqueue(u32),
    Dequeue(u32),
    /// A dequeue that found nothing.
    Empty,
    /// A dequeue of which nobody knows what it took.
    Any,
}

/// A queue, and all that is done to it.
#[derive(Clone, Debug)]
pub struct Queue {
    held: VecDeque<u32>,
    acts: Vec<Act>,
    /// The sum of all elements, each times the power of [`BASE`] of its position, and the power of the next position.
    sum: u64,
    back: u64,
}

/// What a step changed.
#[derive(Clone, Copy, Debug)]
pub enum Undo {
    Pushed,
    Taken(u32),
}

/// Odd, so that it has an inverse: positions count from the front.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
/// `BASE * INVERSE == 1` in 64 bits.
const INVERSE: u64 = inverse(BASE);

/// Newton's method doubles the bits that are right.
const fn inverse(of: u64) -> u64 {
    let (mut it, mut round) = (of, 0);
    while round < 6 {
        it = it.wrapping_mul(2_u64.wrapping_sub(of.wrapping_mul(it)));
        round += 1;
    }
    it
}

// === impl Queue ===

impl Queue {
    /// With what is in it first, and what each sign does.
    pub fn new(held: &[u32], acts: Vec<Act>) -> Self {
        let mut queue = Self { held: VecDeque::new(), acts, sum: 0, back: 1 };
        held.iter().for_each(|it| queue.push(*it));
        queue
    }

    fn push(&mut self, element: u32) {
        self.held.push_back(element);
        self.sum = self.sum.wrapping_add(word(element).wrapping_mul(self.back));
        self.back = self.back.wrapping_mul(BASE);
    }

    fn take(&mut self) -> Option<u32> {
        let element = self.held.pop_front()?;
        self.sum = self.sum.wrapping_sub(word(element)).wrapping_mul(INVERSE);
        self.back = self.back.wrapping_mul(INVERSE);
        Some(element)
    }
}

fn word(element: u32) -> u64 {
    mix(u64::from(element), BASE)
}

impl Object for Queue {
    type Undo = Undo;

    const DISCIPLINE: Discipline = Discipline::Any;

    fn force(&self, sign: Sign) -> Force {
        match self.acts[sign as usize] {
            Act::Enqueue(_) => Force::Adds,
            Act::Empty => Force::Looks,
            Act::Dequeue(_) | Act::Any => Force::Depends,
        }
    }

    fn holds(&self, sign: Sign) -> bool {
        self.acts[sign as usize] == Act::Empty && self.held.is_empty()
    }

    fn step(&mut self, sign: Sign) -> Option<Undo> {
        match self.acts[sign as usize] {
            Act::Enqueue(element) => {
                self.push(element);
                Some(Undo::Pushed)
            }
            Act::Dequeue(element) if self.held.front().is_none_or(|it| *it != element) => None,
            Act::Dequeue(_) | Act::Any => self.take().map(Undo::Taken),
            Act::Empty => None,
        }
    }

    fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Pushed => {
                self.back = self.back.wrapping_mul(INVERSE);
                let last = self.held.pop_back().map_or(0, word);
                self.sum = self.sum.wrapping_sub(last.wrapping_mul(self.back));
            }
            Undo::Taken(element) => {
                self.held.push_front(element);
                self.sum = self.sum.wrapping_mul(BASE).wrapping_add(word(element));
                self.back = self.back.wrapping_mul(BASE);
            }
        }
    }

    fn fingerprint(&self) -> u64 {
        mix(self.sum, self.held.len() as u64)
    }

    fn is_unknown(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_contents_have_equal_fingerprints_however_they_came() {
        let acts = vec![Act::Enqueue(1), Act::Enqueue(2), Act::Dequeue(1), Act::Any];
        let mut queue = Queue::new(&[], acts.clone());
        let marks: Vec<Undo> = [0, 1, 2, 0, 3].iter().filter_map(|sign| queue.step(*sign)).collect();
        assert_eq!((marks.len(), queue.fingerprint()), (5, Queue::new(&[1], acts.clone()).fingerprint()));
        assert_eq!(
            queue.step(0).map(|_| queue.fingerprint()),
            Some(Queue::new(&[1, 1], acts.clone()).fingerprint())
        );
        queue.undo(Undo::Pushed);
        marks.into_iter().rev().for_each(|mark| queue.undo(mark));
        assert_eq!(queue.fingerprint(), Queue::new(&[], acts).fingerprint());
    }
}
