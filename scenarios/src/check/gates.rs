//! Gates: that what they look at is measured, over a time that exists, against a limit that can be met and missed.

use std::collections::BTreeMap;

use super::Checker;
use crate::experiment::Phase;
use crate::gate::{Gate, LeakResource, Resource, Window};
use crate::places::{Path, part};
use crate::suggest;
use crate::syntax::shortened;
use crate::units::{Rate, Ratio, Span};
use crate::workload::Workload;

pub(super) fn rules(checker: &mut Checker<'_>) {
    let experiment = checker.experiment;
    for (index, gate) in experiment.gates.iter().enumerate() {
        let path = part!["gates", index];
        if checker.places.is_broken(&path) {
            continue;
        }
        one(checker, &path, gate);
    }
    windows(checker);
}

fn one(checker: &mut Checker<'_>, path: &Path, gate: &Gate) {
    let of_path = path.then("of");
    match gate {
        Gate::Latency { of, below, .. } => {
            checker.workload(&of_path, of);
            above_zero(checker, path, *below);
        }
        Gate::ErrorRatio { of, below, .. } => {
            checker.workload(&of_path, of);
            error_ratio(checker, path, *below);
        }
        Gate::Throughput { of, above, .. } => {
            let workload = checker.workload(&of_path, of);
            throughput(checker, path, *above, workload);
        }
        Gate::Resource { resource, of, below, .. } => {
            checker.sampled(&of_path, of);
            resource_limit(checker, path, *resource, *below);
        }
        Gate::RecoveryTime { below } => {
            above_zero(checker, path, *below);
            if checker.experiment.faults.is_empty() && !checker.places.is_broken(&part!["faults"]) {
                checker.tell(path, "there is no fault to recover from", "add a fault, or remove this gate");
            }
        }
        Gate::NoLeak { of, resources } => {
            checker.sampled(&of_path, of);
            if resources.is_empty() {
                let usual = LeakResource::BY_DEFAULT.map(LeakResource::name).join(", ");
                let help = format!("leave `resources` out for {usual} and what the target exports");
                checker.tell(&path.then("resources"), "nothing is looked at", help);
            }
            let target = checker.experiment.targets.get(of);
            let exports = target.is_none_or(|target| !target.exports().is_empty());
            if resources.contains(&LeakResource::Exported) && !exports {
                let help = "give the target `exports`, or leave `Exported` out";
                checker.tell(&path.then("resources"), format!("target `{of}` exports nothing"), help);
            }
        }
    }
}

fn above_zero(checker: &mut Checker<'_>, path: &Path, below: Span) {
    if below.is_zero() {
        checker.tell(
            &path.then("below"),
            "nothing is below zero, so this gate could never pass",
            "write a limit such as `\"500ms\"`",
        );
    }
}

fn error_ratio(checker: &mut Checker<'_>, path: &Path, below: Ratio) {
    if below.value() <= 0.0 {
        let help = "equal is not below; to allow no error at all write a tiny share, such as `\"0.0001%\"`";
        checker.tell(&path.then("below"), "nothing is below 0%, so this gate could never pass", help);
    } else if below.value() > 1.0 {
        checker.tell(
            &path.then("below"),
            format!("a share of errors is never above 100%, so below {below} tells nothing"),
            "write a limit such as `\"1%\"`",
        );
    }
}

/// That the load can get above the limit at all.
fn throughput(checker: &mut Checker<'_>, path: &Path, above: Rate, workload: Option<&Workload>) {
    let Some(workload) = workload else { return };
    let Some(peak) = workload.arrivals().peak().filter(|peak| peak.hertz() > 0.0) else { return };
    // What is due of a journey is the whole of it, and each of its steps is a request that is answered.
    let steps = if let Workload::Journey(journey) = workload { journey.steps.len().max(1) } else { 1 };
    let most = Rate::per_second(peak.hertz() * steps as f64).unwrap_or(peak);
    if above >= most {
        let message = format!("the workload offers at most {most}, so its throughput is never above {above}");
        checker.tell(&path.then("above"), message, "lower the limit, or raise the workload's rate");
    }
}

