//! Shapes of growth over a trace, time as `u` from 0 to 1; and the models that are made of one or two of them. A shape
//! knows how steep it ends: the end is what a leak is about.
//!
//! A shape's free numbers (how fast a cache fills, where a leak sets in) stand on a grid: each point is a model of its
//! own, and the points of one family share the family's weight. So what is not known well widens the answer.

use std::f64::consts::TAU;
use std::ops::Add as _;

/// One column of a fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// `u`.
    Line,
    /// Fills: `1 - exp(-(u - from) / tau)` after `from`.
    Fill {
        /// Where it begins.
        from: f64,
        /// How fast it is, as a part of the trace.
        tau: f64,
    },
    /// `ln(1 + u / c)`.
    Log(f64),
    /// `u / (u + c)`.
    Hyperbola(f64),
    /// Climbs from the first moment to the second, then stays.
    Ramp(f64, f64),
    /// A logistic climb around a moment, of this width.
    Sigmoid(f64, f64),
    /// Nothing, then a line from this moment on.
    Hinge(f64),
    /// `u` to this power, above 1: faster and faster.
    Power(f64),
    /// `exp(k u)`: the same, faster yet.
    Exponential(f64),
    /// A wave of less than one turn.
    Sine(f64),
    /// The same, a quarter later.
    Cosine(f64),
    /// Fills anew after each restart.
    Refill(f64),
}

/// What a model claims if it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Growth that ends.
    Healthy,
    /// Growth that goes on, if its last slope is up.
    Leaky,
}

/// One model: up to two shapes above level, steps and waves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Model {
    /// Indices into the dictionary.
    pub columns: [Option<usize>; 2],
    /// What it claims.
    pub claim: Claim,
    /// The logarithm of its weight before anything is seen.
    pub log_prior: f64,
}

/// All shapes and models for one trace.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    /// The shapes.
    pub shapes: Vec<Shape>,
    /// The models.
    pub models: Vec<Model>,
}

/// Time constants of filling, as parts of the trace; above about 0.7 a plateau cannot be told from a line.
const TAUS: [f64; 13] = [0.008, 0.015, 0.03, 0.05, 0.08, 0.12, 0.17, 0.23, 0.3, 0.4, 0.55, 0.8, 1.2];
/// What is slower is a line that the load bends a little.
const TAU_MAX: f64 = 1.3;
const LOGS: [f64; 6] = [0.0003, 0.001, 0.004, 0.015, 0.06, 0.25];
const HYPERBOLAS: [f64; 4] = [0.02, 0.06, 0.15, 0.35];

/// The time since the last restart before `u`, or since the beginning.
#[must_use]
pub fn since_restart(u: f64, restarts: &[f64]) -> f64 {
    u - restarts.iter().copied().filter(|restart| *restart <= u).fold(0.0, f64::max)
}

// === impl Shape ===

impl Shape {
    /// Its value; `local` is the time since the last restart.
    #[must_use]
    pub fn value(self, u: f64, local: f64) -> f64 {
        match self {
            Self::Line => u,
            Self::Fill { from, tau } => -(-(u - from).max(0.0) / tau).exp_m1(),
            Self::Log(c) => (u / c).ln_1p(),
            Self::Hyperbola(c) => u / (u + c),
            Self::Ramp(from, to) => (u.min(to) - from).max(0.0),
            Self::Sigmoid(middle, width) => ((middle - u) / width).exp().add(1.0).recip(),
            Self::Hinge(from) => (u - from).max(0.0),
            Self::Power(power) => u.powf(power),
            Self::Exponential(k) => (k * u).exp_m1() / k.exp_m1(),
            Self::Sine(turns) => (TAU * turns * u).sin(),
            Self::Cosine(turns) => (TAU * turns * u).cos(),
            Self::Refill(tau) => -(-local / tau).exp_m1(),
        }
    }

