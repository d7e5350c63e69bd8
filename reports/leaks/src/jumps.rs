//! What happens at once: level steps, restarts, and ratchets that only click upwards. Found on fine blocks, where a jump
//! is one between two stretches that are each nearly flat.

use crate::blocks::Block;
use crate::stats::{MAD, median, quantile};

/// A lasting change within one block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jump {
    /// When, as a part of the trace.
    pub at: f64,
    /// By how much.
    pub size: f64,
}

/// All jumps that stand out, in order.
#[must_use]
pub fn jumps(fine: &[Block], quantum: f64) -> Vec<Jump> {
    let width = (fine.len() / 60).clamp(3, 8);
    if fine.len() < 6 * width {
        return Vec::new();
    }
    let values: Vec<f64> = fine.iter().map(|block| block.value).collect();
    let middles: Vec<f64> = values.windows(width).map(|window| median(&mut window.to_vec())).collect();
    // The change between the windows that end and begin at an index.
    let change = |at: usize| middles[at] - middles[at - width];
    let places = width..=values.len() - width;
    let changes: Vec<f64> = places.clone().map(change).collect();
    let drift = median(&mut changes.clone());
    let noise = MAD * median(&mut changes.iter().map(|it| (it - drift).abs()).collect::<Vec<_>>());
    let mut sorted = values.clone();
    let range = quantile(&mut sorted, 0.995) - quantile(&mut sorted, 0.005);
    let limit = (6.0 * noise).max(0.03 * range).max(0.9 * quantum);
    let size_at = |at: usize| changes[at - width] - drift;
    let mut found: Vec<(usize, Jump)> = Vec::new();
    for at in places.clone().filter(|at| size_at(*at).abs() >= limit) {
        let near = at.saturating_sub(width).max(width)..=(at + width).min(values.len() - width);
        let size = size_at(at);
        let is_peak = near.clone().all(|other| size_at(other).abs() <= size.abs());
        let flat = |other: usize| !places.contains(&other) || size_at(other).abs() < 0.5 * size.abs();
        let edge = split(&values, at.saturating_sub(width)..(at + width).min(values.len()));
        let over =
            |at: usize| (values[at.min(values.len() - 1)] - values[at.saturating_sub(2)]) * size.signum();
        let sharp = over(edge).max(over(edge + 1)) > 0.5 * size.abs();
        let is_new = found.last().is_none_or(|(last, _)| at > last + width);
        if is_peak && is_new && sharp && (flat(at + width) || flat(at - width)) {
            found.push((at, Jump { at: f64::midpoint(fine[edge - 1].at, fine[edge].at), size }));
        }
    }
    found.into_iter().map(|(_, jump)| jump).collect()
}

/// Where a stretch is best cut into two levels: the first index of the second.
fn split(values: &[f64], stretch: std::ops::Range<usize>) -> usize {
    let sum = |part: &[f64]| part.iter().sum::<f64>();
    let gain = |at: usize| {
        let (left, right) = (&values[stretch.start..at], &values[at..stretch.end]);
        let (sum_left, sum_right) = (sum(left), sum(right));
        sum_left * sum_left / left.len() as f64 + sum_right * sum_right / right.len() as f64
    };
    let inner = stretch.start + 1..stretch.end;
    inner.max_by(|left, right| gain(*left).total_cmp(&gain(*right))).unwrap_or(stretch.start)
}

/// A series that clicks up again and again, and keeps what it took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratchet {
    /// The first click.
    pub onset: f64,
    /// Growth over a trace's length.
    pub slope: f64,
    /// Its standard error, were the clicks to come by chance (a compound Poisson process).
    pub error: f64,
}

/// Whether these jumps are a ratchet: enough of them, nearly all up, and still going on at the end.
#[must_use]
pub fn ratchet(jumps: &[Jump], fine: &[Block]) -> Option<Ratchet> {
    const LEAST: usize = 5;
    let ups: Vec<Jump> = jumps.iter().copied().filter(|jump| jump.size > 0.0).collect();
    let fallen: f64 = jumps.iter().map(|jump| (-jump.size).max(0.0)).sum();
    let climbed: f64 = ups.iter().map(|jump| jump.size).sum();
    let (first, last) = (ups.first()?, ups.last()?);
    let downs = jumps.len() - ups.len();
    let count = ups.len() as f64;
    let mean = climbed / count;
    let kept = fine.last()?.value.min(fine[fine.len() - 1 - fine.len() / 50].value) - fine.first()?.value;
    // Waits between clicks: the last may not be far longer than the others, and the later half clicks on.
    let wait = (last.at - first.at) / (count - 1.0).max(1.0);
    let middle = f64::midpoint(first.at, 1.0);
    let late: f64 = ups.iter().filter(|jump| jump.at > middle).map(|jump| jump.size).sum();
    let is_one = ups.len() >= LEAST
        && downs * 8 <= ups.len()
        && fallen < 0.15 * climbed
        && kept > 0.5 * climbed
        && 1.0 - last.at < 3.0 * wait
        && late > 0.3 * climbed;
    let squares: f64 = ups.iter().map(|jump| jump.size * jump.size).sum();
    let onset = (first.at - wait).max(0.0);
    let length = (1.0 - onset).max(0.05);
    is_one.then(|| Ratchet { onset: first.at, slope: mean * count / length, error: squares.sqrt() / length })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(value: impl Fn(usize) -> f64) -> Vec<Block> {
        (0..480)
            .map(|at| Block { at: at as f64 / 479.0, value: value(at) + (at * 7 % 5) as f64 * 0.1 })
            .collect()
    }

    #[test]
    fn a_step_is_one_jump_and_a_slope_is_none() {
        let found = jumps(&blocks(|at| if at < 200 { 0.0 } else { 50.0 }), 0.0);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((found[0].at - 0.417).abs() < 0.01 && (found[0].size - 50.0).abs() < 1.0);
        assert_eq!(jumps(&blocks(|at| at as f64), 0.0), []);
    }

    #[test]
    fn clicks_up_are_a_ratchet_and_clicks_both_ways_are_none() {
        let up = blocks(|at| (at / 50) as f64 * 20.0);
        let found = ratchet(&jumps(&up, 0.0), &up).unwrap();
        assert!((found.slope - 192.0).abs() < 25.0, "{found:?}");
        let both = blocks(|at| (at / 50 % 2) as f64 * 20.0);
        assert_eq!(ratchet(&jumps(&both, 0.0), &both), None);
    }
}
