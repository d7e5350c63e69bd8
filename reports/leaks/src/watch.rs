//! Asking again and again while a run grows: an early verdict that may end a soak.
//!
//! Each look at a growing trace is one more chance to be wrong: of healthy traces that a single look at the end takes for
//! a leak once in a hundred, many look like one at some moment (a cache that is still filling *is* a line). So looks are
//! few, a tenth more trace apart (a geometric schedule: 48 h have about thirty); no error is spent before enough of the
//! planned run was seen (K. K. G. Lan, D. L. DeMets, *Discrete sequential boundaries for clinical trials*, Biometrika 70,
//! 1983: error is spent as a function of the part of the information that is there); a leak has to hold at every look of
//! a stretch; and what was foretold at the first look of that stretch has to have come (A. P. Dawid, *Statistical theory:
//! the prequential approach*, J. R. Statist. Soc. A 147, 1984): the later samples are fresh evidence.
//!
//! It does not promise an error rate for every stream, as a confidence sequence does (S. R. Howard et al., Ann. Statist.
//! 49, 2021): a straight fill that ends beyond the last look is a leak for all that anyone can see. How often it errs was
//! measured, on the corpus (`examples/corpus`, `--part watch`).

use std::collections::VecDeque;

use crate::detect::detect_with;
use crate::finding::{Finding, Verdict};
use crate::grain::RunningGrain;
use crate::series::Series;

/// More points are never kept: 128 KiB of times and values; the detector's 960 finest blocks get four each at least.
const POINTS_MAX: usize = 1 << 13;
/// How much more trace there is at each look.
const STEP: f64 = 1.12;
/// The smallest sure verdict that continues a stretch.
const HOLDS: f64 = 0.3;
/// The part of the growth foretold that has to have come.
const COMES: f64 = 0.5;

/// What makes a leak certain.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Demand {
    /// Nothing is certain before this second of the trace.
    from: f64,
    /// The leak has held since the trace was shorter by this factor.
    held: f64,
    /// The confidence of the last look.
    sure: f64,
}

/// When it is known how long the run will be: nothing before this part of it.
const PLANNED_PART: f64 = 0.4;
/// And when it is not: nothing in the first hour, while caches fill.
const OPEN_FROM: f64 = 3_600.0;

/// One look at the trace so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// How long the trace was, in seconds.
    pub length_s: f64,
    /// What [`detect`](crate::detect) says of it. By itself it is no reason to end a run.
    pub finding: Finding,
    /// Whether the leak is certain: held and confirmed by what came after it was first seen.
    pub certain: bool,
}

/// Watches a series that grows, in memory that does not: at most 128 KiB of points, 32 KiB of differences and 12 earlier
/// looks, whatever the length; a look itself takes 1 MiB or less for a few milliseconds, and gives it back.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    series: Series,
    grain: RunningGrain,
    /// The first and the last moment.
    span: Option<(f64, f64)>,
    demand: Demand,
    /// How long the trace has to be for the next look.
    next: f64,
    /// The stretch of looks that all said leak, as far back as a demand reaches.
    held: VecDeque<Held>,
    certain: bool,
}

/// What is remembered of a look.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Held {
    length: f64,
    level: f64,
    slope: f64,
}

// === impl Demand ===

impl Demand {
    /// Whether the stretch of looks up to now, the last included, makes a leak certain.
    fn is_met(&self, held: &VecDeque<Held>, confidence: f64) -> bool {
        let (Some(first), Some(last)) = (self.first(held), held.back()) else { return false };
        let hours = (last.length - first.length) / 3_600.0;
        last.length >= self.from
            && confidence >= self.sure
            && last.level - first.level >= COMES * first.slope * hours
            && last.slope >= COMES * first.slope
    }

    /// The latest look that is far enough back.
    fn first<'a>(&self, held: &'a VecDeque<Held>) -> Option<&'a Held> {
        let last = held.back()?.length;
        held.iter().rev().find(|it| it.length * self.held <= last)
    }
}

