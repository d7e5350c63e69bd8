//! What the load that we hold tells of growth: whether it follows requests or time, and what idle spells left behind.

use serde::{Deserialize, Serialize};
use shakedown_leaks::{Floors, Follows, Pace, under_load};

use super::judge::Judged;
use super::trace::{Life, Trace};
use crate::show::Unit;

/// How growth stands to the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnderLoad {
    /// What growth follows.
    pub follows: Cause,
    /// Whose requests; `None`: those of all workloads, or of the only one.
    pub workload: Option<String>,
    /// How probable that is, 0 to 1.
    pub confidence: f64,
    /// Growth for each request, in the resource's own unit, where it follows requests: the most likely, and the interval
    /// of 95 %.
    pub per_request: Option<[f64; 3]>,
    /// How many idle spells there were.
    pub idle_spells: u64,
    /// Whether the levels of idle spells keep rising: `None` where there were too few or it cannot be told.
    pub floors_rise: Option<bool>,
    /// Whether growth was faster at a faster rate: `None` where rates differ too little or it cannot be told.
    pub grows_with_rate: Option<bool>,
}

/// What growth follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Requests: as much for each.
    Requests,
    /// Time: as much for each second.
    Time,
    /// It has ended, or there was none.
    Neither,
    /// The rate hardly changed, or it is too short or too noisy.
    Unknown,
}

/// Requests that workloads completed, counted over a run.
#[derive(Debug)]
pub struct Requests {
    total: f64,
    second: Option<u32>,
    trace: Trace,
}

/// Requests over time: those of all workloads, and of each that is told apart.
#[derive(Debug)]
pub struct Load {
    all: Life,
    each: Vec<(String, Life)>,
}

/// More workloads than this are not told apart.
const WORKLOADS_MAX: usize = 8;

// === impl Requests ===

impl Requests {
    /// Of a run of so many seconds.
    #[must_use]
    pub fn of_run(seconds: f64) -> Self {
        Self { total: 0.0, second: None, trace: Trace::of_run(seconds) }
    }

    /// So many were completed in a second; seconds come in order, those of several workloads one after the other.
    pub fn take(&mut self, second: u32, completed: u64) {
        if let Some(last) = self.second.filter(|last| *last != second) {
            self.trace.push(f64::from(last) + 1.0, self.total);
        }
        self.second = Some(second);
        self.total += completed as f64;
    }

    /// The count over time.
    #[must_use]
    pub fn finish(mut self) -> Life {
        if let Some(last) = self.second {
            self.trace.push(f64::from(last) + 1.0, self.total);
        }
        self.trace.finish().into_iter().next().unwrap_or_default()
    }
}

// === impl Load ===

impl Load {
    /// Of all workloads, and of each by its name.
    #[must_use]
    pub fn new(all: Requests, each: Vec<(String, Requests)>) -> Self {
        let each = if each.len() < 2 { Vec::new() } else { each };
        let each = each.into_iter().take(WORKLOADS_MAX).map(|(name, its)| (name, its.finish())).collect();
        Self { all: all.finish(), each }
    }
}

// === impl UnderLoad ===

impl UnderLoad {
    /// By the requests that explain growth best: those of one workload only where they do it better than all together.
    /// `None` where nothing was requested.
    pub(super) fn of(judged: &Judged, load: &Load) -> Option<Self> {
        let all = Self::by(judged, &load.all)?;
        let each = load
            .each
            .iter()
            .filter_map(|(name, its)| Some(Self { workload: Some(name.clone()), ..Self::by(judged, its)? }));
        let sure = |it: &Self| if it.follows == Cause::Requests { it.confidence } else { 0.0 };
        let best = each.max_by(|left, right| sure(left).total_cmp(&sure(right)));
        Some(match best {
            Some(one) if sure(&one) > sure(&all) => one,
            _ => all,
        })
    }

    fn by(judged: &Judged, requests: &Life) -> Option<Self> {
        let life = &judged.life;
        let counts: Vec<f64> = life.times.iter().map(|at| count_at(requests, *at)).collect();
        if counts.last().zip(counts.first()).is_none_or(|(last, first)| last <= first) {
            return None;
        }
        let found = under_load(&life.times, &life.values, &counts);
        Some(Self {
            follows: match found.follows {
                Follows::Requests => Cause::Requests,
                Follows::Time => Cause::Time,
                Follows::Neither => Cause::Neither,
                Follows::Unknown => Cause::Unknown,
            },
            workload: None,
            confidence: found.confidence,
            per_request: found.per_request.map(|it| [it.value, it.ci[0], it.ci[1]]),
            idle_spells: found.floors.levels.len() as u64,
            floors_rise: match found.floors.floors {
                Floors::Rise => Some(true),
                Floors::Level | Floors::Settle => Some(false),
                Floors::RoseOnce | Floors::Unknown => None,
            },
            grows_with_rate: match found.paces.pace {
                Pace::Requests => Some(true),
                Pace::Time => Some(false),
                Pace::Slows | Pace::None | Pace::Unknown => None,
            },
        })
    }

