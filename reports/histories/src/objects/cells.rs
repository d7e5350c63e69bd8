//! Several registers that transactions read and write together.

use crate::mix::mix;
use crate::object::{Ahead, Discipline, Force, Object, Sign};

/// What a transaction found that it had not written itself, and what it left: registers, which are below [`Cells::new`]'s
/// count, each at most once, with values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Act {
    pub found: Box<[(u32, u32)]>,
    pub left: Box<[(u32, u32)]>,
}

/// The registers, and all that is done to them.
#[derive(Clone, Debug)]
pub struct Cells {
    values: Vec<u32>,
    unknown: usize,
    acts: Vec<Act>,
    /// What was in registers before they changed.
    before: Vec<(u32, u32)>,
    /// Of each known register and its value, all in one.
    print: u64,
    /// What the operations ahead have to find and what is not there.
    wanted: Vec<(u32, u32)>,
}

/// No value: what is in the register is not known.
const UNKNOWN: u32 = u32::MAX;

// === impl Cells ===

impl Cells {
    /// With the first values, and what each sign does.
    pub fn new(values: Vec<u32>, acts: Vec<Act>) -> Self {
        let print = values.iter().zip(0..).fold(0, |print, (value, cell)| print ^ stamp(cell, *value));
        Self { values, unknown: 0, acts, before: Vec::new(), print, wanted: Vec::new() }
    }

    /// The same in a state that nobody knows.
    pub fn unknown(mut self) -> Self {
        self.unknown = self.values.len();
        self.values.fill(UNKNOWN);
        self.print = 0;
        self
    }

    fn set(&mut self, cell: u32, value: u32) {
        let before = std::mem::replace(&mut self.values[cell as usize], value);
        self.unknown = self.unknown + usize::from(value == UNKNOWN) - usize::from(before == UNKNOWN);
        self.print ^= stamp(cell, before) ^ stamp(cell, value);
    }

    fn put(&mut self, cell: u32, value: u32) {
        let before = self.values[cell as usize];
        if before != value {
            self.before.push((cell, before));
            self.set(cell, value);
        }
    }

    fn can_be(&self, sign: Sign) -> bool {
        let fits = |(cell, value): &(u32, u32)| [UNKNOWN, *value].contains(&self.values[*cell as usize]);
        self.acts[sign as usize].found.iter().all(fits)
    }
}

impl Object for Cells {
    type Undo = usize;

    const DISCIPLINE: Discipline = Discipline::Any;

    fn force(&self, sign: Sign) -> Force {
        let act = &self.acts[sign as usize];
        match (act.found.is_empty(), act.left.is_empty()) {
            (_, true) => Force::Looks,
            (true, false) => Force::Adds,
            (false, false) => Force::Depends,
        }
    }

    fn holds(&self, sign: Sign) -> bool {
        let act = &self.acts[sign as usize];
        act.left.is_empty() && act.found.iter().all(|(cell, value)| self.values[*cell as usize] == *value)
    }

    fn step(&mut self, sign: Sign) -> Option<usize> {
        if !self.can_be(sign) {
            return None;
        }
        let before = self.before.len();
        let act = std::mem::take(&mut self.acts[sign as usize]);
        act.found.iter().chain(&act.left).for_each(|(cell, value)| self.put(*cell, *value));
        self.acts[sign as usize] = act;
        Some(before)
    }

    fn undo(&mut self, undo: usize) {
        while self.before.len() > undo
            && let Some((cell, value)) = self.before.pop()
        {
            self.set(cell, value);
        }
    }

    fn fingerprint(&self) -> u64 {
        self.print
    }

    fn is_unknown(&self) -> bool {
        self.unknown > 0
    }

    fn look_ahead(&mut self, ahead: &Ahead<'_>) {
        self.wanted.clear();
        for sign in [ahead.next].iter().chain(ahead.begun) {
            let found = &self.acts[*sign as usize].found;
            let differs = |it: &&(u32, u32)| self.values[it.0 as usize] != it.1;
            self.wanted.extend(found.iter().filter(differs));
        }
    }

    /// What leaves something that others have to find is tried first.
    fn useful(&self, sign: Sign) -> Option<u8> {
        let helps = self.acts[sign as usize].left.iter().any(|it| self.wanted.contains(it));
        self.can_be(sign).then_some(if helps { 0 } else { 1 })
    }
}

/// A register with its value, as a part of a fingerprint.
fn stamp(cell: u32, value: u32) -> u64 {
    if value == UNKNOWN { 0 } else { mix(cell.into(), u64::from(value) + 1) }
}
