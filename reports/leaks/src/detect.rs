//! From a trace to a finding.

use crate::blocks::{self, Block};
use crate::finding::{Finding, Verdict};
use crate::fit::{self, Candidate};
use crate::jumps::{self, Jump, Ratchet};
use crate::shapes::{self, Claim, Dictionary, Shape};
use crate::stats::{median, student};
use crate::{linear, teeth, waves};

/// Nothing is claimed on fewer samples,
const SAMPLES_MIN: usize = 30;
/// nor on a shorter trace, in seconds: an allocator's warm-up takes minutes.
const SECONDS_MIN: f64 = 300.0;
/// A leak is claimed from this probability on, in a long trace.
const SURE: f64 = 0.36;
/// And by so much more in a very short one: most warm-ups take minutes, and some an hour.
const SURER: f64 = 0.34;
/// The part of that which is left falls to a third in so many seconds.
const SURER_FOR: f64 = 2_400.0;
/// So does the weight of plateaus that have not been seen yet.
const UNSEEN_FOR: f64 = 10_800.0;
/// No leak is claimed below this.
const UNLIKELY: f64 = 0.36;

/// With fewer teeth than this, their sides are fitted too, not only their floor.
const FLOOR_MIN: usize = 12;
/// Growth that is a smaller part of all that the series did is none to report,
const PART_MIN: f64 = 0.03;
/// nor, if it shows in the last quarter only, one that is smaller than this.
const LATE_PART_MIN: f64 = 0.1;

/// Nor one that is a smaller part of what it was at first.
const BENT_PART_MIN: f64 = 0.25;

/// What matters, as growth over a trace.
struct Matter {
    /// Of the noise between samples.
    grain: f64,
    quantum: f64,
}

/// Judges a series: moments in seconds, ascending, and as many finite values. The same moments and values give the same
/// finding; other units or another zero of either change it only by that.
#[must_use]
pub fn detect(times: &[f64], values: &[f64]) -> Finding {
    let length = times.last().zip(times.first()).map_or(0.0, |(last, first)| last - first);
    if times.len() < SAMPLES_MIN || times.len() != values.len() {
        return Finding::unknown("fewer than 30 samples");
    }
    if length < SECONDS_MIN {
        return Finding::unknown("shorter than 5 minutes");
    }
    let zero = values[0];
    let largest = values.iter().map(|value| (value - zero).abs()).fold(0.0, f64::max);
    // A power of two changes no digit, and keeps squares within what a number can be.
    let unit = if largest > 0.0 { largest.log2().floor().exp2() } else { 1.0 };
    let scale = Scale { start: times[0], length, zero, unit };
    if largest == 0.0 {
        return scale.constant();
    }
    let values: Vec<f64> = values.iter().map(|value| (value - zero) / unit).collect();
    let fine = blocks::fine(times, &values);
    let matter = Matter { grain: blocks::grain(&values), quantum: blocks::quantum(&values) };
    let mut view = View::new(fine, values.len(), length, &matter);
    let candidates = view.candidates();
    Judge { view: &view, candidates: &candidates, matter: &matter, scale: &scale }.finding()
}

/// What explains a trace, for people who tune.
#[doc(hidden)]
pub fn explain(times: &[f64], values: &[f64]) -> String {
    let values: Vec<f64> = values.iter().map(|value| value - values[0]).collect();
    let fine = blocks::fine(times, &values);
    let matter = Matter { grain: blocks::grain(&values), quantum: blocks::quantum(&values) };
    let mut view = View::new(fine, values.len(), times[times.len() - 1] - times[0], &matter);
    let candidates = view.candidates();
    let scale = Scale { start: times[0], length: 1.0, zero: 0.0, unit: 1.0 };
    let judge = Judge { view: &view, candidates: &candidates, matter: &matter, scale: &scale };
    let mut lines: Vec<(f64, String)> = candidates
        .iter()
        .map(|it| {
            let shapes: Vec<_> = view.shapes(it).collect();
            let text = format!(
                "{:.3} phi {} fresh {} leaks {:.3} slope {:.3e} +- {:.1e} matters {:.2e} sigma {:.2e} {shapes:.2?}",
                it.weight, it.noise.phi, it.noise.fresh, judge.leaks(it), it.slope, it.error, judge.matters(it), it.sigma
            );
            (it.weight, text)
        })
        .collect();
    lines.sort_by(|left, right| right.0.total_cmp(&left.0));
    let lines: Vec<String> = lines.into_iter().take(14).map(|it| it.1).collect();
    let found = jumps::jumps(&blocks::fine(times, &values), matter.quantum);
    format!(
        "blocks {} base {} grain {:.2e} jumps {found:.2?} ratchet {:?}\n    {}",
        view.blocks.len(),
        view.base.len(),
        matter.grain,
        view.ratchet,
        lines.join("\n    ")
    )
}

