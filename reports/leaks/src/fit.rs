//! How well every model explains a series of blocks, under every kind of noise, as weights that sum to one.
//!
//! The weight is a marginal likelihood with Zellner's g-prior on the shapes' sizes and flat priors on level, steps and
//! waves (F. Liang et al., *Mixtures of g Priors for Bayesian Variable Selection*, JASA 103, 2008): BIC's penalty, with
//! the correlation of the noise in its place, and without the optimism of a single best model. What the answer says is
//! averaged over the models (J. A. Hoeting et al., *Bayesian Model Averaging: A Tutorial*, Statist. Sci. 14, 1999).

use crate::blocks::Block;
use crate::linear::{dot, take_out};
use crate::noise::{KINDS, Noise, Whitener};
use crate::shapes::{Claim, Dictionary, Model, Shape, since_restart};

/// One model under one noise.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Index into the dictionary's models.
    pub model: usize,
    /// The noise.
    pub noise: Noise,
    /// Its weight among all, at first its logarithm.
    pub weight: f64,
    /// The slope at the end of the trace, a trace's length being 1.
    pub slope: f64,
    /// Its standard error.
    pub error: f64,
    /// Degrees of freedom of that.
    pub degrees: f64,
    /// The factors of its shapes.
    pub sizes: [f64; 2],
    /// Standard deviation of the noise of a block.
    pub sigma: f64,
}

/// Columns that every model has: level, steps, waves.
pub type Base = Vec<Vec<f64>>;

/// All candidates that are worth to be kept, and the dictionary that they are from: the one given, closer around what
/// fitted best.
#[must_use]
pub fn fit(
    blocks: &[Block],
    width: f64,
    base: &Base,
    dictionary: &Dictionary,
    restarts: &[f64],
) -> (Vec<Candidate>, Dictionary) {
    let problem = Problem::new(blocks, base, dictionary, restarts);
    // First the likely kinds of noise, by a few shapes of all sorts; then everything under those.
    let scouted = KINDS.iter().map(|noise| {
        let prepared = problem.prepare(*noise, blocks, width, &problem.scouts);
        let candidates = prepared.evaluate(&problem, 0);
        (candidates.iter().map(|it| it.weight).fold(f64::MIN, f64::max), *noise)
    });
    let mut scouted: Vec<(f64, Noise)> = scouted.collect();
    scouted.sort_by(|left, right| right.0.total_cmp(&left.0));
    let best = scouted[0].0;
    let likely = || scouted.iter().filter(|it| it.0 > best - 3.5).take(4).map(|it| it.1);
    let all: Vec<usize> = (0..dictionary.shapes.len()).collect();
    let evaluate = |noise| problem.prepare(noise, blocks, width, &all).evaluate(&problem, 0);
    let mut candidates: Vec<Candidate> = likely().flat_map(evaluate).collect();
    let closer = dictionary.closer(&favourites(&candidates, dictionary));
    let known = dictionary.models.len();
    let problem = Problem::new(blocks, base, &closer, restarts);
    let mut wanted: Vec<usize> =
        closer.models[known..].iter().flat_map(|model| model.columns).flatten().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let evaluate = |noise| problem.prepare(noise, blocks, width, &wanted).evaluate(&problem, known);
    candidates.extend(likely().flat_map(evaluate));
    normalize(&mut candidates);
    (candidates, closer)
}

/// The best models of either claim, at most one for each pair of kinds of shapes.
fn favourites(candidates: &[Candidate], dictionary: &Dictionary) -> Vec<usize> {
    const EACH: usize = 3;
    let best = candidates.iter().map(|it| it.weight).fold(f64::MIN, f64::max);
    let mut order: Vec<&Candidate> = candidates.iter().filter(|it| it.weight > best - 30.0).collect();
    order.sort_by(|left, right| right.weight.total_cmp(&left.weight));
    let mut chosen: Vec<usize> = Vec::new();
    for claim in [Claim::Healthy, Claim::Leaky] {
        let kinds = |at: usize| {
            dictionary.models[at]
                .columns
                .map(|at| at.map(|at| std::mem::discriminant(&dictionary.shapes[at])))
        };
        let mut taken: Vec<usize> = Vec::new();
        for model in order.iter().map(|it| it.model).filter(|at| dictionary.models[*at].claim == claim) {
            if taken.len() < EACH && taken.iter().all(|other| kinds(*other) != kinds(model)) {
                taken.push(model);
            }
        }
        chosen.extend(taken);
    }
    chosen
}

