//! A string that grows: get, append, put. A state is a place among all strings that were ever read of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::names::Names;
use crate::object::{Ahead, Discipline, Force, Object, Sign};
use crate::texts::{Place, Texts};

/// What an operation does; texts are among the history's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Get(Place),
    Put(u32),
    Append(u32),
}

/// The string, and all that is done to it.
#[derive(Clone, Debug)]
pub struct Text<'a> {
    state: Place,
    acts: Vec<Act>,
    texts: &'a Texts,
    values: &'a Names,
    /// Signs of appends by their text, and how long such texts are.
    append_of: BTreeMap<u32, Sign>,
    lengths: BTreeSet<usize>,
    puts: Vec<Sign>,
}

/// The state is not known.
pub const UNKNOWN: Place = Place(u64::MAX - 1);

// === impl Text ===

impl<'a> Text<'a> {
    /// With the first state, what each sign does, and the tables.
    pub fn new(state: Place, acts: Vec<Act>, texts: &'a Texts, values: &'a Names) -> Self {
        let mut text = Self {
            state,
            texts,
            values,
            append_of: BTreeMap::new(),
            lengths: BTreeSet::new(),
            puts: Vec::new(),
            acts: Vec::new(),
        };
        for (sign, act) in acts.iter().enumerate() {
            match *act {
                Act::Append(value) => {
                    text.append_of.insert(value, sign as Sign);
                    text.lengths.insert(values.text(value).len());
                }
                Act::Put(_) => text.puts.push(sign as Sign),
                Act::Get(_) => {}
            }
        }
        text.acts = acts;
        text
    }

    /// The same in a state that nobody knows.
    pub fn unknown(mut self) -> Self {
        self.state = UNKNOWN;
        self
    }

    fn after(&self, sign: Sign) -> Option<Place> {
        match self.acts[sign as usize] {
            Act::Get(place) => (self.state == UNKNOWN).then_some(place),
            Act::Put(value) => Some(self.texts.grow(Place::EMPTY, self.values.text(value))),
            Act::Append(_) if self.state == UNKNOWN => Some(UNKNOWN),
            Act::Append(value) => Some(self.texts.grow(self.state, self.values.text(value))),
        }
    }
}

impl Object for Text<'_> {
    type Undo = Place;

    const DISCIPLINE: Discipline = Discipline::Any;

    fn force(&self, sign: Sign) -> Force {
        match self.acts[sign as usize] {
            Act::Get(_) => Force::Looks,
            Act::Put(_) => Force::Overwrites,
            Act::Append(_) => Force::Adds,
        }
    }

    fn holds(&self, sign: Sign) -> bool {
        self.acts[sign as usize] == Act::Get(self.state)
    }

    fn step(&mut self, sign: Sign) -> Option<Place> {
        let after = self.after(sign)?;
        Some(std::mem::replace(&mut self.state, after))
    }

    fn undo(&mut self, undo: Place) {
        self.state = undo;
    }

    fn fingerprint(&self) -> u64 {
        self.state.0
    }

    fn is_unknown(&self) -> bool {
        self.state == UNKNOWN
    }

    /// What leads to a string that nobody ever found is done when it has to be: nobody looks before all is overwritten.
    fn useful(&self, sign: Sign) -> Option<u8> {
        self.after(sign).filter(|after| *after != Place::LOST).map(|_| 1)
    }

    fn open_moves(&mut self, ahead: &Ahead<'_>, all: &[Sign], out: &mut Vec<Sign>) {
        if self.is_unknown() || self.state != Place::LOST && self.texts.forks(self.state) {
            let left = all.iter().filter(|sign| ahead.open[**sign as usize] > 0);
            out.extend(left.filter(|sign| self.useful(**sign).is_some()));
            return;
        }
        if self.state != Place::LOST {
            let text = self.texts.ahead(self.state);
            for length in &self.lengths {
                let value = text.get(..*length).and_then(|text| self.values.find(text));
                out.extend(value.and_then(|value| self.append_of.get(&value)));
            }
        }
        out.extend(self.puts.iter().filter(|sign| self.useful(**sign).is_some()));
        out.retain(|sign| ahead.open.get(*sign as usize).is_some_and(|left| *left > 0));
    }

    fn is_lost(&self, looks: u32) -> bool {
        self.state == Place::LOST && looks > 0 && self.puts.is_empty()
    }
}
