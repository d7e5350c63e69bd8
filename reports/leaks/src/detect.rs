//! From a trace to a finding.

use crate::blocks;
use crate::finding::{Finding, Verdict};
use crate::judge::Judge;
use crate::view::View;

/// Nothing is claimed on fewer samples,
const SAMPLES_MIN: usize = 30;
/// nor on a shorter trace, in seconds: an allocator's warm-up takes minutes.
const SECONDS_MIN: f64 = 300.0;

/// What matters, as growth over a trace.
pub struct Matter {
    /// Of the noise between samples.
    pub grain: f64,
    pub quantum: f64,
}

/// Back to seconds and hours.
pub struct Scale {
    pub start: f64,
    pub length: f64,
    pub zero: f64,
    pub unit: f64,
}

/// Judges a series: moments in seconds, ascending, and as many finite values. The same moments and values give the same
/// finding; other units or another zero of either change it only by that.
#[must_use]
pub fn detect(times: &[f64], values: &[f64]) -> Finding {
    detect_with(times, values, None)
}

/// The same of a series that was thinned, with what is known of its samples before that.
pub fn detect_with(times: &[f64], values: &[f64], matter: Option<Matter>) -> Finding {
    let length = times.last().zip(times.first()).map_or(0.0, |(last, first)| last - first);
    if times.len() < SAMPLES_MIN || times.len() != values.len() {
        return Finding::unknown("fewer than 30 samples");
    }
    if length < SECONDS_MIN {
        return Finding::unknown("shorter than 5 minutes");
    }
    let zero = values[0];
    let largest = values.iter().map(|value| (value - zero).abs()).fold(0.0, f64::max);
    // A power of two changes no digit, and keeps squares within what a number can be.
    let unit = if largest > 0.0 { largest.log2().floor().exp2() } else { 1.0 };
    let scale = Scale { start: times[0], length, zero, unit };
    if largest == 0.0 {
        return scale.constant();
    }
    let values: Vec<f64> = values.iter().map(|value| (value - zero) / unit).collect();
    let fine = blocks::fine(times, &values);
    let matter = matter.map_or_else(
        || Matter { grain: blocks::grain(&values), quantum: blocks::quantum(&values) },
        |known| Matter { grain: known.grain / unit, quantum: known.quantum / unit },
    );
    let mut view = View::new(fine, values.len(), length, &matter);
    let candidates = view.candidates();
    Judge::new(&view, &candidates, &matter, &scale).finding()
}

/// What explains a trace, for people who tune.
#[doc(hidden)]
#[must_use]
pub fn explain(times: &[f64], values: &[f64]) -> String {
    let values: Vec<f64> = values.iter().map(|value| value - values[0]).collect();
    let fine = blocks::fine(times, &values);
    let matter = Matter { grain: blocks::grain(&values), quantum: blocks::quantum(&values) };
    let mut view = View::new(fine, values.len(), times[times.len() - 1] - times[0], &matter);
    let candidates = view.candidates();
    let scale = Scale { start: times[0], length: 1.0, zero: 0.0, unit: 1.0 };
    let judge = Judge::new(&view, &candidates, &matter, &scale);
    let mut lines: Vec<(f64, String)> = candidates
        .iter()
        .map(|it| {
            let shapes: Vec<_> = view.shapes(it).collect();
            let text = format!(
                "{:.3} phi {} fresh {} leaks {:.3} slope {:.3e} +- {:.1e} matters {:.2e} sigma {:.2e} {shapes:.2?}",
                it.weight, it.noise.phi, it.noise.fresh, judge.leaks(it), it.slope, it.error, judge.matters(it), it.sigma
            );
            (it.weight, text)
        })
        .collect();
    lines.sort_by(|left, right| right.0.total_cmp(&left.0));
    let lines: Vec<String> = lines.into_iter().take(14).map(|it| it.1).collect();
    format!("{} blocks, {} base columns\n    {}", view.blocks.len(), view.base.len(), lines.join("\n    "))
}

// === impl Scale ===

impl Scale {
    /// Every value is the same.
    fn constant(&self) -> Finding {
        Finding {
            verdict: Verdict::NoLeak,
            slope_per_hour: Some(0.0),
            slope_ci: Some([0.0, 0.0]),
            confidence: 1.0,
            plateau_s: Some(self.start),
            growth_bound_per_hour: Some(0.0),
            level: Some(self.zero),
            why: None,
            ..Finding::unknown("")
        }
    }
}
