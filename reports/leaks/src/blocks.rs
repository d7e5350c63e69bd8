//! A trace in blocks of equal width in time: what comes later costs the same for an hour and for two days, and single
//! spikes are gone. Blocks that hold no sample are left out: gaps stay gaps.

use crate::stats::{midmean, spread};

/// The middle of the samples that fell into one width of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// Mean moment, as a part of the trace: 0 at its first sample, 1 at its last.
    pub at: f64,
    /// The mean of the middle half of its values.
    pub value: f64,
}

/// At most so many blocks show jumps and saw teeth.
pub const FINE: usize = 960;
/// Shapes are fitted on at most so many.
pub const COARSE: usize = 96;
/// And on at least so many, where there are samples enough.
const COARSE_MIN: usize = 30;

/// Fine blocks; single samples where there are few.
#[must_use]
pub fn fine(times: &[f64], values: &[f64]) -> Vec<Block> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Vec::new() };
    let length = last - first;
    let at = |time: f64| if length > 0.0 { (time - first) / length } else { 0.0 };
    let samples: Vec<Block> =
        times.iter().zip(values).map(|(time, value)| Block { at: at(*time), value: *value }).collect();
    gathered(&samples, FINE)
}

/// How many coarse blocks a trace of so many samples gets.
#[must_use]
pub fn coarse_count(samples: usize) -> usize {
    (samples / 4).clamp(COARSE_MIN, COARSE)
}

/// At most `count` blocks out of finer ones.
#[must_use]
pub fn gathered(finer: &[Block], count: usize) -> Vec<Block> {
    if finer.len() <= count {
        return finer.to_vec();
    }
    let place = |block: &Block| ((block.at * count as f64) as usize).min(count - 1);
    let mut values = Vec::new();
    finer
        .chunk_by(|left, right| place(left) == place(right))
        .map(|chunk| {
            values.clear();
            values.extend(chunk.iter().map(|block| block.value));
            let at = chunk.iter().map(|block| block.at).sum::<f64>() / chunk.len() as f64;
            Block { at, value: midmean(&mut values) }
        })
        .collect()
}

/// The noise from one sample to the next, as a standard deviation.
#[must_use]
pub fn grain(values: &[f64]) -> f64 {
    let steps = values.windows(2).map(|two| (two[1] - two[0]).abs());
    let (sum, count) = steps.fold((0.0, 0.0), |(sum, count), step| (sum + step, count + 1.0));
    let mean_step = if count > 0.0 { sum / count } else { 0.0 };
    grain_of(values.windows(3).map(|three| three[0] - 2.0 * three[1] + three[2]), mean_step)
}

/// The same of second differences, and of the mean size of a step.
#[must_use]
pub fn grain_of(seconds: impl Iterator<Item = f64>, mean_step: f64) -> f64 {
    // Second differences: a slope is no noise. Of white noise their variance is six times that of a sample.
    let robust = spread(seconds) / 6f64.sqrt();
    // Most samples equal their neighbours: counts. The mean size then says more than the median.
    if robust > 0.0 { robust } else { mean_step }
}

/// The smallest step between neighbours that are not equal; 0 where there is none.
#[must_use]
pub fn quantum(values: &[f64]) -> f64 {
    let steps = values.windows(2).map(|two| (two[1] - two[0]).abs()).filter(|step| *step > 0.0);
    steps.reduce(f64::min).unwrap_or(0.0)
}

/// Takes out what stands apart from its neighbourhood and comes back: dips from memory pressure, bursts (F. R. Hampel's
/// filter: a running median, and three spreads around it). The first and last blocks are never taken.
#[must_use]
pub fn without_outliers(blocks: &[Block]) -> Vec<Block> {
    const REACH: usize = 4;
    if blocks.len() < 4 * REACH {
        return blocks.to_vec();
    }
    let middle = |at: usize| {
        let mut around: Vec<f64> = blocks[at - REACH..=at + REACH].iter().map(|block| block.value).collect();
        crate::stats::median(&mut around)
    };
    let inner = REACH..blocks.len() - REACH;
    let away: Vec<f64> = inner.clone().map(|at| blocks[at].value - middle(at)).collect();
    let limit = 5.0 * spread(away.iter().copied());
    let kept = |at: usize| !inner.contains(&at) || away[at - REACH].abs() <= limit.max(f64::MIN_POSITIVE);
    let rest: Vec<Block> = (0..blocks.len()).filter(|at| kept(*at)).map(|at| blocks[at]).collect();
    // More than a sixth is no exception.
    if limit > 0.0 && rest.len() * 6 >= blocks.len() * 5 { rest } else { blocks.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_one_width_and_gaps_stay() {
        let times: Vec<f64> =
            (0..4_000).map(f64::from).filter(|at| !(1_000.0..2_000.0).contains(at)).collect();
        let values = times.clone();
        let fine = fine(&times, &values);
        assert!((700..=FINE).contains(&fine.len()), "{}", fine.len());
        let coarse = gathered(&fine, 40);
        assert_eq!(coarse.len(), 30);
        assert!(coarse.windows(2).all(|two| two[0].at < two[1].at && two[0].value < two[1].value));
    }

    #[test]
    fn a_dip_that_comes_back_is_taken_out_and_a_rise_to_the_end_is_not() {
        let mut blocks: Vec<Block> =
            (0..60).map(|at| Block { at: f64::from(at) / 59.0, value: 100.0 + f64::from(at % 3) }).collect();
        blocks[20].value = 10.0;
        blocks[21].value = 10.0;
        (55..60).for_each(|at| blocks[at].value = 400.0);
        let kept = without_outliers(&blocks);
        assert!(kept.iter().all(|block| block.value > 50.0));
        assert!(kept.iter().filter(|block| block.value == 400.0).count() >= 4);
    }
}