fn resource_limit(checker: &mut Checker<'_>, path: &Path, resource: Resource, below: f64) {
    if below <= 0.0 {
        let example = match resource {
            Resource::Rss | Resource::Pss | Resource::Anonymous => "`\"200MiB\"`",
            Resource::Fds | Resource::Sockets | Resource::Threads => "`100`",
            Resource::Cpu => "`1.5` (cores)",
        };
        checker.tell(
            &path.then("below"),
            "nothing is below zero, so this gate could never pass",
            format!("write a limit such as {example}"),
        );
    }
}

/// The windows of all gates; these depend on the schedule.
pub(super) fn windows(checker: &mut Checker<'_>) {
    let experiment = checker.experiment;
    let faults =
        experiment.faults.iter().enumerate().map(|(index, fault)| (fault.name.as_str(), index)).collect();
    for (index, gate) in experiment.gates.iter().enumerate() {
        let path = part!["gates", index, "over"];
        let over = match gate {
            Gate::Latency { over, .. }
            | Gate::ErrorRatio { over, .. }
            | Gate::Throughput { over, .. }
            | Gate::Resource { over, .. } => over,
            Gate::RecoveryTime { .. } | Gate::NoLeak { .. } => continue,
        };
        if !checker.places.is_broken(&path) {
            window(checker, &path, over, &faults);
        }
    }
}

fn window(checker: &mut Checker<'_>, path: &Path, over: &Window, faults: &BTreeMap<&str, usize>) {
    if checker.places.is_broken_within(&part!["phases"]) && !matches!(over, Window::Fault(_)) {
        return;
    }
    let phases = &checker.experiment.phases;
    let lasts = |phase: Phase| phases.bounds(phase).0 < phases.bounds(phase).1;
    match over {
        Window::Phase(phase) if !lasts(*phase) => {
            let message = format!("{} has no length, so there is nothing to look at", phase.word());
            checker.tell(path, message, "give the phase a length, or look at another one");
        }
        Window::Run if !Phase::ALL[1..].iter().any(|phase| lasts(*phase)) => {
            let help = "give baseline, chaos or recovery a length; warm-up is not part of `Run`";
            checker.tell(path, "the run has nothing but warm-up, so there is nothing to look at", help);
        }
        Window::Fault(name) => fault_window(checker, &path.then("fault"), name, faults),
        Window::Between(from, to) => between(checker, path, *from, *to, phases.total()),
        Window::Phase(_) | Window::Run => {}
    }
}

fn fault_window(checker: &mut Checker<'_>, path: &Path, name: &str, indices: &BTreeMap<&str, usize>) {
    let faults = &checker.experiment.faults;
    let Some(index) = indices.get(name).copied() else {
        if !checker.is_full() && !unclear_names(checker) {
            let help = suggest::help(name, "faults", faults.iter().map(|fault| fault.name.as_str()));
            checker.tell(path, format!("there is no fault `{}`", shortened(name)), help);
        }
        return;
    };
    let act = &faults[index].act;
    if act.is_instant() && !checker.places.is_broken(&part!["faults", index, "do"]) {
        let message = format!("`{}` is over at once, so there is no time to look at", shortened(name));
        checker.tell(path, message, "look at `Chaos` or `Between(\"10s\", \"20s\")`, or use `RecoveryTime`");
    }
}

/// Whether some fault's name could not be read.
fn unclear_names(checker: &Checker<'_>) -> bool {
    let mut faults = 0..checker.experiment.faults.len();
    // Mostly nothing at all is broken in the faults, which is quickly seen.
    checker.places.is_broken_within(&part!["faults"])
        && faults.any(|index| checker.places.is_broken(&part!["faults", index, "name"]))
}

fn between(checker: &mut Checker<'_>, path: &Path, from: Span, to: Span, total: Span) {
    if from >= to {
        let help = "write the earlier moment first, counted from the start of the load";
        checker.tell(&path.then("from"), format!("{from} to {to} is no stretch of time"), help);
    } else if to > total {
        let message = format!("the run is over after {total}, before {to}");
        checker.tell(&path.then("to"), message, "times count from the start of the load, warm-up included");
    }
}
