//! From the candidates to the answer, each with its weight in it.

use crate::detect::{Matter, Scale};
use crate::finding::{Finding, Verdict};
use crate::fit::Candidate;
use crate::going::Going;
use crate::jumps::Ratchet;
use crate::linear;
use crate::mixture::Mixture;
use crate::shapes::{self, Claim, Shape};
use crate::stats::{median, student};
use crate::view::View;

/// A leak is claimed from this probability on: the weights count what cannot be told from a leak as healthy, so that most
/// of what is claimed lies far above.
const SURE: f64 = 0.28;
/// And if it is at least this part of all growth that goes on at the end; the rest are plateaus that would only be seen
/// later. No trace tells these two apart, so that more cannot be asked; how often a cache fills that slowly is a belief.
const FAIR: f64 = 0.3;
/// That growth goes on at all has to be as probable as this,
const GOES_ON: f64 = 0.48;
/// and by so much more where it is young: most warm-ups take minutes, and some an hour.
const YOUNG: f64 = 0.2;
/// What is added falls to a third of that in so many seconds of growth.
const YOUNG_FOR: f64 = 9_600.0;
/// That there is none is claimed below this.
const UNLIKELY: f64 = 0.32;

/// Growth that is a smaller part of all that the series did is none to report,
const PART_MIN: f64 = 0.03;
/// nor, if it shows in the last quarter only, one that is smaller than this,
const LATE_PART_MIN: f64 = 0.1;
/// nor a line that bends down to a smaller part of how steep it was.
const BENT_PART_MIN: f64 = 0.25;
/// What fell before this part of the trace only, and rose ever since, fell once: a last saw tooth, a start.
const EARLY: f64 = 0.25;
/// What is still this steep at the end, as a part of the range over the trace, has no plateau yet.
const STILL_PART_MIN: f64 = 0.3;

/// What an answer is made of.
pub struct Judge<'a> {
    pub view: &'a View,
    pub candidates: &'a [Candidate],
    pub matter: &'a Matter,
    pub scale: &'a Scale,
    going: Option<Going>,
}

/// The part of the trace that growth of these shapes takes, and the least part of all that it has to be.
fn span(shapes: &[(Shape, f64)]) -> (f64, f64) {
    let (mut span, mut part) = (1.0_f64, PART_MIN);
    for (shape, _) in shapes {
        let (its_span, is_late) = match *shape {
            Shape::Hinge(from) => (1.0 - from, from > 0.72),
            Shape::Power(power) => (power.recip(), power > 2.5),
            Shape::Exponential(k) => (k.exp_m1() / (k * k.exp()), k > 3.5),
            _ => (1.0, false),
        };
        span = span.min(its_span);
        part = if is_late { LATE_PART_MIN } else { part };
    }
    (span, part)
}

// === impl Judge ===

impl<'a> Judge<'a> {
    pub fn new(view: &'a View, candidates: &'a [Candidate], matter: &'a Matter, scale: &'a Scale) -> Self {
        Self { view, candidates, matter, scale, going: Going::new(view) }
    }

    pub fn finding(&self) -> Finding {
        let leak: f64 = self.candidates.iter().map(|it| it.weight * self.leaks(it)).sum();
        let leak = leak.clamp(0.0, 1.0);
        let ratchet = self.view.ratchet.filter(|_| leak > 0.15);
        let goes_on = leak + self.unseen();
        let least = GOES_ON + YOUNG * (-self.grown_for(leak) / YOUNG_FOR).exp();
        let is_leak = leak >= SURE.max(FAIR * goes_on) && goes_on >= least;
        // A leak that a restart took back goes on after a warm-up; a tooth has none.
        let regains = self.view.regains && !self.refills();
        let grows = (ratchet.is_some() || is_leak) && !regains;
        let verdict = match leak {
            _ if grows => Verdict::Leak,
            leak if leak < UNLIKELY && !self.still_fills() => Verdict::NoLeak,
            // A fall, and what came after it does not stand higher than before it.
            _ => Verdict::Inconclusive,
        };
        let spread = self.slopes(verdict, leak, ratchet);
        let per_hour = self.scale.unit * 3_600.0 / self.scale.length;
        let quantile = |part: f64| spread.quantile(part) * per_hour;
        let (low, middle, high) = (quantile(0.025), quantile(0.5), quantile(0.975));
        let slope = if verdict == Verdict::NoLeak { 0.0_f64.clamp(low, high) } else { middle };
        let best = self.best(verdict);
        let seconds = |u: f64| self.scale.start + u * self.scale.length;
        let course = self.course(best);
        Finding {
            verdict,
            why: match verdict {
                Verdict::Inconclusive if self.view.regains => {
                    Some("it fell, and has not yet grown beyond where it fell from")
                }
                Verdict::Inconclusive if self.still_fills() => Some("its plateau has not been seen yet"),
                Verdict::Inconclusive => Some("too short or too noisy to tell"),
                _ => None,
            },
            slope_per_hour: Some(slope),
            slope_ci: Some([low, high]),
            confidence: match verdict {
                Verdict::Leak if ratchet.is_some() => leak.max(0.97),
                Verdict::NoLeak => 1.0 - leak,
                _ => leak,
            },
            onset_s: (verdict == Verdict::Leak)
                .then(|| seconds(ratchet.map_or_else(|| self.onset(best), |ratchet| ratchet.onset))),
            plateau_s: (verdict == Verdict::NoLeak).then(|| self.plateau(best)).flatten().map(seconds),
            growth_bound_per_hour: (verdict == Verdict::NoLeak).then_some(high.max(0.0)),
            min_detectable_per_hour: Some(self.detectable() * per_hour),
            level: course.last().map(|point| point.1),
            course,
        }
    }

