//! A labelled trace, and what traces are made of: clocks, noise, saw teeth, waves, steps.

use std::f64::consts::TAU;

use crate::chance::Chance;

/// A series with its label.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Seconds.
    pub times: Vec<f64>,
    /// Values.
    pub values: Vec<f64>,
    /// Whether it leaks.
    pub leaky: bool,
    /// How fast it truly grows at its end, an hour.
    pub slope: f64,
}

/// What a kind draws first.
pub struct Setting {
    /// Seconds.
    pub times: Vec<f64>,
    /// The same as parts of the trace.
    pub us: Vec<f64>,
    /// Hours.
    pub hours: f64,
    /// The level that everything stands on.
    pub level: f64,
    /// The noise of a sample.
    pub sigma: f64,
}

/// What noise is like.
#[derive(Clone, Copy, Debug)]
pub enum Noise {
    White,
    Heavy,
    Spiky,
    /// AR(1) of this coefficient from sample to sample.
    Ar(f64),
    /// Ornstein-Uhlenbeck of this time constant, as a part of the trace.
    Wander(f64),
    /// One of the quiet ones.
    Any,
}

// === impl Setting ===

impl Setting {
    /// 1–48 h at 1–60 s; at most `samples` of them.
    pub fn draw(chance: &mut Chance, samples: f64) -> Self {
        let hours = chance.ratio(1.0, 48.0);
        let finest = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0];
        let allowed: Vec<f64> = finest.into_iter().filter(|step| hours * 3_600.0 / step <= samples).collect();
        let step =
            allowed.get(chance.whole(0, allowed.len().max(1) as u32 - 1) as usize).copied().unwrap_or(60.0);
        Self::new(chance, hours, step)
    }

    /// So long, at this step.
    pub fn new(chance: &mut Chance, hours: f64, step: f64) -> Self {
        let count = (hours * 3_600.0 / step) as usize + 1;
        let jitter = if chance.happens(0.3) { 0.1 } else { 0.0 };
        let times: Vec<f64> =
            (0..count).map(|at| at as f64 * step + chance.between(0.0, jitter) * step).collect();
        let level = chance.ratio(20.0, 1e9);
        let sigma = level * chance.ratio(0.001, 0.05);
        let mut setting = Self { times, us: Vec::new(), hours, level, sigma };
        setting.rescale();
        setting
    }

    fn rescale(&mut self) {
        let (first, last) = (self.times[0], self.times[self.times.len() - 1]);
        self.us = self.times.iter().map(|time| (time - first) / (last - first)).collect();
    }

    /// Takes samples away: some here and there, and some whole stretches.
    pub fn with_gaps(mut self, chance: &mut Chance) -> Self {
        let gaps: Vec<(f64, f64)> = (0..chance.whole(1, 4))
            .map(|_| {
                let from = chance.between(0.05, 0.85);
                (from, from + chance.between(0.01, 0.08))
            })
            .collect();
        let rate = chance.between(0.0, 0.3);
        let us = self.us.clone();
        let mut at = 0;
        self.times.retain(|_| {
            let u = us[at];
            at += 1;
            !gaps.iter().any(|(from, to)| (*from..*to).contains(&u)) && !chance.happens(rate)
        });
        self.rescale();
        self
    }

    /// The trace of a course, in units of the noise above the level; and noise of a kind.
    pub fn trace(&self, chance: &mut Chance, noise: Noise, course: &[f64]) -> Trace {
        let noise = self.noise(chance, noise);
        let values = course
            .iter()
            .zip(noise)
            .map(|(course, noise)| self.level + self.sigma * (course + noise))
            .collect();
        Trace { times: self.times.clone(), values, leaky: false, slope: 0.0 }
    }

    fn noise(&self, chance: &mut Chance, noise: Noise) -> Vec<f64> {
        match noise {
            Noise::White => self.us.iter().map(|_| chance.normal()).collect(),
            Noise::Heavy => self.us.iter().map(|_| 0.7 * chance.student(2)).collect(),
            Noise::Spiky => {
                let rate = chance.ratio(0.002, 0.03);
                let spike =
                    |chance: &mut Chance| if chance.happens(rate) { chance.ratio(4.0, 40.0) } else { 0.0 };
                self.us.iter().map(|_| chance.normal() + spike(chance)).collect()
            }
            Noise::Ar(phi) => {
                let mut state = chance.normal();
                let fresh = (1.0 - phi * phi).sqrt();
                self.us
                    .iter()
                    .map(|_| {
                        let now = state;
                        state = phi * state + fresh * chance.normal();
                        now
                    })
                    .collect()
            }
            Noise::Wander(tau) => self.noise(chance, Noise::Ar((-1.0 / (tau * self.us.len() as f64)).exp())),
            Noise::Any => {
                let kind = match chance.whole(0, 5) {
                    0 => Noise::Heavy,
                    1 => Noise::Spiky,
                    2 => Noise::Ar(0.8),
                    3 => Noise::Wander(0.004),
                    _ => Noise::White,
                };
                self.noise(chance, kind)
            }
        }
    }

    /// A course.
    pub fn course(&self, of: impl Fn(f64) -> f64) -> Vec<f64> {
        self.us.iter().map(|u| of(*u)).collect()
    }

    /// Saw teeth of this height, about so many, their lengths varying by a part.
    pub fn teeth(&self, chance: &mut Chance, count: f64, height: f64, varying: f64) -> Vec<f64> {
        let mut cuts = vec![-chance.part() / count];
        while cuts[cuts.len() - 1] < 1.0 {
            cuts.push(cuts[cuts.len() - 1] + (1.0 + varying * (2.0 * chance.part() - 1.0)) / count);
        }
        let tooth = |u: f64| {
            let next = cuts.partition_point(|cut| *cut <= u).min(cuts.len() - 1);
            (u - cuts[next - 1]) * count * height
        };
        self.course(tooth)
    }

    /// A wave of so many turns, not quite a sine.
    pub fn wave(&self, chance: &mut Chance, turns: f64, height: f64) -> Vec<f64> {
        let (phase, bend) = (chance.part() * TAU, chance.between(0.0, 0.4));
        let wave = |u: f64| {
            let at = TAU * turns * u + phase;
            height * (at.sin() + bend * (2.0 * at + 1.0).sin())
        };
        self.course(wave)
    }

    /// So many times, apart from each other, within a part of the trace.
    pub fn moments(chance: &mut Chance, count: u32, from: f64, to: f64) -> Vec<f64> {
        let width = (to - from) / f64::from(count);
        (0..count).map(|at| from + width * (f64::from(at) + chance.between(0.15, 0.85))).collect()
    }
}

// === impl Trace ===

impl Trace {
    /// A leak that ends with this growth, in units of noise over the trace.
    pub fn leaking(mut self, setting: &Setting, growth: f64) -> Self {
        self.leaky = true;
        self.slope = growth * setting.sigma / setting.hours;
        self
    }

    /// The first part of it.
    pub fn prefix(&self, part: f64) -> (&[f64], &[f64]) {
        let count = ((self.times.len() as f64 * part) as usize).clamp(1, self.times.len());
        (&self.times[..count], &self.values[..count])
    }

    /// Whole numbers.
    pub fn rounded(mut self, to: f64) -> Self {
        self.values.iter_mut().for_each(|value| *value = (*value / to).round() * to);
        self
    }
}

/// The sum of courses.
pub fn sum(courses: &[Vec<f64>]) -> Vec<f64> {
    (0..courses[0].len()).map(|at| courses.iter().map(|course| course[at]).sum()).collect()
}
