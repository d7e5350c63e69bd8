//! How late a chunk comes: distributions, their correlation, and waves.
//!
//! Every distribution is drawn through one standard normal number z: the delay is the distribution's quantile at Φ(z). With
//! a correlation ρ, z follows the process z' = ρz + √(1-ρ²)ε, which stays standard normal, so that delays resemble
//! their predecessors and are still distributed as asked (a Gaussian copula; `tc netem` blends the delays themselves, which
//! narrows them).

use std::f64::consts::{SQRT_2, TAU};
use std::sync::Arc;

use shakedown_scenarios::toxic::{Distribution, Shape};
use shakedown_scenarios::units::Span;

use super::Chance;

/// What a latency draws from, and the last thing it drew.
#[derive(Clone, Debug)]
pub struct Delay {
    mean: Span,
    spread: Span,
    law: Law,
    correlation: f64,
    last: Option<f64>,
}

#[derive(Clone, Debug)]
enum Law {
    Constant,
    Uniform,
    Normal,
    /// Of the logarithm: its mean and its standard deviation.
    LogNormal {
        mu: f64,
        sigma: f64,
    },
    Pareto(Pareto),
    ParetoNormal(Pareto),
    Exponential,
    /// In rising order.
    Trace(Arc<[Span]>),
}

/// A Pareto distribution of the first type, with finite variance.
#[derive(Clone, Copy, Debug)]
struct Pareto {
    scale: f64,
    shape: f64,
}

// === impl Delay ===

impl Delay {
    /// Delays of this mean and spread, with a correlation from 0 to below 1.
    #[must_use]
    pub fn new(mean: Span, spread: Span, distribution: &Distribution, correlation: f64) -> Self {
        Self { mean, spread, law: Law::new(mean, spread, distribution), correlation, last: None }
    }

    /// The next delay.
    pub fn draw(&mut self, chance: &mut Chance) -> Span {
        match &self.law {
            Law::Constant => return self.mean,
            // Drawn directly, to the nanosecond and to both ends.
            Law::Uniform if self.correlation <= 0.0 => return chance.around(self.mean, self.spread),
            _ => {}
        }
        let z = self.next_normal(chance);
        self.at(z)
    }

    fn next_normal(&mut self, chance: &mut Chance) -> f64 {
        let fresh = chance.normal();
        let z = match self.last {
            Some(last) if self.correlation > 0.0 => {
                self.correlation * last + (1.0 - self.correlation * self.correlation).sqrt() * fresh
            }
            _ => fresh,
        };
        self.last = Some(z);
        z
    }

    /// The delay at Φ(z) of the distribution; what would be below zero is zero.
    fn at(&self, z: f64) -> Span {
        let (mean, spread) = (self.mean.as_secs_f64(), self.spread.as_secs_f64());
        Span::secs_f64(match &self.law {
            Law::Constant => mean,
            Law::Uniform => mean + spread * (2.0 * below(z) - 1.0),
            Law::Normal => mean + spread * z,
            Law::LogNormal { mu, sigma } => libm::exp(mu + sigma * z),
            Law::Pareto(pareto) => pareto.at(z),
            Law::ParetoNormal(pareto) => 0.25 * (mean + spread * z) + 0.75 * pareto.at(z),
            Law::Exponential => mean - spread - spread * libm::log(above(z)),
            Law::Trace(trace) => {
                // Φ(z) is at most 1, where the last one is meant.
                let place = (below(z) * trace.len() as f64) as usize;
                return self.mean.plus(trace.get(place).or(trace.last()).copied().unwrap_or_default());
            }
        })
    }
}

impl Law {
    fn new(mean: Span, spread: Span, distribution: &Distribution) -> Self {
        let moments = (mean.as_secs_f64(), spread.as_secs_f64());
        match distribution {
            Distribution::Trace(trace) => {
                let mut sorted = trace.clone();
                sorted.sort_unstable();
                Self::Trace(sorted.into())
            }
            Distribution::Constant => Self::Constant,
            _ if spread.is_zero() => Self::Constant,
            Distribution::Uniform => Self::Uniform,
            Distribution::Normal => Self::Normal,
            Distribution::LogNormal => Self::log_normal(moments),
            Distribution::Pareto => Self::Pareto(Pareto::with(moments)),
            Distribution::ParetoNormal => Self::ParetoNormal(Pareto::with(moments)),
            Distribution::Exponential => Self::Exponential,
        }
    }

    /// By the method of moments.
    fn log_normal((mean, spread): (f64, f64)) -> Self {
        let variance = libm::log1p((spread / mean) * (spread / mean));
        Self::LogNormal { mu: libm::log(mean) - variance / 2.0, sigma: variance.sqrt() }
    }
}

impl Pareto {
    /// By the method of moments: with a coefficient of variation c the shape is 1 + √(1 + 1/c²), which is above 2.
    fn with((mean, spread): (f64, f64)) -> Self {
        let shape = 1.0 + (1.0 + (mean / spread) * (mean / spread)).sqrt();
        Self { scale: mean * (shape - 1.0) / shape, shape }
    }

    fn at(self, z: f64) -> f64 {
        self.scale * libm::exp(-libm::log(above(z)) / self.shape)
    }
}

/// Φ(z).
fn below(z: f64) -> f64 {
    0.5 * libm::erfc(-z / SQRT_2)
}

/// 1 - Φ(z), exact in the tail, and never zero.
fn above(z: f64) -> f64 {
    (0.5 * libm::erfc(z / SQRT_2)).max(f64::MIN_POSITIVE)
}

