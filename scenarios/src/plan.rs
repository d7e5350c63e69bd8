//! The plan: an experiment with every moment fixed. It cannot be wrong, and it touches nothing.
//!
//! The same experiment and the same seed make the same plan, byte for byte. `plan.ron` in a run folder is this value.

use serde::{Deserialize, Serialize};

use crate::experiment::Experiment;
use crate::units::{Ratio, Span};

/// What is going to happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The number of this format.
    pub format: u32,
    /// Everything random comes from this.
    pub seed: u64,
    /// By how much the durations were divided for a rehearsal; 1 is the real thing.
    pub rehearse: f64,
    /// The experiment, durations already divided.
    pub experiment: Experiment,
    /// Every injection, in the order of their starts.
    pub cues: Vec<Cue>,
}

/// One injection of one fault. All moments count from the start of the load (the start of warm-up).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cue {
    /// Its number: 0, 1, 2… in the order of the starts.
    pub id: u32,
    /// Index into `experiment.faults`.
    pub fault: usize,
    /// Which repetition of that fault, from 0.
    pub round: u32,
    /// When it is injected.
    pub from: Span,
    /// When it is healed; equal to `from` for instant acts.
    pub to: Span,
}

/// Totals that `shakedown plan` prints and the guard judges.
#[derive(Clone, Debug, PartialEq)]
pub struct Scope {
    /// The whole length of the load.
    pub total: Span,
    /// Sum of the holds of all injections.
    pub fault_time: Span,
    /// The most injections that hold at one moment.
    pub most_at_once: u32,
    /// Names of targets, links and `host` that some fault acts on.
    pub touched: Vec<String>,
    /// The most CPU pressure at one moment, in cores.
    pub most_cpu: Ratio,
}

/// The number of the plan's format.
pub const FORMAT: u32 = 1;