/// Back to seconds and hours.
struct Scale {
    start: f64,
    length: f64,
    zero: f64,
    unit: f64,
}

/// A trace, ready to be fitted.
struct View {
    blocks: Vec<Block>,
    width: f64,
    base: fit::Base,
    dictionary: Dictionary,
    /// Moments of restarts: what fills begins anew at each.
    restarts: Vec<f64>,
    ratchet: Option<Ratchet>,
    /// It fell far, and has not yet climbed above where it fell from: a tooth of a saw, or a wave, so far.
    regains: bool,
    /// Of the blocks' values.
    range: f64,
}

struct Judge<'a> {
    view: &'a View,
    candidates: &'a [Candidate],
    matter: &'a Matter,
    scale: &'a Scale,
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
    fn new(fine: Vec<Block>, samples: usize, seconds: f64, matter: &Matter) -> Self {
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
        let mut waves_found = false;
        for _ in 0..2 {
            let Some(wave) = waves::strongest(&blocks, &base, &restarts) else { break };
            base.extend(wave.columns(&blocks));
            waves_found = true;
        }
        let dictionary = Dictionary::new(&steps, !restarts.is_empty(), (-seconds / UNSEEN_FOR).exp());
        Self {
            blocks,
            width,
            base,
            dictionary,
            restarts,
            ratchet,
            regains: regains && !waves_found,
            range: highest - lowest,
        }
    }

    fn candidates(&mut self) -> Vec<Candidate> {
        let (candidates, closer) =
            fit::fit(&self.blocks, self.width, &self.base, &self.dictionary, &self.restarts);
        self.dictionary = closer;
        candidates
    }

    /// The shapes of a candidate.
    fn shapes(&self, candidate: &Candidate) -> impl Iterator<Item = (Shape, f64)> {
        let columns = self.dictionary.models[candidate.model].columns;
        columns
            .into_iter()
            .zip(candidate.sizes)
            .filter_map(|(at, size)| Some((self.dictionary.shapes[at?], size)))
    }
}

// === impl Judge ===

