//! Where a leak comes from: which kind, which process, in which phase, under which fault or workload.
//!
//! All of these compare levels, medians of the points around a moment. They name what went together with the growth; that
//! it caused it, only a test can say.

use serde::{Deserialize, Serialize};

use super::judge::Judged;
use crate::show::{self, Unit};

/// A part of a leak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// What it is a part of.
    pub sort: Sort,
    /// Its name.
    pub name: String,
    /// Growth an hour in it, or for a fault while it held.
    pub per_hour: f64,
    /// Its share of the whole growth; may be above 1 where something else shrank.
    pub share: f64,
    /// Its share of the time; 1 for kinds and processes.
    pub time: f64,
}

/// By what growth is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// A kind of the resource: `fds.socket`, `sockets.close_wait`.
    Kind,
    /// A process of the target's tree.
    Process,
    /// A phase of the run.
    Phase,
    /// The time in which a fault held.
    Fault,
}

/// A part that has a trace of its own.
#[derive(Clone, Debug)]
pub struct Part {
    /// By what it is a part.
    pub sort: Sort,
    /// Its name.
    pub name: String,
    /// Moments in seconds.
    pub times: Vec<f64>,
    /// As many values.
    pub values: Vec<f64>,
}

/// Stretches of time under one name.
#[derive(Clone, Debug)]
pub struct Stretch<'a> {
    /// A phase or a fault.
    pub sort: Sort,
    /// Its name.
    pub name: &'a str,
    /// From and to, in seconds; in order, without overlap.
    pub spans: Vec<(f64, f64)>,
}

/// A level is a median over this part of the time around it.
const AROUND: f64 = 0.04;
/// A kind or a process that has less of the growth is not named.
const SHARE_MIN: f64 = 0.2;
/// A fault is named when growth while it held was so many times its share of the time,
const FAULT_RATIO: f64 = 2.0;
/// and that growth was this part of all.
const FAULT_SHARE: f64 = 0.3;
/// Shorter stretches have no pace, in seconds.
const PACE_MIN: f64 = 60.0;
/// What a fault leaves behind shows a moment after it is healed, in seconds.
const AFTERMATH: f64 = 5.0;

/// The growth that is to be explained.
#[derive(Debug)]
pub struct Growth<'a> {
    times: &'a [f64],
    values: &'a [f64],
    from: f64,
    to: f64,
    whole: f64,
}

// === impl Growth ===

impl<'a> Growth<'a> {
    /// From the onset of a leak to the end. `None` where there is none to speak of.
    #[must_use]
    pub fn of(judged: &'a Judged) -> Option<Self> {
        Self::between(&judged.life.times, &judged.life.values, judged.finding.onset_s)
    }

    fn between(times: &'a [f64], values: &'a [f64], onset: Option<f64>) -> Option<Self> {
        let (first, to) = (*times.first()?, *times.last()?);
        let from = onset.unwrap_or(first).clamp(first, to);
        let whole = level(times, values, to, to - from)? - level(times, values, from, to - from)?;
        (whole > 0.0 && to > from).then_some(Self { times, values, from, to, whole })
    }

    /// The parts that grew most of it, the largest first.
    #[must_use]
    pub fn parts(&self, parts: &[Part]) -> Vec<Origin> {
        let mut origins: Vec<Origin> = parts.iter().filter_map(|part| self.part(part)).collect();
        origins.sort_by(|left, right| right.share.total_cmp(&left.share));
        origins
    }

    fn part(&self, part: &Part) -> Option<Origin> {
        let length = self.to - self.from;
        // A process that came later had nothing before.
        let before = level(&part.times, &part.values, self.from, length).unwrap_or(0.0);
        let grown = level(&part.times, &part.values, self.to, length)? - before;
        let share = grown / self.whole;
        let per_hour = grown / length * 3_600.0;
        let origin = Origin { sort: part.sort, name: part.name.clone(), per_hour, share, time: 1.0 };
        (share >= SHARE_MIN).then_some(origin)
    }