fn normalize(candidates: &mut Vec<Candidate>) {
    let best = candidates.iter().map(|it| it.weight).fold(f64::MIN, f64::max);
    candidates.retain(|it| it.weight > best - 14.0);
    let sum: f64 = candidates.iter().map(|it| (it.weight - best).exp()).sum();
    candidates.iter_mut().for_each(|it| it.weight = (it.weight - best).exp() / sum);
}

struct Problem<'a> {
    dictionary: &'a Dictionary,
    values: Vec<f64>,
    columns: Vec<Vec<f64>>,
    base: &'a Base,
    /// Shapes that show which noise is likely.
    scouts: Vec<usize>,
    /// Time since the last restart, at the end.
    last_local: f64,
    /// The noise is never below this: a shape that is nearly right shall not lose against one that is as wrong.
    floor: f64,
}

/// Everything whitened, with the base taken out.
struct Prepared {
    noise: Noise,
    log_det: f64,
    base_log_det: f64,
    base_count: f64,
    values: Vec<f64>,
    square: f64,
    columns: Vec<Option<Vec<f64>>>,
    /// Squares of the columns before the base was taken out; what is left of nearly nothing is rounding.
    dots: Vec<(f64, f64)>,
}

// === impl Problem ===

impl<'a> Problem<'a> {
    fn new(blocks: &[Block], base: &'a Base, dictionary: &'a Dictionary, restarts: &[f64]) -> Self {
        let middle = crate::stats::median(&mut blocks.iter().map(|block| block.value).collect::<Vec<_>>());
        let values: Vec<f64> = blocks.iter().map(|block| block.value - middle).collect();
        let local = |u: f64| since_restart(u, restarts);
        let column =
            |shape: &Shape| blocks.iter().map(|block| shape.value(block.at, local(block.at))).collect();
        let columns = dictionary.shapes.iter().map(column).collect();
        let scout = |shape: &Shape| {
            matches!(shape, Shape::Line)
                || matches!(shape, Shape::Fill { from, tau } if *from == 0.0 && [0.015, 0.05, 0.12, 0.3].contains(tau))
                || matches!(shape, Shape::Hinge(at) if [5, 10, 14].iter().any(|it| (f64::from(*it) * 0.05 - at).abs() < 1e-9))
                || matches!(shape, Shape::Power(2.0) | Shape::Log(0.004) | Shape::Refill(0.03))
                || matches!(shape, Shape::Ramp(0.0, to) if [6, 12].iter().any(|it| (f64::from(*it) * 0.05 - to).abs() < 1e-9))
        };
        let scouts = (0..dictionary.shapes.len()).filter(|at| scout(&dictionary.shapes[*at])).collect();
        let mut sorted: Vec<f64> = values.clone();
        let range = crate::stats::quantile(&mut sorted, 1.0) - crate::stats::quantile(&mut sorted, 0.0);
        Self {
            dictionary,
            values,
            columns,
            base,
            scouts,
            last_local: since_restart(1.0, restarts),
            floor: range * 1e-3,
        }
    }

