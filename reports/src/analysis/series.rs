//! Series of the timeline, bounded in size: a run of 48 hours has as many points as one of half an hour.
//!
//! A series is cut into buckets of one width; each keeps its mean time, mean, smallest and largest value. What was
//! not measured has no point: gaps stay gaps.

use serde::{Deserialize, Serialize};

use crate::show::Unit;

/// Where in the timeline a series belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Panel {
    /// Requests due, sent, answered right.
    Load,
    /// Latency quantiles.
    Latency,
    /// Errors by class.
    Errors,
    /// Memory.
    Memory,
    /// Descriptors, sockets, threads, processes.
    Handles,
    /// CPU time.
    Cpu,
    /// Context switches and page faults.
    Scheduling,
    /// The whole machine.
    Host,
    /// Links: bytes and connections.
    Links,
    /// What targets export of themselves.
    Exported,
    /// The harness's own lateness.
    Harness,
}

/// One measured quantity over the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Where it belongs.
    pub panel: Panel,
    /// What it is about: a workload, a target, a link, the host, the harness.
    pub subject: String,
    /// What was measured: `p95`, `rss`, `fds.socket`.
    pub name: String,
    /// Of the values.
    pub unit: Unit,
    /// Width of a bucket in seconds.
    pub step: f64,
    /// Moments in seconds from the start of the load, ascending.
    pub at: Vec<f64>,
    /// The mean of each bucket (for quantiles: the quantile of the whole bucket).
    pub mean: Vec<f32>,
    /// The smallest value of each bucket; empty where every bucket holds one value.
    pub min: Vec<f32>,
    /// The largest value of each bucket; empty where every bucket holds one value.
    pub max: Vec<f32>,
}

/// A series being made.
#[derive(Clone, Debug)]
pub struct SeriesBuilder {
    panel: Panel,
    subject: String,
    name: String,
    unit: Unit,
    width: f64,
    points: Vec<Point>,
}

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Sum of the moments, in seconds.
    at: f64,
    /// Sum of the values.
    sum: f64,
    /// How many.
    count: f64,
    min: f64,
    max: f64,
}

/// More points than this are never kept: about two for each pixel of a wide screen.
pub const POINTS_MAX: usize = 2_000;

/// The width of a bucket, in whole seconds, for a run of this length.
#[must_use]
pub fn bucket_width(total_seconds: f64) -> f64 {
    (total_seconds / POINTS_MAX as f64).ceil().max(1.0)
}

// === impl SeriesBuilder ===

impl SeriesBuilder {
    /// An empty series with buckets of `width` seconds.
    #[must_use]
    pub fn new(panel: Panel, subject: &str, name: &str, unit: Unit, width: f64) -> Self {
        Self { panel, subject: subject.into(), name: name.into(), unit, width, points: Vec::new() }
    }

    /// Adds a value. What is not a number, and what was before the start of the load, is left out.
    pub fn push(&mut self, at: f64, value: f64) {
        self.push_range(at, value, value, value);
    }

    /// Adds a value that stands for a range.
    pub fn push_range(&mut self, at: f64, value: f64, min: f64, max: f64) {
        if !(at >= 0.0 && at.is_finite() && value.is_finite() && min.is_finite() && max.is_finite()) {
            return;
        }
        let point = Point { at, sum: value, count: 1.0, min, max };
        let (bucket, width) = (self.bucket(at), self.width);
        match self.points.last_mut() {
            // A moment before the last one belongs to the last bucket as well: series come in order but for jitter.
            Some(last) if bucket <= (last.at / last.count / width).floor() => last.absorb(point),
            _ => self.points.push(point),
        }
        if self.points.len() > POINTS_MAX + POINTS_MAX / 4 {
            self.halve();
        }
    }

    /// Whether nothing was ever measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The mean moment and mean value of each bucket, in seconds and as exact as they were measured.
    #[must_use]
    pub fn points(&self) -> Vec<(f64, f64)> {
        self.points.iter().map(|point| (point.at / point.count, point.sum / point.count)).collect()
    }

    /// The largest value; `None` where nothing was ever measured.
    #[must_use]
    pub fn largest(&self) -> Option<f64> {
        self.points.iter().map(|point| point.max).reduce(f64::max)
    }

    /// The finished series.
    #[must_use]
    pub fn build(self) -> Series {
        let single = self.points.iter().all(|point| point.min == point.max);
        // A number beyond 32 bits becomes the largest one: JSON has no word for infinity.
        let narrow = |value: f64| (value as f32).clamp(f32::MIN, f32::MAX);
        let column = |pick: fn(&Point) -> f64| self.points.iter().map(|point| narrow(pick(point))).collect();
        Series {
            panel: self.panel,
            unit: self.unit,
            step: self.width,
            at: self
                .points
                .iter()
                .map(|point| (point.at / point.count * 1_000.0).round() / 1_000.0)
                .collect(),
            mean: column(|point| point.sum / point.count),
            min: if single { Vec::new() } else { column(|point| point.min) },
            max: if single { Vec::new() } else { column(|point| point.max) },
            subject: self.subject,
            name: self.name,
        }
    }

