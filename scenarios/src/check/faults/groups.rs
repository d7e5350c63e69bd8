//! Partitions between groups: that the names are known, and that some link leads from one group to the other.

use std::collections::BTreeSet;

use super::super::Checker;
use crate::fault::{GroupWay, Groups};
use crate::places::{Path, part};
use crate::suggest;
use crate::syntax::shortened;

pub(super) fn rules(checker: &mut Checker<'_>, path: &Path, between: &Groups, way: GroupWay) {
    let told = checker.problems.len();
    let experiment = checker.experiment;
    let before = experiment.links.values().filter_map(|link| link.from());
    let before = before.filter(|name| !name.trim().is_empty());
    let known: BTreeSet<&String> = experiment.targets.keys().chain(before).collect();
    for (index, group) in [&between.first, &between.second].into_iter().enumerate() {
        members(checker, &path.then(index), group, &known);
    }
    for (index, name) in between.second.iter().enumerate().filter(|(_, name)| between.first.contains(name)) {
        let message = format!("`{}` is in both groups", shortened(name));
        checker.tell(&path.then(1).then(index), message, "remove it from one of them");
    }
    let clear = !["links", "targets"].iter().any(|map| checker.places.is_broken_within(&part![*map]));
    if clear && checker.problems.len() == told && experiment.links_between(between, way).is_empty() {
        let example = between.second.first().zip(between.first.first());
        let help = example.map_or(String::new(), |(to, from)| {
            format!("say whose a link is: `Tcp(to: \"{}\", from: \"{}\")`", shortened(to), shortened(from))
        });
        let message = "no link leads from one group to the other, so nothing would be cut";
        checker.tell(path, message, help);
    }
}

fn members(checker: &mut Checker<'_>, path: &Path, group: &[String], known: &BTreeSet<&String>) {
    if group.is_empty() {
        checker.tell(path, "a group without members is cut from nothing", "name a target in it");
    }
    if checker.places.is_broken_within(&part!["links"]) || checker.places.is_broken(&part!["targets"]) {
        return;
    }
    for (index, name) in group.iter().enumerate().filter(|(_, name)| !known.contains(name)) {
        let message = format!("`{}` is neither a target nor before a link (`from`)", shortened(name));
        let help = suggest::help(name, "names", known.iter().map(|name| name.as_str()));
        checker.tell(&path.then(index), message, help);
    }
}
