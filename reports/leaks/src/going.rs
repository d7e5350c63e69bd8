//! Whether growth went on to the end: a plateau of a shape that no model has can pass for a line under noise that wanders,
//! as long as nobody looks at the last part by itself.

use crate::fit::Candidate;
use crate::linear::{dot, join, take_out};
use crate::shapes::{Shape, since_restart};
use crate::view::View;

/// The part of the trace that is looked at by itself.
const LAST: f64 = 0.4;
/// At least this part of what a candidate says it grew there has to be seen.
const SEEN: f64 = 0.25;
/// Fewer blocks show no slope.
const BLOCKS_MIN: usize = 6;

/// The slope of the last part, of the data and of every shape. A slope is a sum over blocks, each with a weight; taking
/// level, steps and waves out of the data first is a change of these weights.
pub struct Going {
    data: f64,
    /// For each shape, by itself and with the base taken out.
    shapes: Vec<(f64, f64)>,
}

// === impl Going ===

impl Going {
    /// `None` if too little is there.
    pub fn new(view: &View) -> Option<Self> {
        let ats: Vec<f64> = view.blocks.iter().map(|block| block.at).collect();
        let last = || ats.iter().filter(|at| **at >= 1.0 - LAST);
        let count = last().count();
        if count < BLOCKS_MIN {
            return None;
        }
        let middle = last().sum::<f64>() / count as f64;
        let weights: Vec<f64> =
            ats.iter().map(|at| if *at >= 1.0 - LAST { at - middle } else { 0.0 }).collect();
        let mut basis = Vec::new();
        view.base.iter().for_each(|column| join(&mut basis, column.clone()));
        let mut cleaned = weights.clone();
        take_out(&mut cleaned, &basis);
        let slopes = |shape: &Shape| {
            let column: Vec<f64> =
                ats.iter().map(|at| shape.value(*at, since_restart(*at, &view.restarts))).collect();
            (dot(&weights, &column), dot(&cleaned, &column))
        };
        let values: Vec<f64> = view.blocks.iter().map(|block| block.value).collect();
        Some(Self {
            data: dot(&cleaned, &values),
            shapes: view.dictionary.shapes.iter().map(slopes).collect(),
        })
    }

    /// Whether the last part shows the growth of this candidate.
    pub fn shows(&self, view: &View, candidate: &Candidate) -> bool {
        let columns = view.dictionary.models[candidate.model].columns;
        let sum = |of: fn((f64, f64)) -> f64| -> f64 {
            let sized = columns.iter().zip(candidate.sizes);
            sized.filter_map(|(at, size)| Some(size * of(self.shapes[(*at)?]))).sum()
        };
        let (grown, cleaned) = (sum(|it| it.0), sum(|it| it.1));
        grown <= 0.0 || self.data - cleaned + grown >= SEEN * grown
    }
}
