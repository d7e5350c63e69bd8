//! A trace cut into spells of one request rate: idle, plain, double, idle.

use crate::blocks::{self, Block};
use crate::linear::{join, take_out};
use crate::stats::{median, student};

/// A number with its interval of 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The most likely value.
    pub value: f64,
    /// Its interval of 95 %.
    pub ci: [f64; 2],
}

/// A stretch in which requests came at one rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Spell {
    /// Index of its first sample, and of the first after it.
    pub samples: std::ops::Range<usize>,
    /// Requests a second.
    pub rate: f64,
}

/// Rates are compared over so many parts of the trace,
const PARTS: usize = 120;
/// a spell is at least so many parts long,
const PARTS_MIN: usize = 4;
/// a change of the rate is at least this part of the highest,
const CHANGE: f64 = 0.25;
/// and below this part of it, it is idle.
const IDLE: f64 = 0.05;

/// Requests as a count that never falls: a counter that was reset goes on from where it stood.
pub fn unwound(requests: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let steps =
        requests.windows(2).map(|two| if two[1] >= two[0] { two[1] - two[0] } else { two[1].max(0.0) });
    std::iter::once(0.0)
        .chain(steps.map(|step| {
            sum += step;
            sum
        }))
        .take(requests.len())
        .collect()
}

/// The spells of a trace; what lies between two that are long enough is left out.
pub fn spells(times: &[f64], requests: &[f64]) -> Vec<Spell> {
    let count = times.len();
    if count < 2 * PARTS_MIN || requests.len() != count {
        return Vec::new();
    }
    let parts = PARTS.min(count - 1);
    let edge = |part: usize| part * (count - 1) / parts;
    let rate = |from: usize, to: usize| {
        let seconds = times[to] - times[from];
        if seconds > 0.0 { (requests[to] - requests[from]) / seconds } else { 0.0 }
    };
    let rates: Vec<f64> = (0..parts).map(|part| rate(edge(part), edge(part + 1))).collect();
    let highest = crate::stats::quantile(&mut rates.clone(), 0.95);
    let mut found: Vec<Spell> = Vec::new();
    let mut from = 0;
    for to in 1..=parts {
        let usual = median(&mut rates[from..to].to_vec());
        let is_same = |at: usize| at < parts && (rates[at] - usual).abs() <= CHANGE * highest;
        if to < parts && (is_same(to) || is_same(to + 1)) {
            continue;
        }
        if to - from >= PARTS_MIN {
            // The part of the change itself belongs to neither.
            let (first, last) = (edge(from + usize::from(from > 0)), edge(to - usize::from(to < parts)));
            found.push(Spell { samples: first..last + 1, rate: rate(first, last) });
        }
        from = to;
    }
    found
}

/// The highest rate of all spells.
pub fn highest(spells: &[Spell]) -> f64 {
    spells.iter().map(|spell| spell.rate).fold(0.0, f64::max)
}

/// The spells under load, or those without.
pub fn where_idle(spells: &[Spell], idle: bool) -> Vec<&Spell> {
    let highest = highest(spells);
    spells.iter().filter(|spell| (spell.rate <= IDLE * highest) == idle).collect()
}

/// A line through a stretch, in the values' unit and a second; its level in the middle, with standard errors.
#[derive(Clone, Copy, Debug)]
pub struct Trend {
    pub slope: f64,
    pub slope_error: f64,
    pub level: f64,
    pub level_error: f64,
    pub degrees: f64,
}

/// Least squares on the stretch's blocks; the errors count as many blocks as there would be independent ones (B. D. Santer
/// et al., *Statistical significance of trends and trend differences*, J. Geophys. Res. 105, 2000). `None` of fewer than
/// eight samples.
pub fn trend(times: &[f64], values: &[f64]) -> Option<Trend> {
    const BLOCKS: usize = 24;
    if times.len() < 8 {
        return None;
    }
    let length = times[times.len() - 1] - times[0];
    let blocks: Vec<Block> = blocks::gathered(&blocks::fine(times, values), BLOCKS);
    let count = blocks.len() as f64;
    if count < 6.0 || length <= 0.0 {
        return None;
    }
    let middle = blocks.iter().map(|block| block.at).sum::<f64>() / count;
    let level = blocks.iter().map(|block| block.value).sum::<f64>() / count;
    let square: f64 = blocks.iter().map(|block| (block.at - middle).powi(2)).sum();
    let slope = blocks.iter().map(|block| (block.at - middle) * (block.value - level)).sum::<f64>() / square;
    // A bend is no noise: what is left is that beside a parabola.
    let mut basis = Vec::new();
    for power in 0..3 {
        join(&mut basis, blocks.iter().map(|block| (block.at - middle).powi(power)).collect());
    }
    let mut rest: Vec<f64> = blocks.iter().map(|block| block.value).collect();
    take_out(&mut rest, &basis);
    let squares: f64 = rest.iter().map(|it| it * it).sum();
    let together: f64 = rest.windows(2).map(|two| two[0] * two[1]).sum();
    // The parabola takes some of the correlation away: on so few blocks, about four parts of their count.
    let alike = if squares > 0.0 { (together / squares + 4.0 / count).clamp(0.0, 0.7) } else { 0.0 };
    let worth = (count * (1.0 - alike) / (1.0 + alike)).max(5.0);
    let sigma = (squares / (worth - 3.0) * worth / count).sqrt();
    let stretch = (count / worth).sqrt();
    Some(Trend {
        slope: slope / length,
        slope_error: sigma * stretch / square.sqrt() / length,
        level,
        level_error: sigma * stretch / count.sqrt(),
        degrees: worth - 3.0,
    })
}

// === impl Estimate ===

impl Estimate {
    /// A value with a standard error of so many degrees of freedom.
    pub(crate) fn new(value: f64, error: f64, degrees: f64) -> Self {
        let (mut low, mut high) = (0.0, 15.0);
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if student(middle, degrees) < 0.975 { low = middle } else { high = middle }
        }
        Self { value, ci: [value - high * error, value + high * error] }
    }

    /// Whether it is above 0, with 97.5 %.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.ci[0] > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Idle, plain rate, double rate, idle: an hour each, every ten seconds; the count of requests.
    fn held_in_phases(rates: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let times: Vec<f64> = (0..rates.len() * 360).map(|at| at as f64 * 10.0).collect();
        let mut sum = 0.0;
        let count = |at: usize| {
            sum += 10.0 * rates[at / 360];
            sum
        };
        (times, (0..rates.len() * 360).map(count).collect())
    }

    #[test]
    fn spells_are_those_of_the_plan() {
        let (times, requests) = held_in_phases(&[0.0, 50.0, 100.0, 0.0]);
        let found = spells(&times, &requests);
        let rates: Vec<f64> = found.iter().map(|spell| spell.rate.round()).collect();
        assert_eq!(rates, [0.0, 50.0, 100.0, 0.0], "{found:?}");
        assert_eq!((where_idle(&found, true).len(), where_idle(&found, false).len()), (2, 2));
        assert_eq!(spells(&times[..5], &requests[..5]), []);
    }

    #[test]
    fn a_counter_that_was_reset_goes_on() {
        assert_eq!(unwound(&[5.0, 7.0, 1.0, 4.0]), [0.0, 2.0, 3.0, 6.0]);
        assert!(unwound(&[]).is_empty());
    }

    #[test]
    fn intervals_are_those_of_the_tables() {
        let estimate = Estimate::new(1.0, 1.0, 10.0);
        assert!((estimate.ci[1] - 3.228).abs() < 0.06, "{estimate:?}");
        assert!(!estimate.is_up());
    }
}
