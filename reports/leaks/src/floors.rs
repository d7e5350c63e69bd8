//! What the idle spells between loads and the rates under load tell of growth: a leak leaves each idle floor higher than
//! the one before, and grows twice as fast at twice the rate; a cache that is full does neither, and a filling one or a
//! log less each time.
//!
//! It needs spells of steady load that are long against what a target does by itself (saw teeth, collections): twenty of
//! those at least. It cannot tell a leak from a cache that is still being filled at full speed, nor see what grows only
//! where load changes.

use crate::spells::{Estimate, Spell, Trend, spells, trend, unwound, where_idle};

/// The level of one idle spell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// From when to when, in seconds.
    pub span_s: (f64, f64),
    /// The level of its later half, when what the load left has been given back.
    pub level: f64,
    /// Its standard error.
    pub error: f64,
}

/// How the floors stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floors {
    /// Each is higher than the one before, and the last rise as much for each request as the first, or half of it: a leak.
    Rise,
    /// There are two, and the second is higher: a leak, or a cache that was filled.
    RoseOnce,
    /// The last is not seen to be higher than the one before; the interval of `per_request` tells what could hide.
    Level,
    /// Higher, but ever less so: it fills.
    Settle,
    /// Too few, too short or too noisy.
    Unknown,
}

/// What the floors tell.
#[derive(Clone, Debug, PartialEq)]
pub struct FloorFinding {
    /// The answer.
    pub floors: Floors,
    /// Every idle spell, in order.
    pub levels: Vec<Floor>,
    /// How much each request between the last two floors left behind, in the series' unit.
    pub per_request: Option<Estimate>,
}

/// Growth in one spell of load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    /// From when to when, in seconds.
    pub span_s: (f64, f64),
    /// Requests a second.
    pub rate: f64,
    /// Growth an hour.
    pub per_hour: Estimate,
}

/// How growth changes with the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As the rate does: as much for each request.
    Requests,
    /// Not at all: as much an hour.
    Time,
    /// Later growth is less than either: it fills, or it is a log.
    Slows,
    /// Nothing grows.
    None,
    /// The rates differ too little, or it is too noisy.
    Unknown,
}

/// What the rates tell.
#[derive(Clone, Debug, PartialEq)]
pub struct PaceFinding {
    /// The answer.
    pub pace: Pace,
    /// Every spell of load, in order.
    pub phases: Vec<Phase>,
}

/// A later rise (for each request) below this part of an earlier one is one that settles.
const SETTLES: f64 = 0.5;
/// Rates that differ by less than this factor say nothing.
const FACTOR_MIN: f64 = 1.5;

/// Compares the levels of idle spells between spells of load: moments in seconds, ascending, as many values, and the count
/// of requests up to each (a counter that was reset is put right). Two spells tell whether the floor rose; only a third
/// tells a leak from a cache that was filled once.
#[must_use]
pub fn floors(times: &[f64], values: &[f64], requests: &[f64]) -> FloorFinding {
    let unknown = FloorFinding { floors: Floors::Unknown, levels: Vec::new(), per_request: None };
    if times.len() != values.len() || times.len() != requests.len() {
        return unknown;
    }
    let requests = unwound(requests);
    let spells = spells(times, &requests);
    let settled = |spell: &Spell| {
        let half = spell.samples.len() / 2;
        spell.samples.start + half..spell.samples.end
    };
    let level = |spell: &&Spell| {
        let part = settled(spell);
        let trend = trend(&times[part.clone()], &values[part.clone()])?;
        let span_s = (times[spell.samples.start], times[part.end - 1]);
        Some((Floor { span_s, level: trend.level, error: trend.level_error }, requests[part.start], trend))
    };
    let all: Vec<(Floor, f64, Trend)> = where_idle(&spells, true).iter().filter_map(level).collect();
    let rise = |two: &[(Floor, f64, Trend)]| {
        let (left, right) = (&two[0], &two[1]);
        let error = left.0.error.hypot(right.0.error);
        let count = right.1 - left.1;
        let degrees = left.2.degrees + right.2.degrees;
        (count > 0.0).then(|| Estimate::new((right.0.level - left.0.level) / count, error / count, degrees))
    };
    let rises: Vec<Estimate> = all.windows(2).filter_map(rise).collect();
    let floors = match rises[..] {
        [] => Floors::Unknown,
        [only] if only.is_up() => Floors::RoseOnce,
        [_] => Floors::Level,
        [.., last] if !last.is_up() => {
            // A rise that was there and is no more has settled; one that noise would hide is not known.
            let before = rises[..rises.len() - 1].iter().map(|it| it.value).fold(0.0, f64::max);
            if before > 0.0 && last.ci[1] > SETTLES * before { Floors::Unknown } else { Floors::Level }
        }
        [first, .., last] if last.value < SETTLES * first.value => Floors::Settle,
        _ if rises.iter().all(Estimate::is_up) => Floors::Rise,
        _ => Floors::Unknown,
    };
    FloorFinding { floors, levels: all.iter().map(|it| it.0).collect(), per_request: rises.last().copied() }
}

/// Compares growth between spells of load at different rates; arguments as of [`floors`]. The spells have to come with the
/// lower rate first, or growth that slows down by itself looks like growth that follows requests.
#[must_use]
pub fn paces(times: &[f64], values: &[f64], requests: &[f64]) -> PaceFinding {
    if times.len() != values.len() || times.len() != requests.len() {
        return PaceFinding { pace: Pace::Unknown, phases: Vec::new() };
    }
    let requests = unwound(requests);
    let spells = spells(times, &requests);
    let phase = |spell: &&Spell| {
        // The first quarter belongs to the change of load: buffers and pools grow to its size.
        let from = spell.samples.start + spell.samples.len() / 4;
        let part = from..spell.samples.end;
        let trend = trend(&times[part.clone()], &values[part])?;
        Some(Phase {
            span_s: (times[spell.samples.start], times[spell.samples.end - 1]),
            rate: spell.rate,
            per_hour: Estimate::new(3_600.0 * trend.slope, 3_600.0 * trend.slope_error, trend.degrees),
        })
    };
    let phases: Vec<Phase> = where_idle(&spells, false).iter().filter_map(phase).collect();
    PaceFinding { pace: pace(&phases), phases }
}

fn pace(phases: &[Phase]) -> Pace {
    let slower = phases.iter().min_by(|left, right| left.rate.total_cmp(&right.rate));
    let faster = phases.iter().max_by(|left, right| left.rate.total_cmp(&right.rate));
    let (Some(slower), Some(faster)) = (slower, faster) else { return Pace::Unknown };
    let factor = faster.rate / slower.rate;
    if factor.is_nan() || factor < FACTOR_MIN || slower.span_s.0 > faster.span_s.0 {
        return Pace::Unknown;
    }
    if !phases.iter().any(|phase| phase.per_hour.is_up()) {
        return Pace::None;
    }
    let [low, high] = slower.per_hour.ci;
    // What each claim expects of the faster spell: an interval that has to meet the one that was seen.
    let meets = |by: f64| faster.per_hour.ci[0] <= by * high && faster.per_hour.ci[1] >= by * low;
    let (by_requests, by_time) = (meets(factor), meets(1.0));
    match (by_requests, by_time) {
        (true, true) => Pace::Unknown,
        (true, false) if faster.per_hour.is_up() => Pace::Requests,
        (false, true) => Pace::Time,
        (false, false) if faster.per_hour.ci[1] < low => Pace::Slows,
        _ => Pace::Unknown,
    }
}
