//! Probes: that they can be asked, often enough to tell something and seldom enough to disturb nothing.

use super::{Checker, targets};
use crate::places::part;
use crate::probe::Ask;
use crate::units::Span;

/// A probe is no workload.
const SHORTEST_INTERVAL: Span = Span::millis(10);

pub(super) fn rules(checker: &mut Checker<'_>) {
    let experiment = checker.experiment;
    for (index, probe) in experiment.hypothesis.iter().enumerate() {
        let path = part!["hypothesis", index];
        match &probe.ask {
            Ask::Http { to, path: url, .. } => {
                checker.destination(&path.then("to"), to);
                targets::http_path(checker, &path.then("path"), url);
            }
            Ask::Tcp { to } => checker.destination(&path.then("to"), to),
            Ask::Exec { argv, .. } => targets::argv(checker, &path.then("argv"), argv, false),
        }
        if probe.every < SHORTEST_INTERVAL {
            let message = format!("every {} is too often for a probe", probe.every);
            checker.tell(
                &path.then("every"),
                message,
                format!("ask at most every {SHORTEST_INTERVAL}; load belongs into a workload"),
            );
        }
        if probe.timeout.is_zero() {
            checker.tell(
                &path.then("timeout"),
                "with no time to answer every answer is late",
                "write a timeout such as `\"1s\"`",
            );
        }
    }
}
