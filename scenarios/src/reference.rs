//! Every word of an experiment and what it is for: what `shakedown schema` prints.
//!
//! The texts are files in `reference/`, one for each group, written by hand: RON as one would write it, a comment at each
//! field. An entry begins with a line `// === NAME in PLACE: what for`; each line at the margin that closes no bracket
//! begins a form of it. A comment says first whether its field is needed, what it is by default (the value shown) or that it
//! is optional. Tests read every form, leave out every field in turn, and ask the reader whether it knows a word that
//! stands nowhere here.

use std::collections::BTreeSet;

use crate::suggest;
use crate::syntax::{self, Body, Node, Struct, Value};

/// Entries that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// What its entries are, in one line.
    pub about: &'static str,
    /// The entries, in the order in which one would read them.
    pub entries: Vec<Entry>,
}

/// One struct, or one set of words of which one is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name: that of the variant, or of the field that it is the value of.
    pub name: &'static str,
    /// Where it stands: a group, a field, or the name of another entry.
    pub place: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    /// Its forms, with comments.
    pub text: &'static str,
}

/// What a word leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The entries that are called so, or all of the group that is; where there are none, those that have it in them.
    pub entries: Vec<Entry>,
    /// Others that have it in them, as a field or as one of their words.
    pub others: Vec<Entry>,
}

/// The groups, in the order in which an experiment has them.
const FILES: [&str; 12] = [
    include_str!("reference/experiment.ron"),
    include_str!("reference/targets.ron"),
    include_str!("reference/links.ron"),
    include_str!("reference/workloads.ron"),
    include_str!("reference/arrivals.ron"),
    include_str!("reference/requests.ron"),
    include_str!("reference/faults.ron"),
    include_str!("reference/toxics.ron"),
    include_str!("reference/protocols.ron"),
    include_str!("reference/hypothesis.ron"),
    include_str!("reference/gates.ron"),
    include_str!("reference/guard.ron"),
];
/// What an entry begins with.
const ENTRY: &str = "// === ";

/// The whole reference.
#[must_use]
pub fn groups() -> Vec<Group> {
    FILES.into_iter().map(group).collect()
}

/// What a word leads to, in any case; `None`: no entry has it.
///
/// ```
/// let found = shakedown_scenarios::reference::find("latency").expect("it is a toxic");
/// assert!(found.entries[0].text.contains("delay:"));
/// ```
#[must_use]
pub fn find(word: &str) -> Option<Found> {
    let groups = groups();
    let is_meant = |name: &str| name.eq_ignore_ascii_case(word);
    let of_group = groups.iter().filter(|group| is_meant(group.name)).flat_map(|group| group.entries.clone());
    let all = groups.iter().flat_map(|group| group.entries.clone());
    let mut entries: Vec<Entry> = of_group.collect();
    entries.extend(all.clone().filter(|entry| is_meant(entry.name)));
    entries.sort_by_key(|entry| all.clone().position(|other| other == *entry));
    entries.dedup();
    let has_it = |entry: &Entry| entry.words().iter().any(|known| is_meant(known));
    let others: Vec<Entry> = all.filter(|entry| !entries.contains(entry) && has_it(entry)).collect();
    match (entries.is_empty(), others.is_empty()) {
        (true, true) => None,
        (true, false) => Some(Found { entries: others, others: Vec::new() }),
        (false, _) => Some(Found { entries, others }),
    }
}

/// The word that is nearest to one that is none, for "did you mean".
#[must_use]
pub fn nearest(word: &str) -> Option<String> {
    let mut known = BTreeSet::new();
    for group in groups() {
        known.insert(group.name.to_owned());
        for entry in group.entries {
            known.insert(entry.name.to_owned());
            known.extend(entry.words());
        }
    }
    // Only so many are compared with at once.
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let near: Vec<&str> =
        known.chunks(100).filter_map(|some| suggest::nearest(word, some.iter().copied())).collect();
    suggest::nearest(word, near).map(str::to_owned)
}

/// The first line of a file is about the group: `// name: about`.
fn group(file: &'static str) -> Group {
    let (head, rest) = file.split_once(ENTRY).unwrap_or((file, ""));
    let (name, about) = titled(head.trim_start_matches("// "));
    Group { name, about, entries: rest.split(ENTRY).filter(|text| !text.is_empty()).map(entry).collect() }
}

fn entry(text: &'static str) -> Entry {
    let (title, about) = titled(text);
    let (name, place) = title.split_once(" in ").unwrap_or((title, ""));
    let text = text.split_once('\n').map_or("", |(_, text)| text);
    Entry { name, place, about, text: text.trim_end() }
}

/// `name: about`, of the first line.
fn titled(text: &'static str) -> (&'static str, &'static str) {
    let line = text.lines().next().unwrap_or_default();
    line.split_once(": ").unwrap_or((line, ""))
}

// === impl Entry ===

impl Entry {
    /// Its forms, each as it may stand in an experiment.
    #[must_use]
    pub fn forms(&self) -> Vec<&'static str> {
        let mut begins = Vec::new();
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            if !line.starts_with([' ', ')', ']', '}', '/', '\n']) {
                begins.push(at);
            }
            at += line.len();
        }
        let ends = begins.iter().skip(1).copied().chain([self.text.len()]);
        begins.iter().zip(ends).map(|(begin, end)| self.text[*begin..end].trim_end()).collect()
    }

    /// The names of fields and of variants that its forms show by themselves, not within a field's value.
    #[must_use]
    pub fn words(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        for form in self.forms() {
            let Node { value: Value::Struct(Struct { name, body }), .. } = syntax::parse(form).root else {
                continue;
            };
            words.extend(name.map(|name| name.text));
            if let Body::Fields(fields) = body {
                words.extend(fields.into_iter().map(|(word, _)| word.text));
            }
        }
        words
    }

    /// Its text below a line that says what it is: RON with comments.
    #[must_use]
    pub fn print(&self) -> String {
        format!("// {} in {}: {}\n{}\n", self.name, self.place, self.about, self.text)
    }
}

#[cfg(test)]
mod frames;
#[cfg(test)]
mod tests;
