//! A first leak check: does a resource keep growing, by how much an hour, and how sure is that?
//!
//! The slope is Theil and Sen's (the median of the slopes between all pairs of points; P. K. Sen, *Estimates of the
//! regression coefficient based on Kendall's tau*, JASA 63, 1968), taken over medians of blocks so that spikes and
//! sawtooth do not count. Its interval of 95 % comes from the variance of Kendall's statistic, widened by the first
//! autocorrelation of the residuals, since neighbouring blocks resemble each other. Points of different processes (a
//! restarted target) are never paired.
//!
//! It does not know: steps, leaks that show only under some load, and seasons. A run of a minute is too short for it,
//! and it says so.

use serde::{Deserialize, Serialize};
use shakedown_scenarios::gate::LeakResource;

use crate::show::{self, Unit};

/// What was found of one resource of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeakFinding {
    /// The target.
    pub target: String,
    /// The resource.
    pub resource: LeakResource,
    /// The answer.
    pub answer: LeakAnswer,
    /// Of the answer's figures.
    pub unit: Unit,
    /// Seconds that were looked at; warm-up, memory pressure and the first seconds of a process are left out.
    pub seconds: f64,
    /// Processes that were looked at, one after the other.
    pub segments: u64,
    /// The median level.
    pub level: Option<f64>,
    /// Whether a gate asks for it.
    pub gated: bool,
}

/// The answer of the check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeakAnswer {
    /// It grows.
    Leak {
        /// The most likely growth an hour.
        per_hour: f64,
        /// The interval of 95 %.
        low: f64,
        /// The same.
        high: f64,
    },
    /// It does not grow by more than this an hour.
    NoneAbove {
        /// The bound.
        per_hour: f64,
    },
    /// It cannot be told.
    Inconclusive {
        /// Why.
        why: String,
        /// The smallest growth an hour that this much data could show; `None`: none at all.
        detectable: Option<f64>,
    },
}

/// The median of some samples that follow one another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// Moment in seconds.
    pub at: f64,
    /// Median value.
    pub value: f64,
}

/// What growth means for a resource.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Growth below this is the grain of measuring, not growth.
    pub quantum: f64,
    /// Growth an hour that matters, whatever the level.
    pub matters: f64,
    /// Growth an hour that matters, as a part of the level; the larger of both counts.
    pub matters_ratio: f64,
}

/// Nothing is claimed on less than this.
pub const SECONDS_MIN: f64 = 300.0;
/// Nothing is claimed on fewer blocks.
const BLOCKS_MIN: usize = 12;
/// More are merged first: 120 blocks are 7,140 pairs.
const BLOCKS_MAX: usize = 120;
/// Of the normal distribution, for an interval of 95 %.
const Z95: f64 = 1.96;

impl Scale {
    /// The scale of a resource. An allocator takes memory in pieces of up to some hundred KiB; 4 MiB/h is 200 MiB in
    /// 48 h. Six descriptors an hour reach a limit of 1,024 in a week.
    #[must_use]
    pub const fn of(resource: LeakResource) -> Self {
        match resource {
            LeakResource::Memory => Self { quantum: 262_144.0, matters: 4_194_304.0, matters_ratio: 0.02 },
            LeakResource::Fds | LeakResource::Sockets | LeakResource::Threads => {
                Self { quantum: 1.0, matters: 6.0, matters_ratio: 0.02 }
            }
        }
    }
}

/// Checks one series, given as the blocks of each process that lived.
#[must_use]
pub fn check(segments: &[Vec<Block>], scale: &Scale) -> LeakAnswer {
    let seconds = span(segments);
    let segments = merged(segments);
    let blocks: usize = segments.iter().map(Vec::len).sum();
    let Some(level) = level(&segments) else {
        return LeakAnswer::Inconclusive { why: "nothing was measured".into(), detectable: None };
    };
    let matters = scale.matters.max(level.abs() * scale.matters_ratio);
    let Some(slope) = theil_sen(&segments).filter(|_| blocks >= BLOCKS_MIN) else {
        return LeakAnswer::Inconclusive {
            why: format!("only {blocks} blocks of samples"),
            detectable: None,
        };
    };
    let grain = scale.quantum / (seconds / 3_600.0);
    let detectable = ((slope.high - slope.low) / 2.0).max(grain).max(matters);
    if seconds < SECONDS_MIN {
        let why =
            format!("{} is too short, {} is the least", show::seconds(seconds), show::seconds(SECONDS_MIN));
        return LeakAnswer::Inconclusive { why, detectable: Some(detectable) };
    }
    let bound = slope.high.max(grain);
    if slope.low > matters && slope.middle > grain && slope.continues {
        return LeakAnswer::Leak { per_hour: slope.middle, low: slope.low, high: slope.high };
    }
    if bound <= matters {
        return LeakAnswer::NoneAbove { per_hour: bound };
    }
    let why =
        if slope.low > matters { "it grew, but not to the end" } else { "too short or too noisy to tell" };
    LeakAnswer::Inconclusive { why: why.into(), detectable: Some(detectable) }
}

