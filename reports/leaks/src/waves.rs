//! Waves of load, daily ones above all: a period that explains much of what smooth growth does not becomes part of every
//! model, with its first overtone.

use std::f64::consts::TAU;

use crate::blocks::Block;
use crate::linear::{dot, join, take_out};
use crate::shapes::since_restart;

/// A found period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wave {
    /// Turns over the trace.
    pub turns: f64,
}

/// Fewer turns than this cannot be told from growth that bends.
const TURNS_MIN: f64 = 1.4;
/// A wave explains at least this part of what is left without it; wandering noise seldom does.
const PART_MIN: f64 = 0.5;

/// And is at least this part of all that the series did: a bend in a steep line is none.
const HEIGHT_MIN: f64 = 0.08;

/// The strongest period above the columns given and a smooth course, if there is one.
#[must_use]
pub fn strongest(blocks: &[Block], columns: &[Vec<f64>], restarts: &[f64]) -> Option<Wave> {
    let turns_max = blocks.len() as f64 / 5.0;
    if blocks.len() < 24 {
        return None;
    }
    let course: [fn(f64) -> f64; 5] =
        [|u| u, |u| u * u, |u| (-u / 0.03).exp(), |u| (-u / 0.12).exp(), |u| (u - 0.5).max(0.0)];
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for column in columns
        .iter()
        .cloned()
        .chain(course.iter().map(|of| blocks.iter().map(|block| of(block.at)).collect()))
    {
        join(&mut basis, column);
    }
    if !restarts.is_empty() {
        for tau in [0.015, 0.05, 0.15] {
            let again = |block: &Block| (-since_restart(block.at, restarts) / tau).exp();
            join(&mut basis, blocks.iter().map(again).collect());
        }
    }
    let mut rest: Vec<f64> = blocks.iter().map(|block| block.value).collect();
    take_out(&mut rest, &basis);
    let all = dot(&rest, &rest).max(f64::MIN_POSITIVE);
    // Gram and Schmidt, for two columns: what of the rest they explain.
    let part = |turns: f64| {
        let (mut sine, mut cosine): (Vec<f64>, Vec<f64>) =
            blocks.iter().map(|block| (TAU * turns * block.at).sin_cos()).unzip();
        take_out(&mut sine, &basis);
        take_out(&mut cosine, &basis);
        let (ss, cc, sc) = (dot(&sine, &sine), dot(&cosine, &cosine), dot(&sine, &cosine));
        let (sy, cy) = (dot(&sine, &rest), dot(&cosine, &rest));
        let det = ss * cc - sc * sc;
        if det <= 1e-9 * ss * cc {
            0.0
        } else {
            (cc * sy * sy - 2.0 * sc * sy * cy + ss * cy * cy) / det / all
        }
    };
    let steps = ((turns_max - TURNS_MIN) * 4.0) as usize;
    let tried = (0..=steps).map(|step| TURNS_MIN + step as f64 / 4.0);
    let best = tried.map(|turns| (turns, part(turns))).max_by(|left, right| left.1.total_cmp(&right.1))?;
    let close = (-4..=4).map(|step| (best.0 + f64::from(step) * 0.05).max(TURNS_MIN));
    let best = close.map(|turns| (turns, part(turns))).max_by(|left, right| left.1.total_cmp(&right.1))?;
    let highest = blocks.iter().map(|block| block.value).fold(f64::MIN, f64::max);
    let lowest = blocks.iter().map(|block| block.value).fold(f64::MAX, f64::min);
    // From trough to crest, 2.8 of its standard deviations.
    let height = 2.8 * (best.1 * all / blocks.len() as f64).sqrt();
    (best.1 >= PART_MIN && height >= HEIGHT_MIN * (highest - lowest)).then_some(Wave { turns: best.0 })
}

// === impl Wave ===

impl Wave {
    /// Its columns: the wave, and its first overtone.
    #[must_use]
    pub fn columns(self, blocks: &[Block]) -> Vec<Vec<f64>> {
        let column =
            |of: fn(f64) -> f64, turns: f64| blocks.iter().map(|block| of(TAU * turns * block.at)).collect();
        vec![
            column(f64::sin, self.turns),
            column(f64::cos, self.turns),
            column(f64::sin, 2.0 * self.turns),
            column(f64::cos, 2.0 * self.turns),
        ]
    }
}
