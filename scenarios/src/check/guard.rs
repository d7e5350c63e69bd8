//! The guard: that its stop rules look at something that exists, and can be met.

use std::collections::BTreeSet;

use super::Checker;
use crate::gate::Gate;
use crate::guard::StopRule;
use crate::places::{Path, part};
use crate::suggest;
use crate::syntax::shortened;

pub(super) fn rules(checker: &mut Checker<'_>) {
    let experiment = checker.experiment;
    let probes: BTreeSet<&str> = experiment.hypothesis.iter().map(|probe| probe.name.as_str()).collect();
    for (index, rule) in experiment.guard.stop_if.iter().enumerate() {
        let path = part!["guard", "stop_if", index];
        if !checker.places.is_broken(&path) {
            one(checker, &path, rule, &probes);
        }
    }
    let asked = experiment.gates.iter().any(|gate| matches!(gate, Gate::NoLeak { .. }));
    let path = part!["guard", "stop_on"];
    if !experiment.guard.stop_on.is_empty() && !asked && !checker.places.is_broken_within(&part!["gates"]) {
        let help = "add `NoLeak(of: \"…\")` to `gates`, or leave `stop_on` out";
        checker.tell(&path, "no gate asks for leaks, so none is ever certain", help);
    }
}

fn one(checker: &mut Checker<'_>, path: &Path, rule: &StopRule, probes: &BTreeSet<&str>) {
    match rule {
        StopRule::ErrorRatio { of, above, .. } => {
            checker.workload(&path.then("of"), of);
            if above.value() >= 1.0 {
                let message =
                    format!("a share of errors is never above {above}, so this would never stop anything");
                checker.tell(&path.then("above"), message, "write a limit below 100%, such as `\"90%\"`");
            }
        }
        StopRule::ProbeFails { probe, .. } => known_probe(checker, &path.then("probe"), probe, probes),
        StopRule::AvailableMemory { below } => {
            never_zero(checker, &path.then("below"), below.as_bytes(), "below")
        }
        StopRule::Rss { of, above } => {
            checker.sampled(&path.then("of"), of);
            never_zero(checker, &path.then("above"), above.as_bytes(), "above");
        }
    }
}

fn known_probe(checker: &mut Checker<'_>, path: &Path, name: &str, probes: &BTreeSet<&str>) {
    let unclear = checker.places.is_broken_within(&part!["hypothesis"]);
    if !probes.contains(name) && !unclear && !checker.is_full() {
        let help = suggest::help(name, "probes", probes.iter().copied());
        checker.tell(path, format!("there is no probe `{}` in the hypothesis", shortened(name)), help);
    }
}

fn never_zero(checker: &mut Checker<'_>, path: &Path, bytes: u64, word: &str) {
    if bytes == 0 {
        let what = if word == "below" { "could never stop anything" } else { "would stop every run at once" };
        checker.tell(path, format!("{word} 0B {what}"), "write a size such as `\"500MiB\"`");
    }
}
