//! Whether growth follows requests or time: a regression on the count of requests, while load is held in phases.
//!
//! The models are a level, what memory the present rate needs (and gives back), and one of: nothing more, a share for each
//! request, a share for each second, or a cache that fills with either; under every kind of noise that the detector knows,
//! averaged as there (see `fit`). Requests and time are told apart only as far as the rate changes; at one steady rate
//! nobody can. Growth that follows something else (errors, connections, one kind of request) follows whatever came with it.

use crate::blocks::{self, Block};
use crate::floors::{FloorFinding, PaceFinding, floors, paces};
use crate::linear::{dot, join, take_out};
use crate::mixture::Mixture;
use crate::noise::{KINDS, Whitener};
use crate::spells::{Estimate, unwound};
use crate::stats::student;

/// What growth follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// Requests: as much for each.
    Requests,
    /// Time: as much for each second.
    Time,
    /// Nothing grows, or what grew has ended.
    Neither,
    /// It grows, and it cannot be told which; or it is too short or too noisy.
    Unknown,
}

/// What load tells of growth.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadFinding {
    /// The answer.
    pub follows: Follows,
    /// How probable it is, 0 to 1; of an unknown one, that of the likeliest.
    pub confidence: f64,
    /// Growth for each request, in the series' unit, if it follows requests.
    pub per_request: Option<Estimate>,
    /// Growth an hour, if it follows time.
    pub per_hour: Option<Estimate>,
    /// The idle floors.
    pub floors: FloorFinding,
    /// The rates in phases.
    pub paces: PaceFinding,
    /// In a few words, where the answer is unknown.
    pub why: Option<&'static str>,
}

/// An answer is given from this probability on.
const SURE: f64 = 0.8;
/// Fewer samples tell nothing.
const SAMPLES_MIN: usize = 60;
/// Of requests over time, what is not a straight line has to be at least this part of all, as a standard deviation.
const UNEVEN_MIN: f64 = 0.02;
/// What fills, fills by this part of all requests, or of the time.
const FILLS: [f64; 4] = [0.03, 0.1, 0.25, 0.5];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growth {
    No,
    ByRequests,
    ByTime,
}

/// One model: what grows, its columns (indices), and the logarithm of its weight before anything is seen.
struct Model {
    growth: Growth,
    columns: Vec<usize>,
    log_prior: f64,
}

/// One model under one noise.
struct Fitted {
    growth: Growth,
    weight: f64,
    /// Of the growing column.
    size: f64,
    error: f64,
    degrees: f64,
}

