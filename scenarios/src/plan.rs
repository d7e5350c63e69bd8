//! The plan: an experiment with every moment fixed. It cannot be wrong, and it touches nothing.
//!
//! The same experiment and the same seed make the same plan, byte for byte. `plan.ron` in a run folder is this value.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::experiment::Experiment;
use crate::fault::Act;
use crate::seed::Streams;
use crate::units::{Ratio, Span};

mod rehearsal;
pub(crate) mod schedule;
mod words;

pub use schedule::MOST_CUES;

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

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The factor of the rehearsal makes no sense.
    #[error("expected a rehearsal factor from 1 to {MOST_REHEARSED}, found {found}")]
    Factor {
        /// What was asked for.
        found: f64,
    },
    /// The experiment would not pass the check; after division by the factor of a rehearsal at least.
    #[error("the schedule does not fit{}: {why}; {help}", divided_by(*.rehearse))]
    DoesNotFit {
        /// The factor of the rehearsal; 1 where there is none.
        rehearse: f64,
        /// What does not fit.
        why: String,
        /// What to do about it.
        help: String,
    },
    /// The text is not a plan.
    #[error(
        "expected a plan as `shakedown run` writes it, found something else at line {line}, column {column}"
    )]
    NotAPlan {
        /// Where.
        line: usize,
        /// Where.
        column: usize,
        /// What the reader of RON says.
        source: Box<ron::error::SpannedError>,
    },
    /// A plan of another version.
    #[error(
        "expected a plan of format {FORMAT}, found format {found}; use the version of shakedown that wrote it"
    )]
    Format {
        /// The number that was found.
        found: u32,
    },
}

/// The greatest factor of a rehearsal: a year in half a minute.
pub const MOST_REHEARSED: f64 = 1_000_000.0;

fn divided_by(factor: f64) -> String {
    if factor == 1.0 { String::new() } else { format!(" when its durations are divided by {factor}") }
}

/// Fixes every moment of an experiment. `rehearse` divides the durations of its schedule; 1 is the real thing.
///
/// # Errors
///
/// A factor below 1 or above [`MOST_REHEARSED`], or one that makes the schedule collapse. An experiment that came out
/// of [`crate::read::read`] always has a plan with factor 1.
pub fn plan(experiment: &Experiment, seed: u64, rehearse: f64) -> Result<Plan, PlanError> {
    // Not a number is in no range.
    if !(1.0..=MOST_REHEARSED).contains(&rehearse) {
        return Err(PlanError::Factor { found: rehearse });
    }
    let experiment = match rehearse {
        1.0 => experiment.clone(),
        _ => rehearsal::divided(experiment.clone(), rehearse),
    };
    if let Some(problem) = crate::check::schedule_problems(&experiment).into_iter().next() {
        return Err(PlanError::DoesNotFit { rehearse, why: problem.message, help: problem.help });
    }
    let cues = schedule::cues(&experiment, Streams::new(seed));
    Ok(Plan { format: FORMAT, seed, rehearse, experiment, cues })
}

// === impl Plan ===

impl Plan {
    /// The text of `plan.ron`. The same plan always gives the same bytes.
    #[must_use]
    pub fn to_ron(&self) -> String {
        let pretty = ron::ser::PrettyConfig::new().struct_names(false).new_line("\n");
        let mut text = ron::ser::to_string_pretty(self, pretty)
            .expect("a plan is made of structs, lists, texts and finite numbers, all of which RON can write");
        text.push('\n');
        text
    }

    /// Reads the text of a `plan.ron` again.
    ///
    /// # Errors
    ///
    /// What is not a plan, or one of another format.
    pub fn from_ron(text: &str) -> Result<Self, PlanError> {
        let plan: Self = ron::from_str(text).map_err(|source| PlanError::NotAPlan {
            line: source.span.start.line,
            column: source.span.start.col,
            source: Box::new(source),
        })?;
        if plan.format == FORMAT { Ok(plan) } else { Err(PlanError::Format { found: plan.format }) }
    }

    /// What the plan reaches, and how much of it at once.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let acts =
            || self.cues.iter().filter_map(|cue| Some((cue, &self.experiment.faults.get(cue.fault)?.act)));
        let fault_time = acts().fold(Span::ZERO, |sum, (cue, _)| sum.plus(cue.to.minus(cue.from)));
        let touched: BTreeSet<_> = acts().map(|(_, act)| act.scope()).collect();
        let cpu = acts().map(|(cue, act)| (cue, cores(act)));
        Scope {
            total: self.experiment.phases.total(),
            fault_time,
            most_at_once: most_at_once(self.cues.iter().map(|cue| (cue, 1.0))) as u32,
            touched: touched.iter().map(crate::fault::Scope::describe).collect(),
            most_cpu: Ratio::new(most_at_once(cpu)).unwrap_or_default(),
        }
    }

    /// The plan as a table for people: phases and injections in their order, and what they reach.
    #[must_use]
    pub fn timeline(&self) -> String {
        words::timeline(self)
    }
}

/// How many cores an act keeps busy.
fn cores(act: &Act) -> f64 {
    match act {
        Act::CpuPressure { workers, load } => f64::from(*workers) * load.value(),
        _ => 0.0,
    }
}

/// The largest sum of the weights of cues that hold at one moment. What heals when another starts does not meet it;
/// what is over at once counts at its instant.
fn most_at_once<'c>(cues: impl Iterator<Item = (&'c Cue, f64)>) -> f64 {
    let mut edges: Vec<(Span, bool, f64)> = Vec::new();
    for (cue, weight) in cues {
        edges.push((cue.from, true, weight));
        edges.push((cue.to.max(cue.from.plus(Span::nanos(1))), false, weight));
    }
    // Ends come before starts of the same moment.
    edges.sort_by_key(|(at, starts, _)| (*at, *starts));
    let (mut now, mut most) = (0.0_f64, 0.0_f64);
    for (_, starts, weight) in edges {
        now += if starts { weight } else { -weight };
        most = most.max(now);
    }
    most
}