    fn bucket(&self, at: f64) -> f64 {
        (at / self.width).floor()
    }

    /// Twice the width, half the points: a run that goes on longer than planned stays bounded as well.
    fn halve(&mut self) {
        self.width *= 2.0;
        let points = std::mem::take(&mut self.points);
        for point in points {
            let bucket = self.bucket(point.at / point.count);
            match self.points.last_mut() {
                Some(last) if bucket <= (last.at / last.count / self.width).floor() => last.absorb(point),
                _ => self.points.push(point),
            }
        }
    }
}

// === impl Point ===

impl Point {
    fn absorb(&mut self, other: Self) {
        self.at += other.at;
        self.sum += other.sum;
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

// === impl Series ===

impl Series {
    /// Largest value anywhere; `None` of an empty series.
    #[must_use]
    pub fn largest(&self) -> Option<f64> {
        let values = if self.max.is_empty() { &self.mean } else { &self.max };
        values.iter().map(|value| f64::from(*value)).reduce(f64::max)
    }

    /// Smallest value anywhere; `None` of an empty series.
    #[must_use]
    pub fn smallest(&self) -> Option<f64> {
        let values = if self.min.is_empty() { &self.mean } else { &self.min };
        values.iter().map(|value| f64::from(*value)).reduce(f64::min)
    }

    /// The unbroken parts, as ranges of indices: a line is broken where the next point is further away than 2.5
    /// usual distances, so that a slow sampler is one line and a missing minute is a gap.
    #[must_use]
    pub fn pieces(&self) -> Vec<std::ops::Range<usize>> {
        let mut distances: Vec<f64> = self.at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let middle = distances.len() / 2;
        let usual = if distances.is_empty() {
            self.step
        } else {
            *distances.select_nth_unstable_by(middle, f64::total_cmp).1
        };
        let limit = 2.5 * usual.max(self.step);
        let mut pieces = Vec::new();
        let mut start = 0;
        for index in 1..self.at.len() {
            if self.at[index] - self.at[index - 1] > limit {
                pieces.push(start..index);
                start = index;
            }
        }
        if start < self.at.len() {
            pieces.push(start..self.at.len());
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn builder(width: f64) -> SeriesBuilder {
        SeriesBuilder::new(Panel::Load, "s", "n", Unit::Count, width)
    }

    #[test]
    fn two_days_fit_and_keep_their_extremes() {
        let mut series = builder(bucket_width(172_800.0));
        (0..172_800).for_each(|at| series.push(f64::from(at), if at == 99_999 { 7.0 } else { 1.0 }));
        let series = series.build();
        assert!(series.at.len() <= POINTS_MAX, "{}", series.at.len());
        assert_eq!((series.smallest(), series.largest()), (Some(1.0), Some(7.0)));
    }

    #[test]
    fn a_run_longer_than_planned_stays_bounded() {
        let mut series = builder(1.0);
        (0..50_000).for_each(|at| series.push(f64::from(at), f64::from(at)));
        let series = series.build();
        assert!(series.at.len() <= POINTS_MAX * 5 / 4);
        assert_eq!(series.pieces().len(), 1);
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let mut series = builder(1.0);
        (0..10).chain(20..30).for_each(|at| series.push(f64::from(at) + 0.5, 1.0));
        assert_eq!(series.build().pieces(), [0..10, 10..20]);
    }

    #[test]
    fn a_slow_sampler_is_one_line() {
        let mut series = builder(1.0);
        (0..10).for_each(|at| series.push(f64::from(at) * 5.0, 1.0));
        assert_eq!(series.build().pieces().len(), 1);
    }

    #[test]
    fn what_is_not_a_number_leaves_no_trace() {
        let mut series = builder(1.0);
        series.push(1.0, f64::NAN);
        series.push(f64::INFINITY, 1.0);
        series.push(2.0, f64::NEG_INFINITY);
        assert!(series.is_empty());
        assert!(series.build().pieces().is_empty());
    }

    proptest! {
        #[test]
        fn points_stay_in_order_and_within_their_extremes(
            values in prop::collection::vec((0.0..5_000.0f64, any::<f64>()), 0..300), width in 1.0..50.0f64,
        ) {
            let mut values = values;
            values.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut series = builder(width);
            values.iter().for_each(|(at, value)| series.push(*at, *value));
            let series = series.build();
            prop_assert!(series.at.is_sorted());
            prop_assert_eq!(series.pieces().iter().map(std::ops::Range::len).sum::<usize>(), series.at.len());
        }
    }
}