/// Regresses a series on time and on the count of requests: moments in seconds, ascending, as many finite values, and the
/// count of requests up to each moment (a counter that was reset is put right). Compares idle floors and the rates in
/// phases as well.
#[must_use]
pub fn under_load(times: &[f64], values: &[f64], requests: &[f64]) -> LoadFinding {
    let unknown = |why| LoadFinding {
        follows: Follows::Unknown,
        confidence: 0.0,
        per_request: None,
        per_hour: None,
        floors: floors(times, values, requests),
        paces: paces(times, values, requests),
        why: Some(why),
    };
    if times.len() < SAMPLES_MIN || times.len() != values.len() || times.len() != requests.len() {
        return unknown("fewer than 60 samples, or not as many values and requests");
    }
    if !times.iter().chain(values).chain(requests).all(|it| it.is_finite()) {
        return unknown("a moment, a value or a count that is not finite");
    }
    let (length, requests_all) = (times[times.len() - 1] - times[0], unwound(requests));
    let all = requests_all[requests_all.len() - 1];
    if length <= 0.0 || all <= 0.0 {
        return unknown("no requests");
    }
    let zero = values[0];
    let unit = values.iter().map(|value| (value - zero).abs()).fold(0.0, f64::max);
    if unit == 0.0 {
        return LoadFinding { follows: Follows::Neither, confidence: 1.0, why: None, ..unknown("") };
    }
    let scaled: Vec<f64> = values.iter().map(|value| (value - zero) / unit).collect();
    let counts: Vec<f64> = requests_all.iter().map(|count| count / all).collect();
    let coarse =
        |series: &[f64]| blocks::gathered(&blocks::fine(times, series), blocks::coarse_count(times.len()));
    let (blocks, counts) = (coarse(&scaled), coarse(&counts));
    let counts: Vec<f64> = counts.iter().map(|block| block.value).collect();
    if uneven(&blocks, &counts) < UNEVEN_MIN {
        return unknown("the rate of requests hardly changes: requests and time cannot be told apart");
    }
    let fitted = fitted(&blocks, &counts);
    let share = |growth| {
        let up =
            |it: &Fitted| if growth == Growth::No { 0.0 } else { student(it.size / it.error, it.degrees) };
        fitted.iter().filter(|it| it.growth == growth).map(|it| it.weight * up(it)).sum::<f64>()
    };
    let (by_requests, by_time) = (share(Growth::ByRequests), share(Growth::ByTime));
    let neither = 1.0 - by_requests - by_time;
    let estimate = |growth, per: f64| {
        let of = fitted.iter().filter(|it| it.growth == growth);
        let mixture =
            Mixture::new(of.map(|it| (it.weight, it.size * per, it.error * per, it.degrees)).collect());
        Estimate { value: mixture.quantile(0.5), ci: [mixture.quantile(0.025), mixture.quantile(0.975)] }
    };
    let (confidence, likeliest) =
        [(by_requests, Follows::Requests), (by_time, Follows::Time), (neither, Follows::Neither)]
            .into_iter()
            .fold((0.0, Follows::Unknown), |best, it| if it.0 > best.0 { it } else { best });
    let follows = if confidence >= SURE { likeliest } else { Follows::Unknown };
    LoadFinding {
        follows,
        confidence: confidence.clamp(0.0, 1.0),
        per_request: (follows == Follows::Requests).then(|| estimate(Growth::ByRequests, unit / all)),
        per_hour: (follows == Follows::Time).then(|| estimate(Growth::ByTime, unit / length * 3_600.0)),
        why: (follows == Follows::Unknown).then_some("too short or too noisy to tell"),
        ..unknown("")
    }
}

/// How far the count of requests is from a straight line, as a standard deviation.
fn uneven(blocks: &[Block], counts: &[f64]) -> f64 {
    let mut basis = Vec::new();
    join(&mut basis, vec![1.0; blocks.len()]);
    join(&mut basis, blocks.iter().map(|block| block.at).collect());
    let mut rest = counts.to_vec();
    take_out(&mut rest, &basis);
    (dot(&rest, &rest) / blocks.len() as f64).sqrt()
}

/// The columns: requests, time, and all fills by either; the models over them.
fn models(blocks: &[Block], counts: &[f64]) -> (Vec<Vec<f64>>, Vec<Model>) {
    let times: Vec<f64> = blocks.iter().map(|block| block.at).collect();
    let fill = |of: &[f64], tau: f64| of.iter().map(|it| -(-it / tau).exp_m1()).collect::<Vec<f64>>();
    let mut columns = vec![counts.to_vec(), times.clone()];
    columns.extend(FILLS.iter().map(|tau| fill(counts, *tau)));
    columns.extend(FILLS.iter().map(|tau| fill(&times, *tau)));
    let mut models = Vec::new();
    let mut family = |growth, weight: f64, members: Vec<Vec<usize>>| {
        let log_prior = (weight / members.len() as f64).ln();
        models.extend(members.into_iter().map(|columns| Model { growth, columns, log_prior }));
    };
    let fills = || 2..2 + 2 * FILLS.len();
    family(Growth::No, 0.25, vec![Vec::new()]);
    family(Growth::No, 0.25, fills().map(|fill| vec![fill]).collect());
    family(Growth::ByRequests, 0.15, vec![vec![0]]);
    family(Growth::ByTime, 0.15, vec![vec![1]]);
    // The growing column stands first.
    family(Growth::ByRequests, 0.1, fills().map(|fill| vec![0, fill]).collect());
    family(Growth::ByTime, 0.1, fills().map(|fill| vec![1, fill]).collect());
    (columns, models)
}

