//! What noise looks like: a wandering part, each block of which resembles the one before, and a part that is new in each
//! block (a state-space form of ARMA(1, 1)). Under a given noise, series are *whitened*: their least squares are then
//! the generalised least squares of the original (J. Durbin, S. J. Koopman, *Time Series Analysis by State Space
//! Methods*, 2012, ch. 4).

use crate::blocks::Block;

/// One kind of noise, of variance 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Correlation of the wandering part between neighbouring blocks.
    pub phi: f64,
    /// The part of the variance that is new in each block.
    pub fresh: f64,
}

/// From white to nearly a random walk.
pub const KINDS: [Noise; 14] = [
    Noise { phi: 0.0, fresh: 0.0 },
    Noise { phi: 0.25, fresh: 0.0 },
    Noise { phi: 0.5, fresh: 0.0 },
    Noise { phi: 0.65, fresh: 0.0 },
    Noise { phi: 0.65, fresh: 0.5 },
    Noise { phi: 0.8, fresh: 0.0 },
    Noise { phi: 0.8, fresh: 0.5 },
    Noise { phi: 0.9, fresh: 0.0 },
    Noise { phi: 0.9, fresh: 0.4 },
    Noise { phi: 0.9, fresh: 0.8 },
    Noise { phi: 0.96, fresh: 0.0 },
    Noise { phi: 0.96, fresh: 0.4 },
    Noise { phi: 0.985, fresh: 0.0 },
    Noise { phi: 0.985, fresh: 0.3 },
];

/// A filter that whitens series on fixed moments.
#[derive(Clone, Debug)]
pub struct Whitener {
    /// For each block: how much of the last state stays, the gain, and 1 / the innovation's standard deviation.
    steps: Vec<(f64, f64, f64)>,
    /// The logarithm of the determinant of the covariance.
    pub log_det: f64,
}

// === impl Whitener ===

impl Whitener {
    /// For these blocks; one width apart is one step.
    #[must_use]
    pub fn new(noise: Noise, blocks: &[Block], width: f64) -> Self {
        let wander = 1.0 - noise.fresh;
        let (mut steps, mut log_det) = (Vec::with_capacity(blocks.len()), 0.0);
        let mut variance = wander;
        let mut last: Option<f64> = None;
        for block in blocks {
            let gap = last.map_or(0.0, |last| ((block.at - last) / width).max(0.0));
            let stays = if last.is_none() { 1.0 } else { noise.phi.powf(gap) };
            if last.is_some() {
                variance = stays * stays * variance + (1.0 - stays * stays) * wander;
            }
            let innovation = (variance + noise.fresh).max(1e-12);
            let gain = variance / innovation;
            variance *= 1.0 - gain;
            log_det += innovation.ln();
            steps.push((stays, gain, innovation.sqrt().recip()));
            last = Some(block.at);
        }
        Self { steps, log_det }
    }

    /// The series with nothing in it that the past tells.
    pub fn whiten(&self, series: &[f64], out: &mut Vec<f64>) {
        out.clear();
        let mut state = 0.0;
        out.extend(series.iter().zip(&self.steps).map(|(value, (stays, gain, scale))| {
            state *= stays;
            let surprise = value - state;
            state += gain * surprise;
            surprise * scale
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_noise_stays_and_a_walk_becomes_its_steps() {
        let blocks: Vec<Block> = (0..5).map(|at| Block { at: f64::from(at), value: 0.0 }).collect();
        let mut out = Vec::new();
        Whitener::new(Noise { phi: 0.0, fresh: 0.0 }, &blocks, 1.0)
            .whiten(&[1.0, 2.0, 3.0, 5.0, 8.0], &mut out);
        assert_eq!(out, [1.0, 2.0, 3.0, 5.0, 8.0]);
        let walk = Whitener::new(Noise { phi: 0.8, fresh: 0.0 }, &blocks, 1.0);
        walk.whiten(&[1.0, 0.8, 0.64, 0.512, 0.4096], &mut out);
        assert!(out[1..].iter().all(|it| it.abs() < 1e-12), "{out:?}");
        assert!((walk.log_det - 4.0 * 0.36f64.ln()).abs() < 1e-9);
    }
}
