//! Time: that every fault is over by the end of chaos, and that exclusive faults keep apart.
//!
//! All is judged for the worst case, every start as late and every start as early as its jitter allows, so that a right
//! experiment has a right plan with every seed.

use std::collections::{BTreeMap, BTreeSet};

use super::Checker;
use crate::fault::{Fault, Scope};
use crate::places::{Path, part};
use crate::plan::schedule::{MOST_CUES, longest_hold, nominal, rounds};
use crate::syntax::shortened;
use crate::units::Span;

/// After so many pairs of overlapping faults more would not help anybody.
const MOST_PAIRS: usize = 20;

/// The time in which a round of a fault may hold, counted from the start of chaos.
#[derive(Clone, Copy, Debug)]
struct Reach {
    fault: usize,
    from: Span,
    to: Span,
}

pub(super) fn rules(checker: &mut Checker<'_>) {
    let experiment = checker.experiment;
    let mut reaches = Vec::new();
    let mut cues = 0_u64;
    for (index, fault) in experiment.faults.iter().enumerate() {
        let path = part!["faults", index];
        if !is_clear(checker, &path) || !repetition(checker, &path, fault) {
            continue;
        }
        let rounds = rounds(fault, experiment.phases.chaos);
        cues = cues.saturating_add(rounds);
        if cues > MOST_CUES {
            let message = format!("with this fault the plan has {cues} injections");
            checker.tell(
                &path.then("every"),
                message,
                format!("make `every` longer: at most {MOST_CUES} in all are allowed"),
            );
            return;
        }
        within_chaos(checker, &path, fault, rounds);
        reaches.extend((0..rounds).map(|round| reach(index, fault, round)));
    }
    overlaps(checker, &reaches);
    at_once(checker, &reaches);
}

/// Whether everything that a fault's time depends on could be read.
fn is_clear(checker: &Checker<'_>, path: &Path) -> bool {
    let own = ["at", "hold", "every", "repeat", "jitter", "do"].map(|field| path.then(field));
    let phases = part!["phases", "chaos"];
    !own.iter().chain([&phases]).any(|path| checker.places.is_broken(path))
}

fn reach(index: usize, fault: &Fault, round: u64) -> Reach {
    let from = nominal(fault, round);
    Reach { fault: index, from, to: from.plus(longest_hold(fault)) }
}

/// Length and repetition of one fault; says whether they make sense.
fn repetition(checker: &mut Checker<'_>, path: &Path, fault: &Fault) -> bool {
    let told = checker.problems.len();
    let kind = fault.act.kind();
    if fault.act.is_instant() && !fault.hold.is_zero() {
        let message = format!("`{kind}` is over at once and takes no `hold`");
        let help = if kind == "Kill" {
            "remove `hold`; to take a target away for a while use `Stop`"
        } else {
            "remove `hold`"
        };
        checker.tell(&path.then("hold"), message, help);
    }
    if !fault.act.is_instant() && fault.hold.is_zero() {
        let message = format!("`{kind}` needs a `hold`: how long it lasts");
        checker.tell(&path.then("do"), message, "add `hold: \"10s\"` to the fault");
    }
    match fault.every {
        None if fault.repeat.is_some_and(|repeat| repeat > 1) => {
            checker.tell(
                &path.then("repeat"),
                "`repeat` needs `every`: how long from start to start",
                "add `every: \"1m\"`",
            );
        }
        Some(every) if every < longest_hold(fault) => too_often(checker, path, fault, every),
        _ => {}
    }
    checker.problems.len() == told
}

fn too_often(checker: &mut Checker<'_>, path: &Path, fault: &Fault, every: Span) {
    let message = match (fault.act.is_instant(), fault.jitter.is_zero()) {
        (false, true) => format!(
            "every {every} is less than the hold of {}: a round would start before the last one healed",
            fault.hold
        ),
        (false, false) => format!(
            "every {every} is less than hold and jitter together ({}): a round could start before the last one healed",
            fault.hold.plus(fault.jitter)
        ),
        (true, _) if every.is_zero() => "every 0s is no interval".to_owned(),
        (true, _) => {
            format!("every {every} is less than the jitter of {}: rounds could change places", fault.jitter)
        }
    };
    checker.tell(&path.then("every"), message, "make `every` longer, or the fault shorter");
}

/// That the last round is over when chaos is.
fn within_chaos(checker: &mut Checker<'_>, path: &Path, fault: &Fault, rounds: u64) {
    let chaos = checker.experiment.phases.chaos;
    let fits = |round: u64| nominal(fault, round).plus(longest_hold(fault)) <= chaos;
    if fits(rounds.saturating_sub(1)) {
        return;
    }
    // The first round that does not fit: rounds only move later.
    let fitting = (0..rounds).take_while(|round| fits(*round)).count() as u64;
    let end = nominal(fault, fitting).plus(fault.jitter).plus(fault.hold);
    let name = shortened(&fault.name);
    let jitter = if fault.jitter.is_zero() { "" } else { ", jitter included" };
    let which = if fitting == 0 { String::new() } else { format!("round {} of ", fitting + 1) };
    let ends = if fault.act.is_instant() { "would happen" } else { "would hold until" };
    let message = format!("{which}`{name}` {ends} {end} into chaos{jitter}, but chaos lasts {chaos}");
    let (field, help) = match fitting {
        0 => ("at", "start it earlier, shorten it, or lengthen `phases.chaos`".to_owned()),
        1 => (
            "repeat",
            "only one round fits: leave `every` and `repeat` out, or lengthen `phases.chaos`".to_owned(),
        ),
        _ => ("repeat", format!("only {fitting} rounds fit; leave `repeat` out for as often as fits")),
    };
    checker.tell(&path.then(field), message, help);
}

