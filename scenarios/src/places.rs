//! Where each part of an experiment stands in its text, so that what does not fit can be pointed at.
//!
//! A part is named by its path, such as `faults[0].do.link`. What was left out in the text has no place of its own; then
//! the place of what it is missing in is given.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::syntax::{Node, Place, Value};

/// One step into an experiment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// A field.
    Field(&'static str),
    /// An entry of a map.
    Entry(String),
    /// An entry of a list.
    Item(usize),
    /// The key of the map's entry itself, rather than its value.
    Key,
}

/// A part of an experiment, by the steps that lead to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(pub(crate) Vec<Step>);

/// Places by path.
#[derive(Debug, Default)]
pub(crate) struct Places {
    spots: BTreeMap<Path, Spot>,
    broken: BTreeSet<Path>,
}

#[derive(Clone, Copy, Debug)]
struct Spot {
    place: Place,
    /// Where the first character of a text stands, if all of them stand there as they are.
    verbatim: Option<usize>,
}

/// A path from its steps: texts are fields, references to `String` entries, numbers items.
macro_rules! part {
    ($($step:expr),* $(,)?) => { $crate::places::Path(vec![$($crate::places::Step::from($step)),*]) };
}
pub(crate) use part;

impl From<&'static str> for Step {
    fn from(field: &'static str) -> Self {
        Self::Field(field)
    }
}

impl From<&String> for Step {
    fn from(entry: &String) -> Self {
        Self::Entry(entry.clone())
    }
}

impl From<usize> for Step {
    fn from(item: usize) -> Self {
        Self::Item(item)
    }
}

// === impl Path ===

impl Path {
    /// One step further.
    pub(crate) fn then(&self, step: impl Into<Step>) -> Self {
        let mut path = self.clone();
        path.0.push(step.into());
        path
    }
}

// === impl Places ===

impl Places {
    /// Notes where a part stands.
    pub(crate) fn note(&mut self, path: &Path, node: &Node) {
        let verbatim = match &node.value {
            Value::Text(text) => text.verbatim,
            _ => None,
        };
        self.spots.insert(path.clone(), Spot { place: node.head(), verbatim });
    }

    /// Notes that a part could not be read. Its problem is told; what stands there in the experiment means nothing.
    pub(crate) fn note_broken(&mut self, path: &Path) {
        self.broken.insert(path.clone());
    }

    /// Whether a part stands in the text.
    pub(crate) fn is_written(&self, path: &Path) -> bool {
        self.spots.contains_key(path)
    }

    /// Where a part stands, or else what it is missing in.
    pub(crate) fn of(&self, path: &Path) -> Place {
        self.nearest(path).map_or(Place::default(), |spot| spot.place)
    }

    /// Where some bytes of a text stand; the whole text where that cannot be told.
    pub(crate) fn within(&self, path: &Path, bytes: std::ops::Range<usize>) -> Place {
        match self.nearest(path) {
            Some(Spot { verbatim: Some(start), .. }) if self.is_written(path) => {
                Place::new(start + bytes.start, start + bytes.end)
            }
            Some(spot) => spot.place,
            None => Place::default(),
        }
    }

    fn nearest(&self, path: &Path) -> Option<Spot> {
        let mut path = path.clone();
        loop {
            match self.spots.get(&path) {
                Some(spot) => return Some(*spot),
                None => path.0.pop()?,
            };
        }
    }

    /// Whether a part, or something it stands in, could not be read.
    pub(crate) fn is_broken(&self, path: &Path) -> bool {
        (0..=path.0.len()).any(|length| self.broken.contains(&Path(path.0[..length].to_vec())))
    }

    /// Whether a part, something it stands in or something that stands in it could not be read.
    pub(crate) fn is_broken_within(&self, path: &Path) -> bool {
        // Paths are ordered by their steps, so those within this one come right after it.
        let mut after = self.broken.range::<Path, _>((Bound::Included(path), Bound::Unbounded));
        self.is_broken(path) || after.next().is_some_and(|broken| broken.0.starts_with(&path.0))
    }
}
