//! The noise and the smallest step of a series, kept up as it grows: a thinned series is quieter than its samples were.

use crate::blocks;
use crate::detect::Matter;

/// More differences are never kept.
const KEPT_MAX: usize = 4_096;

/// What `blocks::grain` and `blocks::quantum` say of all samples so far, from a bounded and even choice of them.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningGrain {
    /// The last two values, the newest last.
    last: [Option<f64>; 2],
    /// Second differences, each `stride`-th one.
    kept: Vec<f64>,
    stride: u64,
    seen: u64,
    /// Sum of the sizes of the steps, and their count.
    steps: (f64, f64),
    quantum: Option<f64>,
}

// === impl RunningGrain ===

impl Default for RunningGrain {
    fn default() -> Self {
        Self { last: [None; 2], kept: Vec::new(), stride: 1, seen: 0, steps: (0.0, 0.0), quantum: None }
    }
}

impl RunningGrain {
    pub fn push(&mut self, value: f64) {
        if let [before, Some(last)] = self.last {
            let step = (value - last).abs();
            self.steps = (self.steps.0 + step, self.steps.1 + 1.0);
            if step > 0.0 {
                self.quantum = Some(self.quantum.map_or(step, |quantum| quantum.min(step)));
            }
            if let Some(before) = before {
                self.bend(before - 2.0 * last + value);
            }
        }
        self.last = [self.last[1], Some(value)];
    }

    fn bend(&mut self, second: f64) {
        if self.seen.is_multiple_of(self.stride) {
            self.kept.push(second);
        }
        self.seen += 1;
        if self.kept.len() >= KEPT_MAX {
            let mut at = 0;
            self.kept.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// The noise of a sample and the smallest step, in the series' unit.
    pub fn matter(&self) -> Matter {
        let mean_step = if self.steps.1 > 0.0 { self.steps.0 / self.steps.1 } else { 0.0 };
        Matter {
            grain: blocks::grain_of(self.kept.iter().copied(), mean_step),
            quantum: self.quantum.unwrap_or(0.0),
        }
    }
}