/// Slopes an hour.
struct Slope {
    middle: f64,
    low: f64,
    high: f64,
    /// Whether the second half still grows at half the pace at least; caches that fill do not.
    continues: bool,
}

fn theil_sen(segments: &[Vec<Block>]) -> Option<Slope> {
    let mut slopes = pair_slopes(segments);
    if slopes.is_empty() {
        return None;
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let pairs = slopes.len();
    let middle = median_of_sorted(&slopes);
    let half_width = Z95 * (kendall_variance(segments) * inflation(segments, middle)).sqrt();
    let rank = |rank: f64| slopes[(rank.max(0.0) as usize).min(pairs - 1)];
    let low = rank(((pairs as f64 - half_width) / 2.0).floor());
    let high = rank(((pairs as f64 + half_width) / 2.0).ceil());
    let late: Vec<Vec<Block>> =
        segments.iter().map(|segment| segment[segment.len() / 2..].to_vec()).collect();
    let mut late = pair_slopes(&late);
    late.sort_unstable_by(f64::total_cmp);
    let continues = !late.is_empty() && median_of_sorted(&late) >= middle / 2.0;
    Some(Slope { middle: middle * 3_600.0, low: low * 3_600.0, high: high * 3_600.0, continues })
}

fn pair_slopes(segments: &[Vec<Block>]) -> Vec<f64> {
    let mut slopes = Vec::new();
    for segment in segments {
        for (index, earlier) in segment.iter().enumerate() {
            let slope = |later: &Block| (later.value - earlier.value) / (later.at - earlier.at);
            slopes.extend(segment[index + 1..].iter().map(slope).filter(|slope| slope.is_finite()));
        }
    }
    slopes
}

/// Variance of Kendall's S without ties, summed over segments that share no pair.
fn kendall_variance(segments: &[Vec<Block>]) -> f64 {
    segments.iter().map(|segment| segment.len() as f64).map(|n| n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sum()
}

/// By how much neighbours that resemble each other widen the variance: (1 + r) / (1 - r), r from 0 to 0.9.
fn inflation(segments: &[Vec<Block>], slope: f64) -> f64 {
    let (mut products, mut squares) = (0.0, 0.0);
    for segment in segments {
        let mut offsets: Vec<f64> = segment.iter().map(|block| block.value - slope * block.at).collect();
        offsets.sort_unstable_by(f64::total_cmp);
        if offsets.is_empty() {
            continue;
        }
        let offset = median_of_sorted(&offsets);
        let residual = |block: &Block| block.value - slope * block.at - offset;
        products += segment.windows(2).map(|pair| residual(&pair[0]) * residual(&pair[1])).sum::<f64>();
        squares += segment.iter().map(|block| residual(block).powi(2)).sum::<f64>();
    }
    let r = if squares > 0.0 { (products / squares).clamp(0.0, 0.9) } else { 0.0 };
    (1.0 + r) / (1.0 - r)
}

fn median_of_sorted(values: &[f64]) -> f64 {
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] }
}

fn level(segments: &[Vec<Block>]) -> Option<f64> {
    let mut values: Vec<f64> = segments.iter().flatten().map(|block| block.value).collect();
    values.sort_unstable_by(f64::total_cmp);
    (!values.is_empty()).then(|| median_of_sorted(&values))
}

/// Seconds that the segments cover together.
#[must_use]
pub fn span(segments: &[Vec<Block>]) -> f64 {
    let length = |segment: &Vec<Block>| Some(segment.last()?.at - segment.first()?.at);
    segments.iter().filter_map(length).sum()
}