/// All models under all kinds of noise, with weights that sum to one.
fn fitted(blocks: &[Block], counts: &[f64]) -> Vec<Fitted> {
    let (columns, models) = models(blocks, counts);
    let width = 1.0 / blocks.len() as f64;
    let rate: Vec<f64> = (0..blocks.len())
        .map(|at| {
            let (from, to) = (at.saturating_sub(1), (at + 1).min(blocks.len() - 1));
            (counts[to] - counts[from]) / (blocks[to].at - blocks[from].at).max(width * 0.1)
        })
        .collect();
    let values: Vec<f64> = blocks.iter().map(|block| block.value).collect();
    let mut all = Vec::new();
    for noise in KINDS {
        let whitener = Whitener::new(noise, blocks, width);
        let whitened = |column: &[f64]| {
            let mut out = Vec::new();
            whitener.whiten(column, &mut out);
            out
        };
        let mut basis = Vec::new();
        join(&mut basis, whitened(&vec![1.0; blocks.len()]));
        join(&mut basis, whitened(&rate));
        let cleaned = |column: &[f64]| {
            let mut out = whitened(column);
            take_out(&mut out, &basis);
            out
        };
        let (values, columns): (Vec<f64>, Vec<Vec<f64>>) =
            (cleaned(&values), columns.iter().map(|it| cleaned(it)).collect());
        for model in &models {
            let picked: Vec<&[f64]> = model.columns.iter().map(|at| columns[*at].as_slice()).collect();
            let free = (blocks.len() - basis.len()) as f64;
            all.extend(fit(&values, &picked, free).map(|fit| Fitted {
                growth: model.growth,
                weight: fit.log_weight + model.log_prior - 0.5 * whitener.log_det,
                size: fit.size,
                error: fit.error.max(f64::MIN_POSITIVE),
                degrees: fit.degrees,
            }));
        }
    }
    let best = all.iter().map(|it| it.weight).fold(f64::MIN, f64::max);
    let sum: f64 = all.iter().map(|it| (it.weight - best).exp()).sum();
    all.iter_mut().for_each(|it| it.weight = (it.weight - best).exp() / sum);
    all
}

struct Fit {
    log_weight: f64,
    size: f64,
    error: f64,
    degrees: f64,
}

/// Least squares on at most two columns, with the weight that `fit` gives (Zellner's g-prior, one block's worth).
fn fit(values: &[f64], columns: &[&[f64]], free: f64) -> Option<Fit> {
    let square = dot(values, values);
    // With the second column taken out of it, the first shows its own size and error.
    let mut basis = Vec::new();
    columns.iter().skip(1).for_each(|column| join(&mut basis, column.to_vec()));
    let mut rest = values.to_vec();
    take_out(&mut rest, &basis);
    let (mut size, mut own) = (0.0, f64::INFINITY);
    if let Some(first) = columns.first() {
        let mut first = first.to_vec();
        let before = dot(&first, &first);
        take_out(&mut first, &basis);
        own = dot(&first, &first);
        if own <= before * 1e-6 {
            return None;
        }
        size = dot(&first, &rest) / own;
        rest.iter_mut().zip(&first).for_each(|(value, part)| *value -= size * part);
    }
    let count = columns.len() as f64;
    let floor = 1e-6 * values.len() as f64;
    let left = dot(&rest, &rest) + floor;
    let g = free.max(20.0);
    let flat = (g * left + square + floor) / (1.0 + g);
    let degrees = (free - count).max(1.0);
    let log_weight = -0.5 * count * g.ln_1p() - 0.5 * free * flat.ln();
    Some(Fit { log_weight, size, error: (left / degrees / own).sqrt(), degrees })
}