    /// For people; `None` where it tells nothing. `unit` is the resource's own.
    pub(super) fn words(&self, unit: Unit) -> Option<String> {
        let mut words = Vec::new();
        match (self.follows, self.per_request) {
            (Cause::Requests, Some([each, low, high])) => {
                let show = |value| unit.show(value);
                let of = self.workload.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
                words.push(format!("{} for each request{of} ({} to {})", show(each), show(low), show(high)));
            }
            (Cause::Requests, None) => words.push("follows requests".into()),
            (Cause::Time, _) => words.push("follows time, not requests".into()),
            (Cause::Neither | Cause::Unknown, _) => {}
        }
        match self.floors_rise {
            Some(true) => words.push(format!("each of {} idle spells left more behind", self.idle_spells)),
            Some(false) => words.push("idle spells leave no more behind".into()),
            None => {}
        }
        (!words.is_empty()).then(|| words.join(", "))
    }
}

/// Requests up to a moment, on a straight line between those that are known.
fn count_at(requests: &Life, at: f64) -> f64 {
    let after = requests.times.partition_point(|time| *time < at);
    let Some((time, count)) = requests.times.get(after).zip(requests.values.get(after)) else {
        return requests.values.last().copied().unwrap_or(0.0);
    };
    let Some(before) = after.checked_sub(1) else { return *count };
    let (earlier, known) = (requests.times[before], requests.values[before]);
    known + (count - known) * ((at - earlier) / (time - earlier).max(1e-9)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::judge::judge;
    use super::*;
    use shakedown_scenarios::gate::LeakResource;

    /// Ten minutes of 100 requests a second, five idle, ten at double rate, five idle, and so on for an hour.
    fn rate(second: u32) -> u64 {
        match second % 1_800 {
            0..600 => 100,
            900..1_500 => 200,
            _ => 0,
        }
    }

    fn found(value: impl Fn(f64, u64) -> f64) -> UnderLoad {
        let (mut requests, mut trace) = (Requests::of_run(3_600.0), Trace::of_run(3_600.0));
        let mut total = 0;
        for second in 0..3_600 {
            // Two workloads, of which one has a quarter.
            requests.take(second, rate(second) / 4);
            requests.take(second, rate(second) - rate(second) / 4);
            total += rate(second);
            let noise = (f64::from(second) * 0.618_033_988_75).fract() - 0.5;
            trace.push(f64::from(second) + 1.0, value(f64::from(second), total) + 2e5 * noise);
        }
        let judged = judge(trace, LeakResource::Memory, Unit::BytesPerHour);
        UnderLoad::of(&judged, &Load::new(requests, Vec::new())).unwrap()
    }

    #[test]
    fn a_leak_by_requests_tells_how_much_each_leaves_and_one_by_time_does_not() {
        let by_requests = found(|_, total| 5e7 + 120.0 * total as f64);
        assert_eq!(by_requests.follows, Cause::Requests, "{by_requests:?}");
        let [each, low, high] = by_requests.per_request.unwrap();
        assert!((115.0..125.0).contains(&each) && low <= each && each <= high, "{by_requests:?}");
        let words = by_requests.words(Unit::Bytes).unwrap();
        assert!(words.contains("for each request"), "{words}");
        let by_time = found(|at, _| 5e7 + 9_000.0 * at);
        assert_eq!((by_time.follows, by_time.per_request), (Cause::Time, None), "{by_time:?}");
    }

    #[test]
    fn without_requests_nothing_is_told() {
        let mut trace = Trace::of_run(600.0);
        (0..600).for_each(|at| trace.push(f64::from(at), f64::from(at)));
        let judged = judge(trace, LeakResource::Fds, Unit::PerHour);
        assert_eq!(UnderLoad::of(&judged, &Load::new(Requests::of_run(600.0), Vec::new())), None);
    }

    #[test]
    fn the_workload_that_leaks_is_named() {
        let mut trace = Trace::of_run(3_600.0);
        let mut each =
            [("browse".to_owned(), Requests::of_run(3_600.0)), ("buy".to_owned(), Requests::of_run(3_600.0))];
        let mut all = Requests::of_run(3_600.0);
        let mut bought = 0;
        for second in 0..3_600 {
            // One steady but for its pauses, the other in turns of its own.
            let counts = [if second % 500 < 400 { 100 } else { 0 }, rate(second + 300) / 10];
            bought += counts[1];
            for ((_, its), count) in each.iter_mut().zip(counts) {
                its.take(second, count);
            }
            all.take(second, counts[0] + counts[1]);
            let noise = (f64::from(second) * 0.618_033_988_75).fract() - 0.5;
            trace.push(f64::from(second) + 1.0, 5e7 + 1_500.0 * bought as f64 + 2e5 * noise);
        }
        let judged = judge(trace, LeakResource::Memory, Unit::BytesPerHour);
        let found = UnderLoad::of(&judged, &Load::new(all, each.into())).unwrap();
        assert_eq!((found.follows, found.workload.as_deref()), (Cause::Requests, Some("buy")), "{found:?}");
        assert!(found.words(Unit::Bytes).unwrap().contains("for each request of buy"));
    }
}
