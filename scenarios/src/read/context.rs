//! What has been found on the way through a tree, and the reading of one step.
//!
//! A reader takes a node and gives a value, or tells a problem and gives nothing. Nothing becomes a blank value in the
//! experiment, and its path is noted as broken, so that everything else can be read and checked all the same.

use crate::places::{Path, Places, Step};
use crate::problem::{MOST_LOOKED_FOR, Problem};
use crate::syntax::{Body, Node, Place, Struct, Value};

/// What has been found on the way through the tree.
#[derive(Default)]
pub(crate) struct Context {
    pub(crate) problems: Vec<Problem>,
    pub(crate) places: Places,
    path: Path,
    #[cfg(test)]
    pub(crate) seen: super::seen::Seen,
}

/// What stands for a value that could not be read, and how the value would look.
pub(crate) trait Blank {
    /// The value that means nothing.
    fn blank() -> Self;
    /// How such a value is written.
    const EXAMPLE: &'static str;
}

// === impl Context ===

impl Context {
    /// Tells a problem; what is read gives nothing.
    pub(crate) fn wrong<T>(
        &mut self,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.tell(Problem::new(place, message).help(help));
        None
    }

    /// Tells a problem, unless there are far too many already.
    pub(crate) fn tell(&mut self, problem: Problem) {
        if self.problems.len() < MOST_LOOKED_FOR {
            self.problems.push(problem);
        }
    }

    /// Tells that something else was expected; about what is broken already, nothing is told.
    pub(crate) fn expected<T>(&mut self, node: &Node, expected: &str, help: impl Into<String>) -> Option<T> {
        if node.value == Value::Broken {
            return None;
        }
        self.wrong(node.head(), format!("expected {expected}, found {}", node.described()), help)
    }

    /// Reads something one step further in.
    pub(crate) fn step<T>(
        &mut self,
        step: impl Into<Step>,
        node: &Node,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<T> {
        self.path.0.push(step.into());
        let node = through_some(node);
        self.places.note(&self.path, node);
        let value = read(self, node);
        if value.is_none() {
            self.places.note_broken(&self.path);
        }
        self.path.0.pop();
        value
    }

    /// Notes that a part without text of its own is broken.
    pub(crate) fn note_missing(&mut self, step: &'static str) {
        let path = self.path.then(step);
        self.places.note_broken(&path);
    }

    /// Notes where the key of a map's entry stands.
    pub(crate) fn note_key(&mut self, name: &str, key: &Node) {
        let path = self.path.then(Step::Entry(name.to_owned())).then(Step::Key);
        self.places.note(&path, key);
    }

    /// Notes that what is being read has something wrong in it that has no path of its own.
    pub(crate) fn note_broken(&mut self) {
        self.places.note_broken(&self.path);
    }
}

/// `Some(x)` is the same as `x`.
pub(crate) fn through_some(node: &Node) -> &Node {
    match &node.value {
        Value::Struct(Struct { name: Some(name), body: Body::Values(values) }) if name.text == "Some" => {
            match values.as_slice() {
                [value] => through_some(value),
                _ => node,
            }
        }
        _ => node,
    }
}