    /// How probable it is, if the candidate is right, that this is a leak of a size that matters.
    pub fn leaks(&self, candidate: &Candidate) -> f64 {
        let model = &self.view.dictionary.models[candidate.model];
        if model.claim == Claim::Healthy {
            return 0.0;
        }
        let shapes: Vec<(Shape, f64)> = self.view.shapes(candidate).collect();
        let (line, bend) = match shapes[..] {
            [(Shape::Line, line), (_, bend)] => (line, bend),
            _ => (0.0, 0.0),
        };
        if candidate.slope <= 0.0 {
            return 0.0;
        }
        // Down, and up again: a wave or a dip seen in part; unless it went down in the beginning only.
        let is_early = |it: &(Shape, f64)| matches!(it.0, Shape::Hinge(from) if from < EARLY);
        if line < 0.0 && !shapes.iter().any(is_early) {
            return 0.0;
        }
        // A line that bends down nearly to level has come to its end.
        let still = if bend < 0.0 { BENT_PART_MIN * line } else { 0.0 };
        let falls = |it: &(Shape, f64)| matches!(it.0, Shape::Fill { .. } | Shape::Log(_)) && it.1 < 0.0;
        let rises_late = |it: &(Shape, f64)| matches!(it.0, Shape::Hinge(_)) && !is_early(it);
        if shapes.iter().any(falls) && shapes.iter().any(rises_late) {
            return 0.0;
        }
        if self.going.as_ref().is_some_and(|going| !going.shows(self.view, candidate)) {
            return 0.0;
        }
        let (span, part) = span(&shapes);
        let least = self.matters(candidate).max(part * self.view.range) / span;
        let least = least.max(still);
        1.0 - student((least - candidate.slope) / candidate.error.max(f64::MIN_POSITIVE), candidate.degrees)
    }

    /// How probable it is that it fills, and slower than can be seen.
    fn unseen(&self) -> f64 {
        let is_slow = |shape: Shape| match shape {
            Shape::Fill { from, tau } => from == 0.0 && tau >= 0.5,
            Shape::Log(c) => c >= 0.05,
            Shape::Hyperbola(c) => c >= 0.3,
            Shape::Ramp(from, to) => from == 0.0 && to >= 0.88,
            _ => false,
        };
        let climbs = |it: &&Candidate| {
            self.view.dictionary.models[it.model].claim == Claim::Healthy
                && it.slope > 0.0
                && self.view.shapes(it).any(|(shape, _)| is_slow(shape))
        };
        self.candidates.iter().filter(climbs).map(|it| it.weight).sum()
    }

    /// For how many seconds what leaks, if it leaks, has been growing.
    fn grown_for(&self, leak: f64) -> f64 {
        let spans = self.candidates.iter().map(|it| {
            let shapes: Vec<(Shape, f64)> = self.view.shapes(it).collect();
            it.weight * self.leaks(it) * span(&shapes).0
        });
        self.scale.length * spans.sum::<f64>() / leak.max(f64::MIN_POSITIVE)
    }

    /// Growth below this is none that matters: half the noise of a sample, what wandering does anyway, three counts.
    pub fn matters(&self, candidate: &Candidate) -> f64 {
        (0.5 * self.matter.grain).max(1.0 * candidate.sigma).max(2.5 * self.matter.quantum)
    }

    /// Whether what fills was still far from full when the trace ended.
    fn still_fills(&self) -> bool {
        let climbs = |it: &&Candidate| {
            self.view.dictionary.models[it.model].claim == Claim::Healthy
                && it.slope > STILL_PART_MIN * self.view.range
                && it.slope > self.matters(it)
        };
        self.candidates.iter().filter(climbs).map(|it| it.weight).sum::<f64>() > 0.5
    }

    /// Whether what leaks warmed up anew after each restart.
    fn refills(&self) -> bool {
        let leaky = || self.candidates.iter().filter(|it| self.leaks(it) > 0.5);
        // One fall and one climb is a restart only as far as it warmed up; that a line came after shows it was one.
        let is_refill = |it: &&Candidate| {
            let shapes: Vec<(Shape, f64)> = self.view.shapes(it).collect();
            let again = |(shape, size): &(Shape, f64)| match shape {
                Shape::Refill(_) => true,
                Shape::Fill { from, .. } => *from > 0.0 && *size > 0.0,
                _ => false,
            };
            shapes.iter().any(again)
        };
        let refills = leaky().filter(is_refill);
        let sum = |weights: &mut dyn Iterator<Item = f64>| weights.sum::<f64>();
        sum(&mut refills.map(|it| it.weight)) > 0.5 * sum(&mut leaky().map(|it| it.weight))
    }

