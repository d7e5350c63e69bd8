//! Saw teeth: slow up, at once down, again and again, as a collected heap goes. What counts is the floor.

use crate::blocks::Block;
use crate::stats::{median, quantile};

/// A found saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Saw {
    /// The level just after each fall.
    pub floor: Vec<Block>,
    /// For each fine block, how far its tooth has climbed: as a part of its own length, and of a usual tooth's.
    pub climbed: [Vec<Block>; 2],
}

/// The saw that the blocks are, if they are one.
#[must_use]
pub fn saw(fine: &[Block]) -> Option<Saw> {
    const TEETH_MIN: usize = 4;
    let turns = turns(fine)?;
    // Peaks are at even places if the first turn is a peak.
    let troughs: Vec<usize> = turns.iter().filter(|turn| !turn.peak).map(|turn| turn.at).collect();
    if troughs.len() < TEETH_MIN {
        return None;
    }
    let legs = |up: bool| -> Vec<f64> {
        turns.windows(2).filter(|two| two[1].peak == up).map(|two| (two[1].at - two[0].at) as f64).collect()
    };
    let (up, down) = (median(&mut legs(true)), median(&mut legs(false)));
    // Teeth of a few blocks go into coarse blocks whole.
    let is_saw = down <= (0.15 * up).max(2.0) && up + down >= 12.0;
    (is_saw && is_straight(fine, &turns)).then(|| Saw {
        floor: troughs.iter().map(|at| low(fine, *at)).collect(),
        climbed: climbed(fine, &troughs, up + down),
    })
}

fn climbed(fine: &[Block], troughs: &[usize], tooth: f64) -> [Vec<Block>; 2] {
    let since = |at: usize| {
        let next = troughs.partition_point(|trough| *trough <= at);
        // The first and the last tooth are seen in part: they are as long as most.
        let from = if next > 0 { troughs[next - 1] as f64 } else { troughs[0] as f64 - tooth };
        let to = if next > 0 {
            troughs.get(next).map_or(from + tooth, |to| *to as f64)
        } else {
            troughs[0] as f64
        };
        (at as f64 - from, to - from)
    };
    let all = |of: fn((f64, f64), f64) -> f64| {
        let value = |at: usize| of(since(at), tooth).clamp(-2.0, 3.0);
        fine.iter().enumerate().map(|(at, block)| Block { at: block.at, value: value(at) }).collect()
    };
    [all(|(since, length), _| since / length.max(1.0)), all(|(since, _), tooth| since / tooth)]
}

/// Whether the slow sides are straight, and the falls take back much of them; spikes on a line do neither.
fn is_straight(fine: &[Block], turns: &[Turn]) -> bool {
    let middle = |from: usize, to: usize| {
        let mut values: Vec<f64> = fine[from..=to].iter().map(|block| block.value).collect();
        median(&mut values)
    };
    let (mut bends, mut falls) = (Vec::new(), Vec::new());
    for three in turns.windows(3).filter(|three| three[1].peak && three[1].at >= three[0].at + 8) {
        let (from, to, next) = (three[0].at, three[1].at, three[2].at);
        let (low, height, eighth) = (fine[from].value, fine[to].value - fine[from].value, (to - from) / 8);
        let part = |from: usize, to: usize| (middle(from, to) - low) / height;
        bends.push((part(from + eighth, from + 3 * eighth) - 0.25).abs());
        bends.push((part(to - 3 * eighth, to - eighth) - 0.75).abs());
        falls.push((fine[to].value - fine[next].value) / height);
    }
    let peaks = turns.iter().filter(|turn| turn.peak).count();
    bends.len() >= 4.max(peaks) && median(&mut bends) < 0.11 && median(&mut falls) > 0.4
}

/// The level just after a fall: the lowest of a few blocks is noise, their median is not.
fn low(fine: &[Block], at: usize) -> Block {
    let near = &fine[at.saturating_sub(1)..(at + 2).min(fine.len())];
    Block { at: fine[at].at, value: median(&mut near.iter().map(|block| block.value).collect::<Vec<_>>()) }
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    at: usize,
    peak: bool,
}

/// Peaks and troughs that are further apart than half of what the series does around its own course.
fn turns(fine: &[Block]) -> Option<Vec<Turn>> {
    let parts = 12;
    let size = fine.len() / parts;
    if size < 4 {
        return None;
    }
    // The course by itself is no tooth: the range is that within parts of the trace.
    let mut ranges: Vec<f64> = fine
        .chunks(size)
        .map(|chunk| {
            let mut values: Vec<f64> = chunk.iter().map(|block| block.value).collect();
            quantile(&mut values, 0.98) - quantile(&mut values, 0.02)
        })
        .collect();
    let limit = 0.5 * median(&mut ranges);
    if limit <= 0.0 {
        return None;
    }
    let mut turns: Vec<Turn> = Vec::new();
    let (mut highest, mut lowest, mut rising) = (0, 0, None);
    for at in 0..fine.len() {
        let value = fine[at].value;
        if value > fine[highest].value {
            highest = at;
        }
        if value < fine[lowest].value {
            lowest = at;
        }
        if rising != Some(false) && value < fine[highest].value - limit {
            turns.push(Turn { at: highest, peak: true });
            (rising, lowest) = (Some(false), at);
        } else if rising != Some(true) && value > fine[lowest].value + limit {
            turns.push(Turn { at: lowest, peak: false });
            (rising, highest) = (Some(true), at);
        }
    }
    Some(turns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(value: impl Fn(f64) -> f64) -> Vec<Block> {
        (0..960).map(f64::from).map(|at| Block { at: at / 959.0, value: value(at) }).collect()
    }

    #[test]
    fn the_floor_of_a_saw_is_found_and_a_wave_has_none() {
        let saw = saw(&blocks(|at| 100.0 + at * 0.01 + (at % 120.0) * 0.5)).unwrap().floor;
        assert_eq!(saw.len(), 8);
        assert!(saw.iter().all(|block| block.value < 112.0), "{saw:?}");
        assert_eq!(super::saw(&blocks(|at| (at / 20.0).sin())), None);
        assert_eq!(super::saw(&blocks(|at| at)), None);
    }
}