/// How late a wave makes a chunk at a moment: from zero to `amplitude` and back in each `period`.
#[must_use]
pub fn wave_at(shape: Shape, amplitude: Span, period: Span, since: Span) -> Span {
    let place = (since.as_nanos() % period.as_nanos().max(1)) as f64 / period.as_nanos().max(1) as f64;
    let height = match shape {
        Shape::Sine => (1.0 - libm::cos(TAU * place)) / 2.0,
        Shape::Square => f64::from(place >= 0.5),
        Shape::Saw => place,
        Shape::Triangle => 1.0 - (2.0 * place - 1.0).abs(),
    };
    Span::secs_f64(amplitude.as_secs_f64() * height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toxic::Direction;
    use shakedown_scenarios::seed::Streams;

    const MEAN: Span = Span::millis(100);
    const SPREAD: Span = Span::millis(20);

    fn chance() -> Chance {
        Chance::new(Streams::new(1), 0, Direction::Upstream, "delay".into())
    }

    fn draws(distribution: &Distribution, correlation: f64) -> Vec<f64> {
        let mut delay = Delay::new(MEAN, SPREAD, distribution, correlation);
        let mut chance = chance();
        (0..50_000).map(|_| delay.draw(&mut chance).as_secs_f64() * 1e3).collect()
    }

    fn moments(draws: &[f64]) -> (f64, f64) {
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance =
            draws.iter().map(|draw| (draw - mean) * (draw - mean)).sum::<f64>() / draws.len() as f64;
        (mean, variance.sqrt())
    }

    /// Pearson's correlation of each draw with the next.
    fn resemblance(draws: &[f64]) -> f64 {
        let (mean, spread) = moments(draws);
        let pairs = draws.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean));
        pairs.sum::<f64>() / (draws.len() - 1) as f64 / (spread * spread)
    }

    #[test]
    fn every_distribution_has_the_mean_and_the_spread_that_are_asked_for() {
        let heavy = [Distribution::Pareto, Distribution::ParetoNormal];
        let light = [Distribution::Normal, Distribution::LogNormal, Distribution::Exponential];
        for distribution in light.iter().chain(&heavy) {
            for correlation in [0.0, 0.6] {
                let (mean, spread) = moments(&draws(distribution, correlation));
                assert!((98.5..101.5).contains(&mean), "{distribution:?} {correlation}: mean {mean}");
                // The mixture is of two that go together, so it is a little narrower than either.
                let tolerance = if heavy.contains(distribution) { 14.0..25.0 } else { 18.8..21.2 };
                assert!(tolerance.contains(&spread), "{distribution:?} {correlation}: spread {spread}");
            }
        }
        let (mean, spread) = moments(&draws(&Distribution::Uniform, 0.0));
        // A uniform distribution of half width w has the standard deviation w/√3.
        assert!((99.5..100.5).contains(&mean) && (11.3..11.8).contains(&spread), "{mean} {spread}");
    }

    #[test]
    fn correlation_makes_delays_resemble_their_predecessors_and_leaves_their_range() {
        let related = draws(&Distribution::Uniform, 0.9);
        assert!((0.85..0.93).contains(&resemblance(&related)), "{}", resemblance(&related));
        assert!(related.iter().all(|draw| (79.99..=120.01).contains(draw)));
        let (_, spread) = moments(&related);
        assert!((10.8..12.3).contains(&spread), "{spread}");
        assert!(resemblance(&draws(&Distribution::Normal, 0.0)).abs() < 0.02);
    }

    #[test]
    fn a_trace_gives_its_own_delays_each_as_often_as_the_others() {
        let trace = [Span::millis(30), Span::millis(10), Span::millis(20)];
        let mut delay = Delay::new(Span::millis(1), Span::ZERO, &Distribution::Trace(trace.to_vec()), 0.5);
        let mut chance = chance();
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..3_000 {
            *counts.entry(delay.draw(&mut chance).as_nanos() / 1_000_000).or_insert(0) += 1;
        }
        assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [11, 21, 31]);
        assert!(counts.values().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    #[test]
    fn no_delay_is_below_zero_and_none_is_endless() {
        let wide = Span::secs(10);
        for distribution in [
            Distribution::Normal,
            Distribution::LogNormal,
            Distribution::Pareto,
            Distribution::ParetoNormal,
            Distribution::Exponential,
            Distribution::Uniform,
        ] {
            let mut delay = Delay::new(Span::millis(1), wide, &distribution, 0.3);
            let mut chance = chance();
            let longest = (0..20_000).map(|_| delay.draw(&mut chance)).max().unwrap();
            assert!(longest < Span::secs(365 * 24 * 3600), "{distribution:?} {longest}");
        }
        let delay = Delay::new(MEAN, SPREAD, &Distribution::Pareto, 0.0);
        assert!(delay.at(f64::INFINITY) > MEAN && delay.at(f64::NEG_INFINITY) < MEAN);
    }

    #[test]
    fn waves_rise_from_zero_and_come_back() {
        let at = |shape, quarter: u64| {
            let quarter = Span::millis(250 * quarter);
            wave_at(shape, Span::millis(80), Span::secs(1), quarter).as_nanos().div_ceil(1_000_000)
        };
        let course = |shape| [0, 1, 2, 3, 4].map(|quarter| at(shape, quarter));
        assert_eq!(course(Shape::Sine), [0, 40, 80, 40, 0]);
        assert_eq!(course(Shape::Square), [0, 0, 80, 80, 0]);
        assert_eq!(course(Shape::Saw), [0, 20, 40, 60, 0]);
        assert_eq!(course(Shape::Triangle), [0, 40, 80, 40, 0]);
    }
}