    /// Its slope at the end of the trace.
    #[must_use]
    pub fn last_slope(self, local: f64) -> f64 {
        match self {
            Self::Line | Self::Hinge(_) => 1.0,
            Self::Fill { from, tau } => (-(1.0 - from) / tau).exp() / tau,
            Self::Log(c) => 1.0 / (1.0 + c),
            Self::Hyperbola(c) => c / (1.0 + c).powi(2),
            Self::Ramp(_, to) => {
                if to >= 1.0 {
                    1.0
                } else {
                    0.0
                }
            }
            Self::Sigmoid(..) => {
                let at = self.value(1.0, 1.0);
                let Self::Sigmoid(_, width) = self else { return 0.0 };
                at * (1.0 - at) / width
            }
            Self::Power(power) => power,
            Self::Exponential(k) => k * k.exp() / k.exp_m1(),
            Self::Sine(turns) => TAU * turns * (TAU * turns).cos(),
            Self::Cosine(turns) => -TAU * turns * (TAU * turns).sin(),
            Self::Refill(tau) => (-local / tau).exp() / tau,
        }
    }
}

impl Shape {
    /// The same with its free numbers moved by less than the grid's step.
    fn neighbours(self) -> Vec<Self> {
        const RATIOS: [f64; 4] = [0.75, 0.87, 1.15, 1.33];
        const MOVES: [f64; 4] = [-0.03, -0.015, 0.015, 0.03];
        let moved = |at: f64| MOVES.map(|by| (at + by).clamp(0.0, 0.98));
        match self {
            Self::Line | Self::Sine(_) | Self::Cosine(_) => Vec::new(),
            Self::Fill { from, tau } => {
                let mut all: Vec<Self> =
                    RATIOS.map(|ratio| Self::Fill { from, tau: (tau * ratio).min(TAU_MAX) }).into();
                if from > 0.0 {
                    all.extend(moved(from).map(|from| Self::Fill { from, tau }));
                    all.extend(moved(from).map(|from| Self::Fill { from, tau: tau * 0.6 }));
                }
                all
            }
            Self::Log(c) => RATIOS.map(|ratio| Self::Log(c * ratio.powi(2))).into(),
            Self::Hyperbola(c) => RATIOS.map(|ratio| Self::Hyperbola(c * ratio.powi(2))).into(),
            Self::Refill(tau) => RATIOS.map(|ratio| Self::Refill(tau * ratio)).into(),
            Self::Exponential(k) => RATIOS.map(|ratio| Self::Exponential((k * ratio).min(6.5))).into(),
            Self::Power(power) => [-0.3, -0.15, 0.2, 0.4].map(|by| Self::Power((power + by).max(1.1))).into(),
            Self::Hinge(from) => moved(from).map(Self::Hinge).into(),
            Self::Ramp(from, to) => {
                let mut all: Vec<Self> = moved(to).map(|to| Self::Ramp(from, to.max(from + 0.01))).into();
                if from > 0.0 {
                    all.extend(moved(from).map(|from| Self::Ramp(from.min(to - 0.01), to)));
                }
                all
            }
            Self::Sigmoid(middle, width) => {
                let all = [0.7, 1.0, 1.35].map(|ratio| {
                    [-0.05, -0.025, 0.0, 0.025, 0.05].map(|by| Self::Sigmoid(middle + by, width * ratio))
                });
                all.as_flattened().iter().copied().filter(|it| *it != self).collect()
            }
        }
    }
}

// === impl Dictionary ===

impl Dictionary {
    /// The dictionary for a trace whose levels step at these moments; `restarts` says that some of these begin anew,
    /// `unseen` how likely it is, 0 to 1, that the trace is too short for its plateau.
    #[must_use]
    pub fn new(steps: &[f64], restarts: bool, unseen: f64) -> Self {
        let mut all = Self::default();
        all.healthy(unseen);
        all.leaky();
        all.after(steps, restarts);
        all
    }

