//! What a reader asked for and what was written, so that a test can tell what nobody has written down.
//!
//! Only in tests. Structs and sets of words are told apart by who asks (the reader's file) and by what they are called.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::Location;

use super::{context, finished};
use crate::experiment::Experiment;
use crate::problem::Problems;
use crate::words::NoDictionary;

/// Fields and words, by the reader's file and what they belong to.
type Words = BTreeMap<(&'static str, String), BTreeSet<String>>;

/// What was seen while a text was read.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Fields that a struct may have, and words of which one is chosen.
    pub(crate) asked: Words,
    /// Those that were there.
    pub(crate) written: Words,
    /// How many values are in the words of protocols, which are not understood here.
    pub(crate) opaque: usize,
}

/// Reads an experiment, and tells what was seen.
pub(crate) fn read_seen(text: &str) -> (Result<Experiment, Problems>, Seen) {
    let mut cx = context::Context::default();
    let read = finished(&mut cx, "entry.ron", text, &[], &NoDictionary);
    (read, cx.seen)
}

// === impl Seen ===

impl Seen {
    /// Notes the fields of a struct, or the words that one is chosen of.
    pub(crate) fn note<'w>(
        &mut self,
        reader: &'static Location<'static>,
        what: &str,
        asked: &[&'static str],
        written: impl Iterator<Item = &'w str>,
    ) {
        let of = (reader.file(), what.to_owned());
        self.asked.entry(of.clone()).or_default().extend(asked.iter().map(|word| (*word).to_owned()));
        self.written.entry(of).or_default().extend(written.map(str::to_owned));
    }
}
