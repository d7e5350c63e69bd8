//! A series in bounded memory: when it grows too long, neighbours become one.

/// Moments and values; a long one is thinned as it grows, by the means of neighbours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    times: Vec<f64>,
    values: Vec<f64>,
    /// How many samples each point stands for, a power of two.
    stride: u64,
    /// Sum of times, of values, and count of the point being made.
    open: (f64, f64, u64),
    count: u64,
    /// More points are not kept; 0 is as many as a series may have.
    most: usize,
}

/// More points are never kept: 4 MiB of times and values, and 48 h at a second fit whole.
const POINTS_MAX: usize = 1 << 18;

// === impl Series ===

impl Series {
    /// An empty series that keeps fewer points than this, a power of two of at most 262,144, and from half of it on.
    pub(crate) fn bounded(most: usize) -> Self {
        Self { most: most.clamp(2, POINTS_MAX), ..Self::default() }
    }

    /// Adds a sample.
    pub fn push(&mut self, time: f64, value: f64) {
        self.stride = self.stride.max(1);
        self.count += 1;
        let (times, values, count) = self.open;
        self.open = (times + time, values + value, count + 1);
        if self.open.2 >= self.stride {
            self.close();
        }
        if self.times.len() >= if self.most == 0 { POINTS_MAX } else { self.most } {
            self.halve();
        }
    }

    fn close(&mut self) {
        let (times, values, count) = std::mem::take(&mut self.open);
        self.times.push(times / count as f64);
        self.values.push(values / count as f64);
    }

    fn halve(&mut self) {
        let pairs = self.times.len() / 2;
        for at in 0..pairs {
            self.times[at] = f64::midpoint(self.times[2 * at], self.times[2 * at + 1]);
            self.values[at] = f64::midpoint(self.values[2 * at], self.values[2 * at + 1]);
        }
        self.times.truncate(pairs);
        self.values.truncate(pairs);
        self.stride *= 2;
    }

    /// Whether every sample is still there by itself.
    #[must_use]
    pub const fn may_be_sorted_later(&self) -> bool {
        self.stride <= 1
    }

    /// Puts the points in the order of their times.
    pub fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        order.sort_by(|left, right| self.times[*left].total_cmp(&self.times[*right]));
        self.times = order.iter().map(|at| self.times[*at]).collect();
        self.values = order.iter().map(|at| self.values[*at]).collect();
    }

    /// Makes one of points at the same time, by their mean; says how many are gone.
    pub fn merge_duplicates(&mut self) -> u64 {
        let mut kept: Vec<(f64, f64, f64)> = Vec::with_capacity(self.times.len());
        for (time, value) in self.times.iter().zip(&self.values) {
            match kept.last_mut().filter(|last| last.0 == *time) {
                Some(last) => (last.1, last.2) = (last.1 + value, last.2 + 1.0),
                None => kept.push((*time, *value, 1.0)),
            }
        }
        let gone = (self.times.len() - kept.len()) as u64;
        if gone > 0 {
            self.times = kept.iter().map(|it| it.0).collect();
            self.values = kept.iter().map(|it| it.1 / it.2).collect();
        }
        gone
    }

    /// Moments in seconds, ascending.
    #[must_use]
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// As many values.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// How many samples it was made of.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The longest time without a sample, if it is a tenth of the trace or more: from and to.
    #[must_use]
    pub fn gap(&self) -> Option<(f64, f64)> {
        let length = self.times.last()? - self.times.first()?;
        let gaps = self.times.windows(2).map(|two| (two[0], two[1]));
        gaps.max_by(|left, right| (left.1 - left.0).total_cmp(&(right.1 - right.0)))
            .filter(|(from, to)| self.times.len() > 20 && to - from > 0.1 * length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_is_thinned_and_keeps_its_course() {
        let mut series = Series::default();
        (0..1_500_000).map(f64::from).for_each(|at| series.push(at, 2.0 * at));
        assert!((100_000..POINTS_MAX).contains(&series.times().len()), "{}", series.times().len());
        assert_eq!(series.count(), 1_500_000);
        assert!(series.times().iter().zip(series.values()).all(|(time, value)| *value == 2.0 * time));
    }

    #[test]
    fn a_tenth_without_samples_is_a_gap() {
        let mut series = Series::default();
        (0..100).map(f64::from).filter(|at| !(30.0..50.0).contains(at)).for_each(|at| series.push(at, at));
        assert_eq!(series.gap(), Some((29.0, 50.0)));
    }
}
