//! Arrivals: that something comes at all, and that what is said of it fits together.

use super::Checker;
use crate::places::Path;
use crate::units::{Rate, Span};
use crate::workload::{Arrivals, Stage, Workload};

/// Hours of a day.
const HOURS: usize = 24;
/// The highest speed of a replay.
const FASTEST: f64 = 1_000.0;
const RATE: &str = "write a rate such as `\"100/s\"`, or leave the workload out";

pub(super) fn rules(checker: &mut Checker<'_>, workload_path: &Path, workload: &Workload) {
    let path = &workload_path.then("arrivals");
    // What could not be read counts as zero here; that has been told.
    if checker.places.is_broken_within(path) {
        return;
    }
    match workload.arrivals() {
        Arrivals::Constant(rate) | Arrivals::Poisson(rate) => {
            if rate.hertz() == 0.0 {
                checker.tell(&path.then("rate"), "at a rate of zero nothing is ever sent", RATE);
            }
        }
        Arrivals::Stages { stages, .. } => self::stages(checker, path, stages),
        Arrivals::Spikes { base, peak, every, hold, ramp, .. } => {
            spikes(checker, path, (*base, *peak), *every, hold.plus(*ramp).plus(*ramp));
        }
        Arrivals::Sine { mean, amplitude, period, .. } => {
            not_zero(checker, path, "period", *period, "10m");
            swing(checker, path, *mean, *amplitude);
        }
        Arrivals::Daily { rates, day, .. } => {
            not_zero(checker, path, "day", *day, "24h");
            hours(checker, &path.then("rates"), rates);
        }
        Arrivals::Bursts { every, over, .. } => {
            not_zero(checker, path, "every", *every, "1s");
            if over > every && !every.is_zero() {
                let message =
                    format!("a burst over {over} is not over when the next one comes after {every}");
                checker.tell(&path.then("over"), message, "write an `over` that is not longer than `every`");
            }
        }
        Arrivals::Replay { file, speed, .. } => replay(checker, path, file, *speed),
        Arrivals::Closed { users, .. } => one_connection_each(checker, workload_path, *users, workload),
    }
}

fn stages(checker: &mut Checker<'_>, path: &Path, stages: &[Stage]) {
    if stages.is_empty() {
        let help = "write `stages: [(rate: \"100/s\", over: \"10s\")]`";
        checker.tell(&path.then("stages"), "there is no stage", help);
    } else if stages.iter().all(|stage| stage.rate.hertz() == 0.0) {
        checker.tell(&path.then("stages"), "every stage has a rate of zero, so nothing is ever sent", RATE);
    }
}

fn not_zero(checker: &mut Checker<'_>, path: &Path, field: &'static str, span: Span, example: &str) {
    if span.is_zero() {
        checker.tell(
            &path.then(field),
            format!("`{field}` has no length"),
            format!("write a time such as `\"{example}\"`"),
        );
    }
}

fn spikes(checker: &mut Checker<'_>, path: &Path, (base, peak): (Rate, Rate), every: Span, spike: Span) {
    if peak <= base {
        let message = format!("a peak of {peak} is not above the base of {base}");
        checker.tell(&path.then("peak"), message, "write a higher rate; for one that falls use `Stages`");
    }
    if spike.is_zero() {
        let help = "write how long the peak lasts, such as `\"5s\"`";
        checker.tell(&path.then("hold"), "a spike without `hold` and `ramp` has no length", help);
    }
    if every <= spike {
        let message = format!("a spike of {spike} (`hold` and twice `ramp`) does not fit into {every}");
        checker.tell(&path.then("every"), message, "write a longer time, or shorter spikes");
    }
}

fn swing(checker: &mut Checker<'_>, path: &Path, mean: Rate, amplitude: Rate) {
    if mean.hertz() == 0.0 {
        checker.tell(&path.then("mean"), "at a rate of zero nothing is ever sent", RATE);
    } else if amplitude > mean {
        let message = format!("a swing of {amplitude} around {mean} falls below zero");
        checker.tell(&path.then("amplitude"), message, "write a rate that is not above the mean");
    }
}

fn hours(checker: &mut Checker<'_>, path: &Path, rates: &[Rate]) {
    if rates.len() != HOURS {
        let message = format!("a day has {HOURS} hours, found {} rates", rates.len());
        checker.tell(path, message, "write one rate for the beginning of each hour, from 0 to 23");
    } else if rates.iter().all(|rate| rate.hertz() == 0.0) {
        checker.tell(path, "every hour has a rate of zero, so nothing is ever sent", RATE);
    }
}

fn replay(checker: &mut Checker<'_>, path: &Path, file: &str, speed: f64) {
    if file.is_empty() {
        let help = "write the path of a trace, counted from the experiment's folder";
        checker.tell(&path.then("file"), "there is no file to replay", help);
    }
    if !(speed > 0.0 && speed <= FASTEST) {
        let help = format!("write a factor above 0 and up to {FASTEST}, such as `2.0`: twice as fast");
        checker.tell(&path.then("speed"), format!("nothing can be replayed {speed} times as fast"), help);
    }
}

fn one_connection_each(checker: &mut Checker<'_>, path: &Path, users: u32, workload: &Workload) {
    if workload.connections() != users {
        let field = workload.connections_field();
        let own = field.trim_end_matches('s');
        let message =
            format!("each user of a closed workload has a {own} of its own, and there are {users} users");
        checker.tell(&path.then(field), message, format!("leave `{field}` out"));
    }
}
