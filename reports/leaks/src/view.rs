//! A trace made ready for fitting: its blocks, what of it is steps, waves and saw teeth, and the shapes that are tried.

use crate::blocks::{self, Block};
use crate::detect::Matter;
use crate::fit::{self, Candidate};
use crate::jumps::{self, Jump, Ratchet};
use crate::shapes::{Dictionary, Shape};
use crate::{teeth, waves};

/// With fewer teeth than this, their sides are fitted too, not only their floor.
const FLOOR_MIN: usize = 12;
/// A wave of fewer turns may as well be one tooth, and a part of the next.
const TURNS_MIN: f64 = 2.0;
/// The weight of plateaus that have not been seen yet falls to a third in so many seconds.
const UNSEEN_FOR: f64 = 10_800.0;

/// A trace, ready to be fitted.
pub struct View {
    pub blocks: Vec<Block>,
    pub width: f64,
    pub base: fit::Base,
    pub dictionary: Dictionary,
    /// Moments of restarts: what fills begins anew at each.
    pub restarts: Vec<f64>,
    pub ratchet: Option<Ratchet>,
    /// It fell far, and has not yet climbed above where it fell from: a tooth of a saw, or a wave, so far.
    pub regains: bool,
    /// Of the blocks' values.
    pub range: f64,
}

/// Whether the deepest fall is a large part of all, and the end stands no higher than what came before it.
fn regains(blocks: &[Block]) -> bool {
    let (mut highest, mut fall, mut from) = (f64::MIN, 0.0, f64::MAX);
    for block in blocks {
        highest = highest.max(block.value);
        if highest - block.value > fall {
            (fall, from) = (highest - block.value, highest);
        }
    }
    let lowest = blocks.iter().map(|block| block.value).fold(f64::MAX, f64::min);
    let range = blocks.iter().map(|block| block.value).fold(f64::MIN, f64::max) - lowest;
    // The highest of the last part: a leak under waves climbs from crest to crest.
    let last =
        blocks.iter().filter(|block| block.at > 0.85).map(|block| block.value).fold(f64::MIN, f64::max);
    let before =
        blocks.iter().filter(|block| block.at <= 0.85).map(|block| block.value).fold(f64::MIN, f64::max);
    fall > 0.5 * range && last < from.min(before) + 0.05 * range
}

// === impl View ===

impl View {
    pub fn new(fine: Vec<Block>, samples: usize, seconds: f64, matter: &Matter) -> Self {
        let count = blocks::coarse_count(samples);
        let saw = teeth::saw(&fine);
        let is_saw = saw.is_some();
        let (blocks, width, climbed) = match saw {
            Some(saw) if saw.floor.len() >= FLOOR_MIN => {
                let width = 1.0 / saw.floor.len() as f64;
                (saw.floor, width, Vec::new())
            }
            Some(saw) => {
                let column = |climbed: &Vec<Block>| {
                    blocks::gathered(climbed, count).iter().map(|block| block.value).collect::<Vec<f64>>()
                };
                (blocks::gathered(&fine, count), 1.0 / count as f64, saw.climbed.iter().map(column).collect())
            }
            None => {
                (blocks::without_outliers(&blocks::gathered(&fine, count)), 1.0 / count as f64, Vec::new())
            }
        };
        let found = if is_saw { Vec::new() } else { jumps::jumps(&fine, matter.quantum) };
        let ratchet = jumps::ratchet(&found, &fine);
        let regains = !is_saw && regains(&blocks);
        // Some steps are a change of load or a restart; many are a way of growing. A fast warm-up looks like small ones.
        let largest = found.iter().map(|jump| jump.size.abs()).fold(0.0, f64::max);
        let mut marked: Vec<Jump> =
            found.iter().copied().filter(|jump| jump.size.abs() >= 0.25 * largest).collect();
        if marked.len() > 3 {
            marked.clear();
        }
        let steps: Vec<f64> = marked.iter().map(|jump| jump.at).collect();
        let mut blocks = blocks;
        if !is_saw {
            // A block that a step goes through belongs to neither side.
            blocks.retain(|block| steps.iter().all(|step| (block.at - step).abs() > 0.75 * width));
        }
        let values = || fine.iter().map(|block| block.value);
        let range = values().fold(f64::MIN, f64::max) - values().fold(f64::MAX, f64::min);
        let falls = marked.iter().filter(|jump| jump.size < -0.3 * range);
        let restarts: Vec<f64> = falls.map(|jump| jump.at).collect();
        let highest = blocks.iter().map(|block| block.value).fold(f64::MIN, f64::max);
        let lowest = blocks.iter().map(|block| block.value).fold(f64::MAX, f64::min);
        let mut base = vec![vec![1.0; blocks.len()]];
        base.extend(
            steps
                .iter()
                .map(|step| blocks.iter().map(|block| if block.at >= *step { 1.0 } else { 0.0 }).collect()),
        );
        base.extend(climbed);
        let mut returns = false;
        for _ in 0..2 {
            let Some(wave) = waves::strongest(&blocks, &base, &restarts) else { break };
            base.extend(wave.columns(&blocks));
            returns |= wave.turns >= TURNS_MIN;
        }
        let dictionary = Dictionary::new(&steps, !restarts.is_empty(), (-seconds / UNSEEN_FOR).exp());
        Self {
            blocks,
            width,
            base,
            dictionary,
            restarts,
            ratchet,
            regains: regains && !returns,
            range: highest - lowest,
        }
    }

    pub fn candidates(&mut self) -> Vec<Candidate> {
        let (candidates, closer) =
            fit::fit(&self.blocks, self.width, &self.base, &self.dictionary, &self.restarts);
        self.dictionary = closer;
        candidates
    }

    /// The shapes of a candidate.
    pub fn shapes(&self, candidate: &Candidate) -> impl Iterator<Item = (Shape, f64)> {
        let columns = self.dictionary.models[candidate.model].columns;
        columns
            .into_iter()
            .zip(candidate.sizes)
            .filter_map(|(at, size)| Some((self.dictionary.shapes[at?], size)))
    }
}