    fn prepare(&self, noise: Noise, blocks: &[Block], width: f64, wanted: &[usize]) -> Prepared {
        let whitener = Whitener::new(noise, blocks, width);
        let mut basis: Vec<Vec<f64>> = Vec::new();
        let mut base_log_det = 0.0;
        let mut out = Vec::new();
        for column in self.base {
            whitener.whiten(column, &mut out);
            let before = dot(&out, &out);
            take_out(&mut out, &basis);
            let left = dot(&out, &out);
            if left > before * 1e-9 {
                base_log_det += left.ln();
                let scale = left.sqrt().recip();
                basis.push(out.iter().map(|it| it * scale).collect());
            }
        }
        whitener.whiten(&self.values, &mut out);
        take_out(&mut out, &basis);
        let values = out.clone();
        let mut columns = vec![None; self.columns.len()];
        let mut dots = vec![(0.0, 0.0); self.columns.len()];
        for at in wanted {
            whitener.whiten(&self.columns[*at], &mut out);
            let before = dot(&out, &out);
            take_out(&mut out, &basis);
            let left = dot(&out, &out);
            if left > before * 1e-9 {
                dots[*at] = (left, dot(&out, &values));
                columns[*at] = Some(out.clone());
            }
        }
        let square = dot(&values, &values);
        Prepared {
            noise,
            log_det: whitener.log_det,
            base_log_det,
            base_count: basis.len() as f64,
            values,
            square,
            columns,
            dots,
        }
    }
}

// === impl Prepared ===

impl Prepared {
    /// Every model from one on whose columns are there.
    fn evaluate(&self, problem: &Problem<'_>, from: usize) -> Vec<Candidate> {
        let models = problem.dictionary.models.iter().enumerate().skip(from);
        let known = |model: &Model| model.columns.iter().flatten().all(|at| self.columns[*at].is_some());
        models
            .filter(|(_, model)| known(model))
            .filter_map(|(index, model)| self.candidate(problem, index, model))
            .collect()
    }

    fn candidate(&self, problem: &Problem<'_>, index: usize, model: &Model) -> Option<Candidate> {
        let blocks = self.values.len() as f64;
        let count = model.columns.iter().flatten().count() as f64;
        let degrees = blocks - self.base_count - count;
        let solved = self.solve(model)?;
        let floor = problem.floor * problem.floor * blocks;
        let rest = (self.square - solved.explained).max(0.0) + floor;
        // g as large as the number of blocks: one block's worth of information.
        let g = blocks.max(20.0);
        let flat = (g * rest + self.square + floor) / (1.0 + g);
        let weight = model.log_prior
            - 0.5 * (self.log_det + self.base_log_det + count * g.ln_1p())
            - 0.5 * (blocks - self.base_count) * flat.max(f64::MIN_POSITIVE).ln();
        let sigma = (rest / degrees.max(1.0)).sqrt();
        let local = problem.last_local;
        let ends =
            model.columns.map(|at| at.map_or(0.0, |at| problem.dictionary.shapes[at].last_slope(local)));
        let slope = ends[0] * solved.sizes[0] + ends[1] * solved.sizes[1];
        let [a, b, c] = solved.inverse;
        let variance = ends[0] * ends[0] * a + 2.0 * ends[0] * ends[1] * b + ends[1] * ends[1] * c;
        Some(Candidate {
            model: index,
            noise: self.noise,
            weight,
            slope,
            error: variance.max(0.0).sqrt() * sigma,
            degrees: degrees.max(1.0),
            sizes: solved.sizes,
            sigma,
        })
    }

    fn solve(&self, model: &Model) -> Option<Solved> {
        match model.columns {
            [Some(first), Some(second)] => {
                let ((aa, ay), (cc, cy)) = (self.dots[first], self.dots[second]);
                let b = dot(self.columns[first].as_deref()?, self.columns[second].as_deref()?);
                let det = aa * cc - b * b;
                if det <= 1e-9 * aa * cc {
                    return None;
                }
                let sizes = [(cc * ay - b * cy) / det, (aa * cy - b * ay) / det];
                let explained = sizes[0] * ay + sizes[1] * cy;
                Some(Solved { sizes, explained, inverse: [cc / det, -b / det, aa / det] })
            }
            [Some(only), None] | [None, Some(only)] => {
                let (aa, ay) = self.dots[only];
                Some(Solved {
                    sizes: [ay / aa, 0.0],
                    explained: ay * ay / aa,
                    inverse: [aa.recip(), 0.0, 0.0],
                })
            }
            [None, None] => Some(Solved { sizes: [0.0; 2], explained: 0.0, inverse: [0.0; 3] }),
        }
    }
}

struct Solved {
    sizes: [f64; 2],
    explained: f64,
    /// Of the normal equations: first, both, second.
    inverse: [f64; 3],
}
