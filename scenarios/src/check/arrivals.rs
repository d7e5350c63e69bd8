//! Arrivals: that something comes at all, and that what is said of it fits together.

use super::Checker;
use crate::places::Path;
use crate::workload::{Arrivals, Stage, Workload};

const RATE: &str = "write a rate such as `\"100/s\"`, or leave the workload out";

pub(super) fn rules(checker: &mut Checker<'_>, workload_path: &Path, workload: &Workload) {
    let path = &workload_path.then("arrivals");
    match workload.arrivals() {
        Arrivals::Constant(rate) | Arrivals::Poisson(rate) => {
            if rate.hertz() == 0.0 {
                checker.tell(&path.then("rate"), "at a rate of zero nothing is ever sent", RATE);
            }
        }
        Arrivals::Stages { stages, .. } => self::stages(checker, path, stages),
        Arrivals::Closed { users, .. } => one_connection_each(checker, workload_path, *users, workload),
    }
}

fn stages(checker: &mut Checker<'_>, path: &Path, stages: &[Stage]) {
    if stages.is_empty() {
        let help = "write `stages: [(rate: \"100/s\", over: \"10s\")]`";
        checker.tell(&path.then("stages"), "there is no stage", help);
    } else if stages.iter().all(|stage| stage.rate.hertz() == 0.0) && !checker.places.is_broken_within(path) {
        // A rate that could not be read counts as zero here; that has been told.
        checker.tell(&path.then("stages"), "every stage has a rate of zero, so nothing is ever sent", RATE);
    }
}

fn one_connection_each(checker: &mut Checker<'_>, path: &Path, users: u32, workload: &Workload) {
    if workload.connections() != users && !checker.places.is_broken_within(&path.then("arrivals")) {
        let message = format!(
            "each user of a closed workload has a connection of its own, and there are {users} users"
        );
        checker.tell(&path.then("connections"), message, "leave `connections` out");
    }
}