    fn healthy(&mut self, unseen: f64) {
        use Claim::Healthy;
        self.models.push(Model { columns: [None, None], claim: Healthy, log_prior: 0.25f64.ln() });
        let fill = |tau: &f64| Shape::Fill { from: 0.0, tau: *tau };
        let fills: Vec<Shape> = TAUS.iter().map(fill).collect();
        let (early, late) = fills.split_at(10);
        self.family(Healthy, 0.12, early.iter().map(|it| [Some(*it), None]));
        self.family(Healthy, 0.015 + 0.2 * unseen, late.iter().map(|it| [Some(*it), None]));
        self.family(Healthy, 0.05, LOGS[..4].iter().map(|c| [Some(Shape::Log(*c)), None]));
        self.family(Healthy, 0.01 + 0.05 * unseen, LOGS[4..].iter().map(|c| [Some(Shape::Log(*c)), None]));
        self.family(Healthy, 0.02, HYPERBOLAS.iter().map(|c| [Some(Shape::Hyperbola(*c)), None]));
        let short = [0.012, 0.025, 0.037, 0.065, 0.08].into_iter();
        let ramps = short.chain((1..=18).map(|at| f64::from(at) * 0.05));
        let ramps = ramps.map(|to| [Some(Shape::Ramp(0.0, to)), None]);
        self.family(Healthy, 0.05, ramps);
        let pairs = fills[..5]
            .iter()
            .flat_map(|fast| fills[5..11].iter().map(move |slow| [Some(*fast), Some(*slow)]));
        self.family(Healthy, 0.04, pairs);
        let unseen_pairs = fills[1..5]
            .iter()
            .flat_map(|fast| fills[11..].iter().map(move |slow| [Some(*fast), Some(*slow)]));
        self.family(Healthy, 0.005 + 0.08 * unseen, unseen_pairs);
        let late = (1..=8).flat_map(|from| {
            [0.02, 0.06, 0.15, 0.3].map(|tau| [Some(Shape::Fill { from: f64::from(from) * 0.1, tau }), None])
        });
        self.family(Healthy, 0.03, late);
        let climbs = (1..=7).flat_map(|from| {
            (from + 1..=9)
                .map(move |to| [Some(Shape::Ramp(f64::from(from) * 0.1, f64::from(to) * 0.1)), None])
        });
        self.family(Healthy, 0.03, climbs);
        let sigmoids = (2..=16).flat_map(|at| {
            [0.03, 0.05, 0.08].map(|width| [Some(Shape::Sigmoid(f64::from(at) * 0.05, width)), None])
        });
        self.family(Healthy, 0.04, sigmoids);
        let jumps = [0.85, 0.9, 0.94, 0.97].map(|from| [Some(Shape::Fill { from, tau: 0.005 }), None]);
        self.family(Healthy, 0.03, jumps.into_iter());
        let part_waves = [0.3, 0.4, 0.5, 0.65, 0.8, 0.95, 1.1, 1.25]
            .map(|turns| [Some(Shape::Sine(turns)), Some(Shape::Cosine(turns))]);
        self.family(Healthy, 0.04 + 0.1 * unseen, part_waves.into_iter());
    }