/// The median level of all blocks.
#[must_use]
pub fn median_level(segments: &[Vec<Block>]) -> Option<f64> {
    level(segments)
}

/// At most [`BLOCKS_MAX`] blocks, by medians of neighbours.
fn merged(segments: &[Vec<Block>]) -> Vec<Vec<Block>> {
    let all: usize = segments.iter().map(Vec::len).sum();
    let size = all.div_ceil(BLOCKS_MAX).max(1);
    segments.iter().map(|segment| segment.chunks(size).map(merge).collect()).collect()
}

fn merge(blocks: &[Block]) -> Block {
    let mut values: Vec<f64> = blocks.iter().map(|block| block.value).collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = blocks.iter().map(|block| block.at).sum::<f64>() / blocks.len() as f64;
    Block { at, value: median_of_sorted(&values) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MEMORY: Scale = Scale::of(LeakResource::Memory);
    const FDS: Scale = Scale::of(LeakResource::Fds);

    fn blocks(seconds: u32, value: impl Fn(f64) -> f64) -> Vec<Block> {
        (0..seconds).map(f64::from).map(|at| Block { at, value: value(at) }).collect()
    }

    /// Noise without a generator: the fraction of multiples of the golden ratio.
    fn noise(at: f64) -> f64 {
        (at * 0.618_033_988_75).fract() - 0.5
    }

    #[test]
    fn a_leak_of_a_descriptor_a_minute_is_found_and_measured() {
        let answer = check(&[blocks(3_600, |at| 20.0 + (at / 60.0).floor())], &FDS);
        let LeakAnswer::Leak { per_hour, low, high } = answer else { panic!("{answer:?}") };
        assert!((57.0..63.0).contains(&per_hour) && low <= per_hour && per_hour <= high, "{answer:?}");
    }

    #[test]
    fn a_noisy_memory_leak_is_found_under_its_noise() {
        let megabyte = 1_048_576.0;
        let answer = check(&[blocks(3_600, |at| megabyte * (100.0 + at / 36.0 + 20.0 * noise(at)))], &MEMORY);
        assert!(matches!(answer, LeakAnswer::Leak { .. }), "{answer:?}");
    }

    #[test]
    fn a_flat_hour_has_no_leak_and_says_how_sure_that_is() {
        assert_eq!(check(&[blocks(3_601, |_| 20.0)], &FDS), LeakAnswer::NoneAbove { per_hour: 1.0 });
    }

    #[test]
    fn a_minute_is_too_short_whatever_it_shows() {
        let answer = check(&[blocks(60, |at| 1e6 * at)], &MEMORY);
        assert!(matches!(answer, LeakAnswer::Inconclusive { detectable: Some(_), .. }), "{answer:?}");
    }

    #[test]
    fn a_cache_that_fills_is_no_leak() {
        let answer = check(&[blocks(3_600, |at| 1e9 * (1.0 - (-at / 300.0).exp()))], &MEMORY);
        assert!(!matches!(answer, LeakAnswer::Leak { .. }), "{answer:?}");
    }

    #[test]
    fn a_restart_hides_no_leak_and_makes_none() {
        let falls = [blocks(1_800, |at| 1e8 + 1e5 * at), blocks(1_800, |at| 5e7 + 1e5 * at)];
        assert!(matches!(check(&falls, &MEMORY), LeakAnswer::Leak { .. }));
        let steps = [blocks(1_800, |_| 50.0), blocks(1_800, |_| 90.0)];
        assert!(matches!(check(&steps, &FDS), LeakAnswer::NoneAbove { .. }));
    }

    #[test]
    fn nothing_measured_is_nothing_known() {
        assert!(matches!(check(&[], &FDS), LeakAnswer::Inconclusive { detectable: None, .. }));
    }

    proptest! {
        // Noise alone, of any size and on any level, is never called a leak.
        #[test]
        fn noise_is_no_leak(level in 1e3..1e10f64, size in 0.0..0.3f64, shift in 0.0..1e3f64) {
            let answer = check(&[blocks(1_200, |at| level * (1.0 + size * noise(at + shift)))], &MEMORY);
            prop_assert!(!matches!(answer, LeakAnswer::Leak { .. }), "{:?}", answer);
        }
    }
}
