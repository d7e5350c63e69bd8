//! A register: read, write, compare-and-set. Values that nobody ever found are one value: they cannot be told apart.

use crate::object::{Ahead, Discipline, Force, Object, Sign};

/// What an operation of a register does. Values are those of [`Register::value`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Read(u32),
    /// A compare-and-set that failed because the value differed from this one.
    Differs(u32),
    Write(u32),
    Cas(u32, u32),
}

/// A register and all that is done to it.
#[derive(Clone, Debug)]
pub struct Register {
    state: u32,
    acts: Vec<Act>,
    /// The sign of the write of each value, and those of compare-and-sets to it, with what they come from.
    write_of: Vec<Option<Sign>>,
    cas_to: Vec<Vec<(u32, Sign)>>,
    /// Values that are worth having now, those of the next operation first, and a mark for each.
    wanted: Vec<u32>,
    marks: Vec<bool>,
    /// The state itself is what stands in the way.
    any_other: bool,
    next: Option<u32>,
}

/// No value: the state is not known.
pub const UNKNOWN: u32 = u32::MAX;

// === impl Register ===

impl Register {
    /// With the first state, and what each sign does; values are below `values`.
    pub fn new(state: u32, acts: Vec<Act>, values: usize) -> Self {
        let mut register = Self {
            state,
            write_of: vec![None; values],
            cas_to: vec![Vec::new(); values],
            wanted: Vec::new(),
            marks: vec![false; values],
            any_other: false,
            next: None,
            acts: Vec::new(),
        };
        for (sign, act) in acts.iter().enumerate() {
            match *act {
                Act::Write(to) => register.write_of[to as usize] = Some(sign as Sign),
                Act::Cas(from, to) => register.cas_to[to as usize].push((from, sign as Sign)),
                Act::Read(_) | Act::Differs(_) => {}
            }
        }
        register.acts = acts;
        register
    }

    /// The same in a state that nobody knows.
    pub fn unknown(mut self) -> Self {
        self.state = UNKNOWN;
        self
    }

    fn want(&mut self, value: u32) {
        if !std::mem::replace(&mut self.marks[value as usize], true) {
            self.wanted.push(value);
        }
    }

    fn want_for(&mut self, sign: Sign) {
        match self.acts[sign as usize] {
            Act::Read(value) | Act::Cas(value, _) => self.want(value),
            Act::Differs(value) => self.any_other |= self.state == value,
            Act::Write(_) => {}
        }
    }
}

impl Object for Register {
    type Undo = u32;

    const DISCIPLINE: Discipline = Discipline::Seen;

    fn force(&self, sign: Sign) -> Force {
        match self.acts[sign as usize] {
            Act::Read(_) | Act::Differs(_) => Force::Looks,
            Act::Write(_) => Force::Overwrites,
            Act::Cas(..) => Force::Depends,
        }
    }

    fn holds(&self, sign: Sign) -> bool {
        match self.acts[sign as usize] {
            Act::Read(value) => self.state == value,
            Act::Differs(value) => self.state != value,
            Act::Write(_) | Act::Cas(..) => false,
        }
    }

    fn step(&mut self, sign: Sign) -> Option<u32> {
        let (before, is_unknown) = (self.state, self.state == UNKNOWN);
        let after = match self.acts[sign as usize] {
            Act::Write(to) => to,
            Act::Cas(from, to) if is_unknown || before == from => to,
            Act::Read(value) if is_unknown => value,
            _ => return None,
        };
        self.state = after;
        Some(before)
    }

    fn undo(&mut self, undo: u32) {
        self.state = undo;
    }

    fn fingerprint(&self) -> u64 {
        u64::from(self.state)
    }

    fn is_unknown(&self) -> bool {
        self.state == UNKNOWN
    }

    fn look_ahead(&mut self, ahead: &Ahead<'_>) {
        for value in std::mem::take(&mut self.wanted) {
            self.marks[value as usize] = false;
        }
        self.any_other = false;
        self.want_for(ahead.next);
        self.next = self.wanted.first().copied();
        for sign in ahead.begun {
            self.want_for(*sign);
        }
        // What an open compare-and-set comes from is worth having if what it leads to is.
        let mut at = 0;
        while let Some(value) = self.wanted.get(at).copied() {
            at += 1;
            for way in 0..self.cas_to[value as usize].len() {
                let (from, sign) = self.cas_to[value as usize][way];
                if ahead.open.get(sign as usize).is_some_and(|left| *left > 0) {
                    self.want(from);
                }
            }
        }
    }

    fn useful(&self, sign: Sign) -> Option<u8> {
        match self.acts[sign as usize] {
            Act::Read(_) => Some(1),
            Act::Differs(_) => None,
            Act::Write(to) if self.next == Some(to) => Some(0),
            Act::Write(to) => (self.any_other || self.marks[to as usize]).then_some(2),
            Act::Cas(from, to) if self.state == from || self.state == UNKNOWN => {
                Some(if self.next == Some(to) { 0 } else { 1 })
            }
            Act::Cas(..) => None,
        }
    }

    fn open_moves(&mut self, ahead: &Ahead<'_>, all: &[Sign], out: &mut Vec<Sign>) {
        if self.any_other || self.state == UNKNOWN {
            out.extend(all.iter().filter(|sign| ahead.open[**sign as usize] > 0));
            return;
        }
        for value in &self.wanted {
            out.extend(self.write_of[*value as usize]);
            let here = self.cas_to[*value as usize].iter().filter(|(from, _)| *from == self.state);
            out.extend(here.map(|(_, sign)| *sign));
        }
        out.retain(|sign| ahead.open.get(*sign as usize).is_some_and(|left| *left > 0));
    }
}
