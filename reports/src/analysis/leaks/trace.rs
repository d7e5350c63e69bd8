//! A resource over time as the leak check looks at it: medians of short blocks, one list for each process that lived.

/// Points that a trace keeps at the most: what the check can tell does not grow with more.
pub const POINTS_MAX: usize = 4_096;

/// A resource over time.
#[derive(Clone, Debug)]
pub struct Trace {
    lives: Vec<Life>,
    open: Vec<(f64, f64)>,
    open_until: f64,
    width: f64,
}

/// What was measured of one process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Life {
    /// Moments in seconds, ascending.
    pub times: Vec<f64>,
    /// As many values.
    pub values: Vec<f64>,
}

/// A life with fewer points tells nothing.
const LIFE_MIN: usize = 4;

// === impl Trace ===

impl Trace {
    /// An empty trace of a run of so many seconds.
    #[must_use]
    pub fn of_run(seconds: f64) -> Self {
        let width = (seconds / POINTS_MAX as f64).ceil().max(1.0);
        Self { lives: Vec::new(), open: Vec::new(), open_until: f64::NEG_INFINITY, width }
    }

    /// Adds a value. What is no number is left out, and so is what comes from before the last one.
    pub fn push(&mut self, at: f64, value: f64) {
        if !(at.is_finite() && value.is_finite()) || self.open.last().is_some_and(|last| at <= last.0) {
            return;
        }
        if at >= self.open_until {
            self.close();
            // Blocks keep to a grid: a sample that comes early must not fall into the block before it.
            self.open_until = ((at / self.width + 0.1).floor() + 0.9) * self.width;
        }
        self.open.push((at, value));
    }

    /// What comes next belongs to another process.
    pub fn cut(&mut self) {
        self.close();
        self.open_until = f64::NEG_INFINITY;
        if self.lives.last().is_some_and(|life| life.times.len() < LIFE_MIN) {
            self.lives.pop();
        }
        self.lives.push(Life::default());
    }

    /// How many processes there were.
    #[must_use]
    pub fn lives(&self) -> usize {
        let open = usize::from(self.lives.is_empty() && !self.open.is_empty());
        self.lives.iter().filter(|life| !life.times.is_empty()).count() + open
    }

    /// All lives with points, in the order of time.
    #[must_use]
    pub fn finish(mut self) -> Vec<Life> {
        self.close();
        self.lives.retain(|life| !life.times.is_empty());
        self.lives
    }

    fn close(&mut self) {
        if self.open.is_empty() {
            return;
        }
        if self.lives.is_empty() {
            self.lives.push(Life::default());
        }
        let at = self.open.iter().map(|point| point.0).sum::<f64>() / self.open.len() as f64;
        self.open.sort_unstable_by(|left, right| left.1.total_cmp(&right.1));
        let value = self.open[self.open.len() / 2].1;
        self.open.clear();
        if let Some(life) = self.lives.last_mut() {
            life.times.push(at);
            life.values.push(value);
        }
        if self.lives.iter().map(|life| life.times.len()).sum::<usize>() > 2 * POINTS_MAX {
            self.halve();
        }
    }

    /// A run that is longer than it was planned gets wider blocks.
    fn halve(&mut self) {
        self.width *= 2.0;
        for life in &mut self.lives {
            let halved = |values: &[f64]| -> Vec<f64> {
                values.chunks(2).map(|pair| pair.iter().sum::<f64>() / pair.len() as f64).collect()
            };
            (life.times, life.values) = (halved(&life.times), halved(&life.values));
        }
    }
}

// === impl Life ===

impl Life {
    /// How long it was looked at, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.times.last().zip(self.times.first()).map_or(0.0, |(last, first)| last - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_a_second_is_kept_and_a_process_is_never_joined_to_the_next() {
        let mut trace = Trace::of_run(100.0);
        (0..50).for_each(|second| trace.push(f64::from(second) + 0.01 * f64::from(second % 2), 1.0));
        trace.cut();
        (50..100).for_each(|second| trace.push(f64::from(second), 2.0));
        let lives = trace.finish();
        assert_eq!(lives.iter().map(|life| life.times.len()).collect::<Vec<_>>(), [50, 50]);
        assert_eq!(lives[1].values, [2.0; 50]);
    }

    #[test]
    fn two_days_are_medians_of_blocks_and_a_process_of_a_moment_is_no_life() {
        let mut trace = Trace::of_run(172_800.0);
        (0..172_800).for_each(|second| trace.push(f64::from(second), f64::from(second % 2)));
        trace.cut();
        trace.push(172_801.0, 1.0);
        trace.cut();
        let lives = trace.finish();
        assert_eq!(lives.len(), 1);
        assert!((4_000..=POINTS_MAX).contains(&lives[0].times.len()), "{}", lives[0].times.len());
    }

    #[test]
    fn a_run_that_does_not_end_does_not_fill_the_memory() {
        let mut trace = Trace::of_run(60.0);
        (0..100_000).for_each(|second| trace.push(f64::from(second), f64::from(second)));
        trace.push(f64::NAN, 1.0);
        trace.push(5.0, 1.0);
        let lives = trace.finish();
        assert!(lives[0].times.len() <= 2 * POINTS_MAX && lives[0].times.is_sorted());
        assert!((lives[0].values[100] - lives[0].times[100]).abs() < 20.0);
    }
}