/// Faults that exclude each other, by what they have in common.
fn overlaps(checker: &mut Checker<'_>, reaches: &[Reach]) {
    let faults = &checker.experiment.faults;
    let mut groups: BTreeMap<(Scope<'_>, &str), Vec<Reach>> = BTreeMap::new();
    for reach in reaches {
        let act = &faults[reach.fault].act;
        // Two acts on one target's processes exclude each other whatever they are.
        let kind = if matches!(act.scope(), Scope::Target(_)) { "" } else { act.kind() };
        groups.entry((act.scope(), kind)).or_default().push(*reach);
    }
    let mut told = BTreeSet::new();
    for group in groups.values_mut() {
        group.sort_by_key(|reach| (reach.from, reach.fault));
        group_overlaps(checker, group, &mut told);
    }
}

fn group_overlaps(checker: &mut Checker<'_>, group: &[Reach], told: &mut BTreeSet<(usize, usize)>) {
    let mut holding: BTreeMap<usize, Reach> = BTreeMap::new();
    for later in group {
        holding.retain(|_, earlier| earlier.to > later.from);
        let act = |reach: &Reach| &checker.experiment.faults[reach.fault].act;
        let excluded = |earlier: &&Reach| earlier.fault != later.fault && act(earlier).excludes(act(later));
        for earlier in holding.values().copied().filter(|earlier| excluded(&earlier)).collect::<Vec<_>>() {
            let pair = (earlier.fault.min(later.fault), earlier.fault.max(later.fault));
            if told.len() < MOST_PAIRS && told.insert(pair) {
                tell_overlap(checker, &earlier, later);
            }
        }
        if told.len() >= MOST_PAIRS {
            return;
        }
        holding.insert(later.fault, *later);
    }
}

fn tell_overlap(checker: &mut Checker<'_>, earlier: &Reach, later: &Reach) {
    let experiment = checker.experiment;
    // Told at the one that stands further down in the file.
    let (first, second) = if earlier.fault < later.fault { (earlier, later) } else { (later, earlier) };
    let (one, two) = (&experiment.faults[first.fault], &experiment.faults[second.fault]);
    let why = match two.act.scope() {
        Scope::Target(name) => format!("two acts on target {} exclude each other", shortened(name)),
        scope => format!("two `{}` on {} exclude each other", two.act.kind(), shortened(&scope.describe())),
    };
    let message = format!(
        "`{}` ({}) overlaps `{}` ({}): {why}",
        shortened(&two.name),
        when(two, second),
        shortened(&one.name),
        when(one, first),
    );
    let paths = [second, first].map(|reach| part!["faults", reach.fault, "name"]);
    let help = "move one of them; times count from the start of chaos, jitter included";
    checker.tell_both(&paths[0], (&paths[1], "the other one"), message, help);
}

fn when(fault: &Fault, reach: &Reach) -> String {
    match (fault.act.is_instant(), fault.jitter.is_zero()) {
        (true, true) => format!("at {}", reach.from),
        // Its instant itself has no length for people.
        (true, false) => format!("{} to {}", reach.from, reach.from.plus(fault.jitter)),
        (false, _) => format!("{} to {}", reach.from, reach.to),
    }
}

/// That no more faults hold at once than the guard allows.
fn at_once(checker: &mut Checker<'_>, reaches: &[Reach]) {
    let Some(most) = checker.experiment.guard.max_faults_at_once else { return };
    let mut sorted: Vec<Reach> = reaches.to_vec();
    sorted.sort_by_key(|reach| (reach.from, reach.fault));
    let mut holding: Vec<Reach> = Vec::new();
    for reach in sorted {
        holding.retain(|earlier| earlier.to > reach.from);
        holding.push(reach);
        if holding.len() as u64 > u64::from(most) {
            let names: Vec<String> = holding.iter().map(|reach| name_of(checker, reach)).collect();
            let names = crate::suggest::listed(names.iter().map(String::as_str));
            let message =
                format!("{} faults may hold at once, {} into chaos: {names}", holding.len(), reach.from);
            let help = format!("move them apart, or allow more than {most}");
            return checker.tell(&part!["guard", "max_faults_at_once"], message, help);
        }
    }
}

fn name_of(checker: &Checker<'_>, reach: &Reach) -> String {
    checker.experiment.faults[reach.fault].name.clone()
}
