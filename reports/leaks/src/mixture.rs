//! What is known of a slope, over all candidates.

use crate::stats::student;

/// Weighted distributions of a slope: weight, middle, standard error, degrees of freedom.
pub struct Mixture(Vec<(f64, f64, f64, f64)>);

// === impl Mixture ===

impl Mixture {
    /// Without what weighs next to nothing.
    pub fn new(mut parts: Vec<(f64, f64, f64, f64)>) -> Self {
        parts.sort_by(|left, right| right.0.total_cmp(&left.0));
        let least = parts.first().map_or(0.0, |it| 0.002 * it.0);
        parts.retain(|it| it.0 >= least);
        parts.truncate(80);
        Self(parts)
    }

    /// The value that this part lies below.
    pub fn quantile(&self, part: f64) -> f64 {
        let sum: f64 = self.0.iter().map(|it| it.0).sum();
        if sum <= 0.0 {
            return 0.0;
        }
        let edge = |it: &(f64, f64, f64, f64), sign: f64| it.1 + sign * 12.0 * it.2;
        let mut low = self.0.iter().map(|it| edge(it, -1.0)).fold(f64::MAX, f64::min);
        let mut high = self.0.iter().map(|it| edge(it, 1.0)).fold(f64::MIN, f64::max);
        for _ in 0..44 {
            let middle = f64::midpoint(low, high);
            let below = |it: &(f64, f64, f64, f64)| {
                it.0 * student((middle - it.1) / it.2.max(f64::MIN_POSITIVE), it.3)
            };
            if self.0.iter().map(below).sum::<f64>() < part * sum { low = middle } else { high = middle }
        }
        f64::midpoint(low, high)
    }
}