// === impl Watch ===

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch {
    /// For a run of no known length.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Demand { from: OPEN_FROM, held: 1.6, sure: 0.95 })
    }

    /// For a run that is to last so many seconds. The sooner verdict is the better one here: that a leak has gone on for
    /// a large part of the run is evidence that an open end does not have.
    #[must_use]
    pub fn planned(seconds: f64) -> Self {
        let from = if seconds.is_finite() { PLANNED_PART * seconds.max(0.0) } else { OPEN_FROM };
        Self::with(Demand { from, held: 1.24, sure: 0.7 })
    }

    fn with(demand: Demand) -> Self {
        Self {
            series: Series::bounded(POINTS_MAX),
            grain: RunningGrain::default(),
            span: None,
            demand,
            // Looks begin where the first that can be certain finds its stretch complete.
            next: demand.from / (demand.held * STEP),
            held: VecDeque::new(),
            certain: false,
        }
    }

    /// Adds a sample. One that is not finite or not later than the last is left out; says whether it was taken.
    pub fn push(&mut self, time: f64, value: f64) -> bool {
        let is_later = self.span.is_none_or(|(_, last)| time > last);
        if !time.is_finite() || !value.is_finite() || value.abs() > 1e140 || !is_later {
            return false;
        }
        self.span = Some((self.span.map_or(time, |(first, _)| first), time));
        self.series.push(time, value);
        self.grain.push(value);
        true
    }

    /// Looks, if there is enough more trace since the last look to do so; call it as often as convenient.
    pub fn look(&mut self) -> Option<Look> {
        let (first, last) = self.span?;
        let length = last - first;
        if length < self.next {
            return None;
        }
        let finding = self.finding();
        self.next = length.max(1.0) * STEP;
        let remembered = (finding.verdict == Verdict::Leak && finding.confidence >= HOLDS)
            .then(|| Some(Held { length, level: finding.level?, slope: finding.slope_per_hour? }))
            .flatten();
        match remembered {
            Some(held) => self.held.push_back(held),
            None => self.held.clear(),
        }
        let certain = self.demand.is_met(&self.held, finding.confidence);
        while self.held.get(1).is_some_and(|second| second.length * self.demand.held <= length / STEP) {
            self.held.pop_front();
        }
        self.certain |= certain;
        Some(Look { length_s: length, finding, certain })
    }

    /// What is known now, as the detector sees it; not a look, and no reason to end a run.
    #[must_use]
    pub fn finding(&self) -> Finding {
        detect_with(self.series.times(), self.series.values(), Some(self.grain.matter()))
    }

    /// Whether any look has found a leak certain.
    #[must_use]
    pub const fn is_certain(&self) -> bool {
        self.certain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise without a generator.
    fn noise(at: u32) -> f64 {
        let mixed = (u64::from(at) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 29)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }

    /// The trace's length when the leak became certain.
    fn certain_at(mut watch: Watch, samples: u32, value: impl Fn(f64) -> f64) -> Option<f64> {
        for at in 0..samples {
            let time = f64::from(at) * 10.0;
            assert!(watch.push(time, 1_000.0 + value(time / 3_600.0) + noise(at)));
            if let Some(look) = watch.look().filter(|look| look.certain) {
                assert!(watch.is_certain());
                return Some(look.length_s);
            }
        }
        assert!(!watch.is_certain());
        None
    }

    #[test]
    fn a_leak_is_certain_before_the_end_and_a_plateau_never_is() {
        let planned = Watch::planned(36_000.0);
        let at = certain_at(planned.clone(), 3_600, |hours| 4.0 * hours).unwrap();
        assert!((14_400.0..20_000.0).contains(&at), "{at}");
        let open = certain_at(Watch::new(), 3_600, |hours| 4.0 * hours).unwrap();
        assert!((3_600.0..20_000.0).contains(&open), "{open}");
        assert_eq!(certain_at(planned, 3_600, |hours| 40.0 * (1.0 - (-hours / 0.5).exp())), None);
        assert_eq!(certain_at(Watch::new(), 3_600, |_| 0.0), None);
    }

    #[test]
    fn a_fill_that_ends_within_the_first_part_of_a_plan_stops_nothing() {
        let watch = Watch::planned(36_000.0);
        assert_eq!(certain_at(watch, 3_600, |hours| 20.0 * hours.min(3.5)), None);
    }

    #[test]
    fn a_leak_that_stops_growing_before_it_was_confirmed_is_not_certain() {
        let demand = Demand { from: 0.0, held: 1.2, sure: 0.5 };
        let look = |length: f64, level: f64| Held { length, level, slope: 10.0 };
        let came = VecDeque::from([look(36_000.0, 100.0), look(45_000.0, 120.0)]);
        assert!(demand.is_met(&came, 0.9));
        assert!(!demand.is_met(&came, 0.4));
        let stopped = VecDeque::from([look(36_000.0, 100.0), look(45_000.0, 110.0)]);
        assert!(!demand.is_met(&stopped, 0.9));
        assert!(!demand.is_met(&VecDeque::from([look(45_000.0, 110.0)]), 0.9));
    }

    #[test]
    fn what_is_no_sample_is_left_out() {
        let mut watch = Watch::new();
        assert!(watch.push(5.0, 1.0));
        for (time, value) in
            [(5.0, 2.0), (4.0, 2.0), (6.0, f64::NAN), (f64::INFINITY, 1.0), (7.0, f64::INFINITY)]
        {
            assert!(!watch.push(time, value), "{time} {value}");
        }
        assert_eq!(watch.look(), None);
    }

    #[test]
    fn two_days_at_a_second_keep_few_points_and_the_noise_of_a_sample() {
        let mut watch = Watch::planned(172_800.0);
        for at in 0..172_800 {
            watch.push(f64::from(at), 1_000.0 + noise(at));
            watch.look();
        }
        assert!(watch.series.times().len() < POINTS_MAX, "{}", watch.series.times().len());
        assert!(watch.held.len() <= 12, "{}", watch.held.len());
        let grain = watch.grain.matter().grain;
        assert!((0.2..0.45).contains(&grain), "{grain}");
    }
}
