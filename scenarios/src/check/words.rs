//! What is said in the words of protocols: whatever a dictionary finds wrong is told at its place.

use super::Checker;
use crate::fault::Act;
use crate::places::{Path, Step, part};
use crate::words::{Dictionary, Part};

/// The fields that stand among those of an act or a link itself.
const OUTERMOST: [&str; 13] = [
    "act",
    "dial_timeout",
    "elsewhere",
    "every",
    "matches",
    "name",
    "names",
    "originate",
    "probability",
    "qtype",
    "terminate",
    "tls",
    "ttl",
];

pub(super) fn rules(checker: &mut Checker<'_>, dictionary: &dyn Dictionary) {
    for (of, wrong) in dictionary.look_up(checker.experiment) {
        let whole = outermost(checker, &of);
        // What could not be read has been told.
        if checker.places.is_broken_within(&whole) {
            continue;
        }
        let mut path = found(checker, &whole, &wrong.field);
        let key = path.then(Step::Key);
        if wrong.is_name && checker.places.is_written(&key) {
            path = key;
        }
        checker.tell(&path, wrong.message, wrong.help);
    }
}

/// Where the value that a dictionary looked at begins.
fn outermost(checker: &Checker<'_>, of: &Part) -> Path {
    match of {
        Part::Link(name) => part!["links", name],
        Part::Fault(index) => {
            let path = part!["faults", *index, "do"];
            match checker.experiment.faults.get(*index).map(|fault| &fault.act) {
                Some(Act::Protocol { protocol, .. }) if protocol.details().is_empty() => {
                    within(checker, path, "act")
                }
                _ => path,
            }
        }
    }
}

/// The innermost part of a field that stands in the text. Names of variants have no place of their own, and are passed
/// over.
fn found(checker: &Checker<'_>, whole: &Path, field: &str) -> Path {
    let names: Vec<&str> = field.split('.').collect();
    let (mut path, mut at) = (whole.clone(), 0);
    while at < names.len() {
        // A key may have dots of its own: `names.db.test.0`.
        let ends = at + 1..=names.len();
        let inner = ends.map(|end| (within(checker, path.clone(), &names[at..end].join(".")), end));
        let written = inner.into_iter().find(|(inner, _)| *inner != path);
        (path, at) = written.unwrap_or((path, at + 1));
    }
    path
}

fn within(checker: &Checker<'_>, path: Path, name: &str) -> Path {
    let outer = OUTERMOST.into_iter().find(|outer| *outer == name).map(Step::Field);
    let item = name.parse().ok().map(Step::Item);
    let steps = [Some(Step::Entry(name.to_owned())), outer, item];
    let inner = steps.into_iter().flatten().map(|step| path.then(step));
    let written =
        |inner: &Path| checker.places.is_written(inner) || checker.places.is_written(&inner.then(Step::Key));
    inner.into_iter().find(written).unwrap_or(path)
}