    fn slopes(&self, verdict: Verdict, leak: f64, ratchet: Option<Ratchet>) -> Mixture {
        if let (Verdict::Leak, Some(ratchet)) = (verdict, ratchet.filter(|_| leak < 0.2)) {
            return Mixture::new(vec![(1.0, ratchet.slope, ratchet.error, 30.0)]);
        }
        // Of a leak: given that it is one. Of none: given that there is any growth, so that a bound is not a belief.
        let counts = |it: &&Candidate| match verdict {
            Verdict::Leak => self.view.dictionary.models[it.model].claim == Claim::Leaky,
            _ => self.view.dictionary.models[it.model].columns[0].is_some(),
        };
        // Lumps that come by chance are not as regular as the line that fits them.
        let lumps = ratchet.map_or(0.0, |ratchet| ratchet.error);
        let weight =
            |it: &Candidate| if verdict == Verdict::Leak { it.weight * self.leaks(it) } else { it.weight };
        Mixture::new(
            self.candidates
                .iter()
                .filter(counts)
                .map(|it| (weight(it), it.slope, it.error.max(lumps), it.degrees))
                .collect(),
        )
    }

    /// The most probable candidate of the verdict's kind.
    fn best(&self, verdict: Verdict) -> Option<&Candidate> {
        let fits = |it: &&Candidate| {
            (self.view.dictionary.models[it.model].claim == Claim::Leaky) == (verdict == Verdict::Leak)
        };
        self.candidates.iter().filter(fits).max_by(|left, right| left.weight.total_cmp(&right.weight))
    }

    /// The fitted course of a candidate: its shapes, and the level, steps and waves that go with them.
    fn course(&self, best: Option<&Candidate>) -> Vec<(f64, f64)> {
        let blocks = &self.view.blocks;
        let local = |u: f64| shapes::since_restart(u, &self.view.restarts);
        let grown = |u: f64| {
            best.map_or(0.0, |it| {
                self.view.shapes(it).map(|(shape, size)| size * shape.value(u, local(u))).sum()
            })
        };
        let grown: Vec<f64> = blocks.iter().map(|block| grown(block.at)).collect();
        let mut rest: Vec<f64> =
            blocks.iter().zip(&grown).map(|(block, grown)| block.value - grown).collect();
        let before = rest.clone();
        let mut basis = Vec::new();
        self.view.base.iter().for_each(|column| linear::join(&mut basis, column.clone()));
        linear::take_out(&mut rest, &basis);
        let at = |u: f64| self.scale.start + u * self.scale.length;
        let value =
            |index: usize| (grown[index] + before[index] - rest[index]) * self.scale.unit + self.scale.zero;
        blocks.iter().enumerate().map(|(index, block)| (at(block.at), value(index))).collect()
    }

    fn onset(&self, best: Option<&Candidate>) -> f64 {
        let hinge = best.into_iter().flat_map(|it| self.view.shapes(it)).find_map(|(shape, _)| match shape {
            Shape::Hinge(at) => Some(at),
            _ => None,
        });
        hinge.unwrap_or(0.0)
    }

    fn plateau(&self, best: Option<&Candidate>) -> Option<f64> {
        let ends = best.into_iter().flat_map(|it| self.view.shapes(it)).map(|(shape, _)| match shape {
            Shape::Fill { from, tau } => from + 3.0 * tau,
            Shape::Refill(tau) => self.view.restarts.last().copied().unwrap_or(0.0) + 3.0 * tau,
            Shape::Ramp(_, to) => to,
            Shape::Sigmoid(middle, width) => middle + 3.0 * width,
            _ => f64::INFINITY,
        });
        Some(ends.fold(0.0, f64::max)).filter(|end| *end < 1.0)
    }

    /// 1.96 standard errors to be sure, and 1.28 more to be so nine times out of ten; of a straight line.
    fn detectable(&self) -> f64 {
        let lines: Vec<&Candidate> = self
            .candidates
            .iter()
            .filter(|it| self.view.shapes(it).map(|(shape, _)| shape).eq([Shape::Line]))
            .collect();
        let by_line = lines.iter().map(|it| 3.24 * it.error).fold(f64::NAN, f64::max);
        let mut all: Vec<f64> =
            self.candidates.iter().map(|it| 3.24 * 12f64.sqrt() * it.sigma / it.degrees.sqrt()).collect();
        let by_noise = median(&mut all);
        let matters = self.candidates.iter().map(|it| it.weight * self.matters(it)).sum::<f64>();
        if by_line.is_nan() { by_noise } else { by_line }.max(matters)
    }
}