    fn leaky(&mut self) {
        use Claim::Leaky;
        let line = Some(Shape::Line);
        let fills = || TAUS[..10].iter().map(|tau| Some(Shape::Fill { from: 0.0, tau: *tau }));
        let hinges = || (1..=17).map(|at| Some(Shape::Hinge(f64::from(at) * 0.05)));
        self.family(Leaky, 0.2, [[line, None]].into_iter());
        self.family(Leaky, 0.09, hinges().map(|hinge| [hinge, None]));
        let faster = [
            Shape::Power(1.5),
            Shape::Power(2.0),
            Shape::Power(3.0),
            Shape::Exponential(3.0),
            Shape::Exponential(6.0),
        ];
        self.family(Leaky, 0.06, faster.into_iter().map(|it| [Some(it), None]));
        self.family(Leaky, 0.02, [[line, Some(Shape::Power(2.0))]].into_iter());
        self.family(Leaky, 0.08, fills().map(|fill| [fill, line]));
        self.family(Leaky, 0.04, LOGS.iter().map(|c| [Some(Shape::Log(*c)), line]));
        let late = |hinges: std::ops::Range<i32>| {
            let hinges = hinges.step_by(2).map(|at| Some(Shape::Hinge(f64::from(at) * 0.05)));
            fills().step_by(2).flat_map(move |fill| hinges.clone().map(move |hinge| [fill, hinge]))
        };
        self.family(Leaky, 0.015, late(4..14));
        // After a warm-up, what rises in the last quarter only may as well be the first wave.
        self.family(Claim::Healthy, 0.01, late(14..18));
        self.family(
            Leaky,
            0.01,
            LOGS.iter()
                .step_by(2)
                .flat_map(|c| hinges().skip(5).step_by(3).map(move |hinge| [Some(Shape::Log(*c)), hinge])),
        );
        self.family(Leaky, 0.02, hinges().map(|hinge| [line, hinge]));
    }

    /// What may follow a step: filling again after it, with or without a leak.
    fn after(&mut self, steps: &[f64], restarts: bool) {
        let line = Some(Shape::Line);
        for from in steps {
            let again = || [0.01, 0.03, 0.08, 0.15, 0.25].map(|tau| Some(Shape::Fill { from: *from, tau }));
            self.family(Claim::Healthy, 0.05, again().into_iter().map(|fill| [fill, None]));
            let both = again()
                .into_iter()
                .flat_map(|fill| [0.01, 0.03, 0.08].map(|tau| [Some(Shape::Fill { from: 0.0, tau }), fill]));
            self.family(Claim::Healthy, 0.05, both);
            self.family(Claim::Leaky, 0.03, again().into_iter().map(|fill| [fill, line]));
        }
        if restarts {
            let refills = || TAUS[..11].iter().map(|tau| Some(Shape::Refill(*tau)));
            self.family(Claim::Healthy, 0.1, refills().map(|refill| [refill, None]));
            self.family(Claim::Leaky, 0.05, refills().map(|refill| [refill, line]));
        }
    }

    /// The models from this one on, closer around those given: each of their free numbers moved a little.
    #[must_use]
    pub fn closer(&self, around: &[usize]) -> Self {
        let mut closer = Self { shapes: self.shapes.clone(), models: self.models.clone() };
        for model in around.iter().map(|at| self.models[*at]) {
            for place in 0..2 {
                let moved = model.columns[place].map_or_else(Vec::new, |at| self.shapes[at].neighbours());
                for shape in moved {
                    let mut columns = model.columns;
                    columns[place] = Some(closer.column(shape));
                    // The point and its neighbours share about what the point had.
                    closer.models.push(Model { columns, log_prior: model.log_prior - 1.5, ..model });
                }
            }
        }
        closer
    }

    fn family(&mut self, claim: Claim, weight: f64, members: impl Iterator<Item = [Option<Shape>; 2]>) {
        let members: Vec<_> = members.collect();
        let log_prior = (weight / members.len() as f64).ln();
        for member in members {
            let columns = member.map(|shape| shape.map(|shape| self.column(shape)));
            self.models.push(Model { columns, claim, log_prior });
        }
    }

    fn column(&mut self, shape: Shape) -> usize {
        let known = self.shapes.iter().position(|it| *it == shape);
        known.unwrap_or_else(|| {
            self.shapes.push(shape);
            self.shapes.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_last_slope_is_that_of_its_values() {
        for shape in Dictionary::new(&[0.4], true, 0.5).shapes {
            let step = 1e-7;
            let local = 0.6;
            let measured = (shape.value(1.0, local) - shape.value(1.0 - step, local - step)) / step;
            assert!(
                (measured - shape.last_slope(local)).abs() < 1e-4 * (1.0 + measured.abs()),
                "{shape:?}: {measured}"
            );
        }
    }
}