    /// How fast it grew in each stretch: phases all, faults those that stand out.
    #[must_use]
    pub fn stretches(&self, stretches: &[Stretch<'_>]) -> Vec<Origin> {
        let mut origins: Vec<Origin> = stretches.iter().filter_map(|stretch| self.stretch(stretch)).collect();
        // One phase alone divides nothing.
        if origins.iter().filter(|origin| origin.sort == Sort::Phase).count() < 2 {
            origins.retain(|origin| origin.sort != Sort::Phase);
        }
        origins
    }

    fn stretch(&self, stretch: &Stretch<'_>) -> Option<Origin> {
        let (mut grown, mut seconds) = (0.0, 0.0);
        for (from, to) in &stretch.spans {
            let after = if stretch.sort == Sort::Fault { AFTERMATH } else { 0.0 };
            let (from, to) = (from.max(self.from), (to + after).min(self.to));
            if from < to {
                grown += self.at(to)? - self.at(from)?;
                seconds += to - from;
            }
        }
        let (share, time) = (grown / self.whole, seconds / (self.to - self.from));
        let told = match stretch.sort {
            Sort::Fault => seconds > 0.0 && share >= FAULT_SHARE && share >= FAULT_RATIO * time,
            _ => seconds >= PACE_MIN,
        };
        let per_hour = grown / seconds * 3_600.0;
        told.then(|| Origin { sort: stretch.sort, name: stretch.name.into(), per_hour, share, time })
    }

    fn at(&self, moment: f64) -> Option<f64> {
        level(self.times, self.values, moment, (self.to - self.from).min(200.0))
    }
}

/// The median of the points around a moment, at least the nearest three; `None` where there is no point near.
fn level(times: &[f64], values: &[f64], moment: f64, length: f64) -> Option<f64> {
    let around = length * AROUND;
    let mut from = times.partition_point(|time| *time < moment - around);
    let mut to = times.partition_point(|time| *time <= moment + around);
    let near =
        |place: usize| times.get(place).is_some_and(|time| (time - moment).abs() <= 4.0 * around.max(2.0));
    while to - from < 3 && (to < times.len() && near(to) || from > 0 && near(from - 1)) {
        if to < times.len() && near(to) {
            to += 1;
        }
        if from > 0 && near(from - 1) && to - from < 3 {
            from -= 1;
        }
    }
    let mut around: Vec<f64> = values.get(from..to)?.to_vec();
    around.sort_unstable_by(f64::total_cmp);
    around.get(around.len() / 2).copied()
}

// === impl Origin ===

impl Origin {
    /// For people, with growth told in this unit.
    #[must_use]
    pub fn words(&self, unit: Unit) -> String {
        let share = Unit::Ratio.show((self.share * 100.0).round() / 100.0);
        let pace = unit.show(self.per_hour);
        match self.sort {
            Sort::Kind => format!("{share} of it {}", self.name),
            Sort::Process => format!("{share} of it in process {}", self.name),
            Sort::Phase => format!("{pace} in {}", self.name),
            Sort::Fault => {
                let time = show::short(self.time * 100.0);
                format!("{share} of it while {} held ({time} % of the time)", self.name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(value: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<f64>) {
        let times: Vec<f64> = (0..3_600).map(f64::from).collect();
        let values: Vec<f64> = times.iter().map(|at| value(*at)).collect();
        (times, values)
    }

    fn growth(trace: &(Vec<f64>, Vec<f64>)) -> Growth<'_> {
        Growth::between(&trace.0, &trace.1, None).unwrap()
    }

    fn part(name: &str, value: impl Fn(f64) -> f64) -> Part {
        let (times, values) = trace(value);
        Part { sort: Sort::Kind, name: name.into(), times, values }
    }

    #[test]
    fn the_part_that_grew_is_named_and_the_steady_one_is_not() {
        let trace = trace(|at| 100.0 + at / 10.0);
        let growth = growth(&trace);
        let origins = growth.parts(&[part("fds.file", |_| 50.0), part("fds.socket", |at| 50.0 + at / 10.0)]);
        assert_eq!(origins.len(), 1, "{origins:?}");
        assert!(origins[0].name == "fds.socket" && (0.97..1.03).contains(&origins[0].share), "{origins:?}");
        assert_eq!(origins[0].words(Unit::PerHour), "100 % of it fds.socket");
    }

    #[test]
    fn growth_only_while_a_fault_held_names_the_fault_and_steady_growth_does_not() {
        let held = |at: f64| (600.0..900.0).contains(&at) || (2_000.0..2_300.0).contains(&at);
        let spans = vec![(600.0, 900.0), (2_000.0, 2_300.0)];
        let stretches = [Stretch { sort: Sort::Fault, name: "slow db", spans }];
        let stepwise = trace(|at| (0..at as u32).filter(|second| held(f64::from(*second))).count() as f64);
        let origins = growth(&stepwise).stretches(&stretches);
        assert!(origins.len() == 1 && origins[0].share > 0.9 && origins[0].time < 0.3, "{origins:?}");
        let steady = trace(|at| at / 6.0);
        assert_eq!(growth(&steady).stretches(&stretches), []);
    }

    #[test]
    fn phases_have_their_own_pace_and_one_alone_says_nothing() {
        let trace = trace(|at| if at < 1_800.0 { at } else { 1_800.0 + 3.0 * (at - 1_800.0) });
        let growth = growth(&trace);
        let phase = |name, from, to| Stretch { sort: Sort::Phase, name, spans: vec![(from, to)] };
        let both = growth.stretches(&[phase("baseline", 0.0, 1_800.0), phase("chaos", 1_800.0, 3_600.0)]);
        assert!((both[1].per_hour / both[0].per_hour - 3.0).abs() < 0.05, "{both:?}");
        assert_eq!(growth.stretches(&[phase("chaos", 0.0, 3_600.0)]), []);
    }

    #[test]
    fn a_process_that_came_later_had_nothing_before() {
        let trace = trace(|at| at);
        let mut late = part("worker (9)", |at| at);
        late.times.drain(..1_000);
        late.values.drain(..1_000);
        let origins = growth(&trace).parts(&[late]);
        assert!(origins.len() == 1 && origins[0].share > 0.9, "{origins:?}");
    }
}