impl Judge<'_> {
    fn finding(&self) -> Finding {
        let leak: f64 = self.candidates.iter().map(|it| it.weight * self.leaks(it)).sum();
        let leak = leak.clamp(0.0, 1.0);
        let ratchet = self.view.ratchet.filter(|_| leak > 0.02);
        let sure = SURE + SURER * (-self.scale.length / SURER_FOR).exp();
        // A leak that a restart took back goes on after a warm-up; a tooth has none.
        let regains = self.view.regains && !self.refills();
        let grows = (ratchet.is_some() || leak >= sure) && !regains;
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
    fn leaks(&self, candidate: &Candidate) -> f64 {
        let model = &self.view.dictionary.models[candidate.model];
        if model.claim == Claim::Healthy {
            return 0.0;
        }
        let shapes: Vec<(Shape, f64)> = self.view.shapes(candidate).collect();
        let (line, bend) = match shapes[..] {
            [(Shape::Line, line), (_, bend)] => (line, bend),
            _ => (0.0, 0.0),
        };
        // Down, and up again: a wave or a dip seen in part.
        if candidate.slope <= 0.0 || line < 0.0 {
            return 0.0;
        }
        // A line that bends down nearly to level has come to its end.
        let still = if bend < 0.0 { BENT_PART_MIN * line } else { 0.0 };
        let (mut span, mut part) = (1.0_f64, PART_MIN);
        for (shape, _) in shapes {
            let (its_span, is_late) = match shape {
                Shape::Hinge(from) => (1.0 - from, from > 0.72),
                Shape::Power(power) => (power.recip(), power > 2.5),
                Shape::Exponential(k) => (k.exp_m1() / (k * k.exp()), k > 3.5),
                _ => (1.0, false),
            };
            span = span.min(its_span);
            part = if is_late { LATE_PART_MIN } else { part };
        }
        let least = self.matters(candidate).max(part * self.view.range) / span;
        let least = least.max(still);
        1.0 - student((least - candidate.slope) / candidate.error.max(f64::MIN_POSITIVE), candidate.degrees)
    }

    /// Growth below this is none that matters: half the noise of a sample, what wandering does anyway, three counts.
    fn matters(&self, candidate: &Candidate) -> f64 {
        (0.5 * self.matter.grain).max(1.0 * candidate.sigma).max(2.5 * self.matter.quantum)
    }

    /// Whether what fills was still far from full when the trace ended.
    fn still_fills(&self) -> bool {
        let filling: f64 = self
            .candidates
            .iter()
            .filter(|it| {
                self.view
                    .shapes(it)
                    .any(|(shape, _)| matches!(shape, Shape::Fill { from: 0.0, tau } if tau > 0.7))
            })
            .map(|it| it.weight)
            .sum();
        filling > 0.5
    }

    /// Whether what leaks warmed up anew after each restart.
    fn refills(&self) -> bool {
        let leaky = || self.candidates.iter().filter(|it| self.leaks(it) > 0.5);
        let refills =
            leaky().filter(|it| self.view.shapes(it).any(|(shape, _)| matches!(shape, Shape::Refill(_))));
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
        let weight =
            |it: &Candidate| if verdict == Verdict::Leak { it.weight * self.leaks(it) } else { it.weight };
        Mixture::new(
            self.candidates
                .iter()
                .filter(counts)
                .map(|it| (weight(it), it.slope, it.error, it.degrees))
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

/// Weighted distributions of a slope: weight, middle, standard error, degrees of freedom.
struct Mixture(Vec<(f64, f64, f64, f64)>);

// === impl Mixture ===

impl Mixture {
    /// Without what weighs next to nothing.
    fn new(mut parts: Vec<(f64, f64, f64, f64)>) -> Self {
        parts.sort_by(|left, right| right.0.total_cmp(&left.0));
        let least = parts.first().map_or(0.0, |it| 0.002 * it.0);
        parts.retain(|it| it.0 >= least);
        parts.truncate(80);
        Self(parts)
    }

    fn quantile(&self, part: f64) -> f64 {
        let sum: f64 = self.0.iter().map(|it| it.0).sum();
        if sum <= 0.0 {
            return 0.0;
        }
        let edge = |it: &(f64, f64, f64, f64), sign: f64| it.1 + sign * 12.0 * it.2;
        let mut low = self.0.iter().map(|it| edge(it, -1.0)).fold(f64::MAX, f64::min);
        let mut high = self.0.iter().map(|it| edge(it, 1.0)).fold(f64::MIN, f64::max);
        for _ in 0..44 {
            let middle = f64::midpoint(low, high);
            let below = |it: &(f64, f64, f64, f64)| {
                it.0 * student((middle - it.1) / it.2.max(f64::MIN_POSITIVE), it.3)
            };
            if self.0.iter().map(below).sum::<f64>() < part * sum { low = middle } else { high = middle }
        }
        f64::midpoint(low, high)
    }
}

// === impl Scale ===

impl Scale {
    /// Every value is the same.
    fn constant(&self) -> Finding {
        Finding {
            verdict: Verdict::NoLeak,
            slope_per_hour: Some(0.0),
            slope_ci: Some([0.0, 0.0]),
            confidence: 1.0,
            plateau_s: Some(self.start),
            growth_bound_per_hour: Some(0.0),
            level: Some(self.zero),
            why: None,
            ..Finding::unknown("")
        }
    }
}
