//! Names: those that become file names, and those that only people read.

use std::collections::BTreeMap;

use super::Checker;
use crate::places::{Path, Step, part};
use crate::syntax::shortened;

const LONGEST: usize = 64;

pub(super) fn rules(checker: &mut Checker<'_>) {
    let experiment = checker.experiment;
    plain(checker, &part!["name"], "the experiment's name", &experiment.name);
    let targets = experiment.targets.keys().map(|name| ("targets", "a target's name", name));
    let links = experiment.links.keys().map(|name| ("links", "a link's name", name));
    let workloads = experiment.workloads.keys().map(|name| ("workloads", "a workload's name", name));
    for (field, what, name) in targets.chain(links).chain(workloads) {
        let path = part![field, name].then(Step::Key);
        if plain_problem(name).is_some() && !checker.places.is_broken(&part![field]) {
            // The entry itself may be broken; its name is read all the same.
            tell_name(checker, &path, what, name);
        }
    }
    let faults = experiment
        .faults
        .iter()
        .enumerate()
        .map(|(index, fault)| (part!["faults", index, "name"], &fault.name));
    shown(checker, "a fault's name", faults.collect());
    let probes = experiment.hypothesis.iter().enumerate();
    shown(
        checker,
        "a probe's name",
        probes.map(|(index, probe)| (part!["hypothesis", index, "name"], &probe.name)).collect(),
    );
}

/// A name that becomes a file's name: letters, digits, `-`, `_`, `.`.
fn plain(checker: &mut Checker<'_>, path: &Path, what: &str, name: &str) {
    if let Some(problem) = plain_problem(name) {
        checker.tell(path, format!("{what} {problem}"), HELP);
    }
}

const HELP: &str = "use 1 to 64 letters, digits, `-`, `_` and `.`, and start with a letter or digit";

fn tell_name(checker: &mut Checker<'_>, path: &Path, what: &str, name: &str) {
    let Some(problem) = plain_problem(name) else { return };
    let place = checker.places.of(path);
    checker.problems.push(crate::problem::Problem::new(place, format!("{what} {problem}")).help(HELP));
}

fn plain_problem(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() {
        return Some("is empty".to_owned());
    }
    if let Some(found) = name.chars().find(|c| !allowed(*c)) {
        return Some(format!("cannot hold `{found}`"));
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Some(format!("cannot start with `{}`", &name[..1]));
    }
    (name.len() > LONGEST).then(|| format!("has {} characters", name.len()))
}

/// Names for people: they may hold spaces, but nothing that cannot be seen, and each only once.
fn shown(checker: &mut Checker<'_>, what: &str, names: Vec<(Path, &String)>) {
    let mut seen: BTreeMap<&String, Path> = BTreeMap::new();
    for (path, name) in names {
        if checker.places.is_broken(&path) {
            continue;
        }
        let length = name.chars().count();
        if name.trim().is_empty() || length > LONGEST || name.chars().any(char::is_control) {
            let message =
                format!("{what} must have 1 to {LONGEST} characters, none of them a control character");
            checker.tell(&path, message, "give it a short name; spaces are allowed");
        }
        match seen.get(name) {
            Some(first) => {
                let first = first.clone();
                let message = format!("`{}` is the name of another one already", shortened(name));
                checker.tell_both(&path, (&first, "first here"), message, "give each its own name");
            }
            None => drop(seen.insert(name, path)),
        }
    }
}
