//! What an analysis is made of. Moments are seconds from the start of the load; latencies microseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shakedown_scenarios::experiment::Phase;

pub use super::leaks::{
    BYTES_MATTER, Cause, LeakAnswer, LeakFinding, Origin, Sort, THINGS_MATTER, UnderLoad, UntilLimit,
    leak_unit, leak_value,
};
pub use super::resources::SETTLE_SECONDS;
use super::series::Series;
use super::verdict::Verdict;
use crate::journal::Host;
use crate::show::Unit;

/// What was run, where and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// The run's id.
    pub id: String,
    /// The experiment's name.
    pub name: String,
    /// The question it answers.
    pub about: String,
    /// The version of the harness.
    pub version: String,
    /// Start, RFC 3339.
    pub started_at: String,
    /// The command that runs this again.
    pub again: Vec<String>,
    /// The machine.
    pub host: Host,
    /// The seed; as text, since many JSON readers keep 53 bits only.
    pub seed: String,
    /// By how much durations were divided; 1: the real thing.
    pub rehearse: f64,
    /// Planned length in seconds.
    pub planned: f64,
    /// The last moment that the journal knows of.
    pub observed: f64,
    /// How it ended.
    pub ending: Ended,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// At its planned end.
    Completed,
    /// A stop condition was met.
    Guard(String),
    /// A leak was certain, and the experiment says to stop then.
    CertainLeak(String),
    /// Before chaos: no steady state, or a target was not ready.
    Aborted(String),
    /// By this signal.
    Signal(i32),
    /// The journal stops without a word.
    Cut,
}

/// One phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseFinding {
    /// Which.
    pub phase: Phase,
    /// Planned start.
    pub planned_from: f64,
    /// Planned end.
    pub planned_to: f64,
    /// Real start; `None`: it never began.
    pub from: Option<f64>,
    /// Real end: the next phase's start or the run's end.
    pub to: Option<f64>,
}

/// One gate, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateFinding {
    /// The gate as a sentence: `p95 of browse below 500ms over baseline`.
    pub gate: String,
    /// The answer.
    pub verdict: Verdict,
    /// What was measured; `None`: nothing was.
    pub observed: Option<f64>,
    /// Whether the observed value is only a lower bound (a recovery that was never seen).
    pub at_least: bool,
    /// The limit.
    pub limit: f64,
    /// Of both.
    pub unit: Unit,
    /// Room to the limit as a part of it: 0.3 is 30 % to spare, -0.5 is half too much. `None` without a value, or
    /// against a limit of zero.
    pub margin: Option<f64>,
    /// The worst second, and what held then.
    pub worst: Option<Moment>,
    /// Why the verdict is what it is, where the numbers alone do not say it.
    pub note: String,
}

/// A moment that matters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// When.
    pub at: f64,
    /// The value then.
    pub value: f64,
    /// What held then: `during slow db`, `2 s after crash`; empty: nothing.
    pub during: String,
}

/// One injection, planned and real.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultFinding {
    /// The cue's number.
    pub cue: u32,
    /// The fault's name.
    pub name: String,
    /// What it does: `Latency`, `Kill`…
    pub kind: String,
    /// What it acts on: `link shop-db`, `target shop`, `host`.
    pub on: String,
    /// In words: `100ms ± 20ms latency on link shop-db, both ways`.
    pub does: String,
    /// Which repetition, from 0.
    pub round: u32,
    /// Planned injection.
    pub planned_from: f64,
    /// Planned heal; the same as `planned_from` for acts without a length.
    pub planned_to: f64,
    /// Whether it has no length of its own.
    pub instant: bool,
    /// Real injection.
    pub injected: Option<f64>,
    /// Real heal.
    pub healed: Option<f64>,
    /// Why it could not be injected.
    pub failed: Option<String>,
    /// Whether it bit.
    pub bit: Option<Proof>,
    /// Whether it healed.
    pub heal: Option<Proof>,
    /// How long until normal.
    pub recovery: Recovery,
}

/// A claim and what it stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Whether it is proven.
    pub proven: bool,
    /// What was counted or seen.
    pub evidence: String,
}

/// How long after its heal a fault was felt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// Load and probes stayed normal all the while: there is nothing to recover from.
    NoEffect,
    /// Normal again after so many seconds.
    After(f64),
    /// Not normal again for at least so many seconds, when something ended the wait.
    AtLeast(f64, String),
    /// Another fault still held, so its recovery is measured from that fault's heal.
    Shared(String),
    /// It was never injected or never healed.
    Unknown(String),
}

/// One probe of the hypothesis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeFinding {
    /// Its name.
    pub name: String,
    /// The answer.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
    /// When it went wrong for good, or first came back.
    pub at: Option<f64>,
    /// Answers in baseline.
    pub baseline: Tries,
    /// Answers in chaos: information only.
    pub chaos: Tries,
    /// Answers in recovery.
    pub recovery: Tries,
}

/// Answers in and out of tolerance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// In tolerance.
    pub ok: u64,
    /// All.
    pub all: u64,
}

/// Starts, exits and restarts of a target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetFinding {
    /// Its name.
    pub name: String,
    /// Process starts.
    pub starts: u64,
    /// Process ends.
    pub exits: u64,
    /// Ends that neither a fault nor the end of the run explains.
    pub unexpected: u64,
    /// Seconds from its first start until it was ready.
    pub ready_after: Option<f64>,
    /// The longest time from an exit until it was ready again.
    pub longest_restart: Option<f64>,
    /// Each exit, in order; bounded.
    pub restarts: Vec<Restart>,
    /// Exits that are not listed.
    pub left_out: u64,
    /// Whether it was down when the journal ended, and no end of the run explains it.
    pub down_at_end: bool,
    /// Why it could not be started.
    pub failed: Option<String>,
}

/// An exit and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restart {
    /// When it ended.
    pub exited: f64,
    /// How: `exit 1`, `signal 9 (SIGKILL)`.
    pub status: String,
    /// Whether a fault or the end of the run ended it.
    pub expected: bool,
    /// When it was ready again.
    pub ready: Option<f64>,
}

/// Load in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkloadFinding {
    /// Its name.
    pub name: String,
    /// For each phase, then for each fault, then for the whole run.
    pub over: Vec<LoadFigures>,
    /// For each endpoint of a mix of several, by name, over the whole run.
    #[serde(default)]
    pub endpoints: Vec<EndpointFigures>,
    /// Failures in words: of each endpoint and class the first few that differ, in the order of time.
    #[serde(default)]
    pub examples: Vec<FailureExample>,
}

/// One request that failed, in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureExample {
    /// When, in seconds since the start of the load, to the second.
    pub at: f64,
    /// The kind of request.
    pub endpoint: String,
    /// `check`, `status`…
    pub class: String,
    /// What was wanted and what came instead; it may quote the target.
    pub why: String,
}

/// One kind of request of a mix over the whole run; histograms were merged exactly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointFigures {
    /// Its name: `GET /items/{n}`.
    pub name: String,
    /// Right answers.
    pub ok: u64,
    /// Failed requests by class.
    pub errors: BTreeMap<String, u64>,
    /// Failed ÷ completed; `None`: nothing completed.
    pub error_ratio: Option<f64>,
    /// Latency p50, p95, p99, p99.9 and max in microseconds, from when a request was due.
    pub latency_us: Option<[u64; 5]>,
}

/// Load over a stretch of time; histograms were merged exactly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadFigures {
    /// The stretch: `baseline`, `while slow db held`, `whole run`.
    pub over: String,
    /// Seconds measured.
    pub seconds: u64,
    /// Requests due.
    pub due: u64,
    /// Requests sent.
    pub sent: u64,
    /// Right answers.
    pub ok: u64,
    /// Due requests that were never sent.
    pub dropped: u64,
    /// Failed requests by class.
    pub errors: BTreeMap<String, u64>,
    /// Failed ÷ completed; `None`: nothing completed.
    pub error_ratio: Option<f64>,
    /// Latency p50, p95, p99, p99.9 and max in microseconds, from when a request was due.
    pub latency_us: Option<[u64; 5]>,
    /// The same of the service time, from when it was sent.
    pub service_us: Option<[u64; 5]>,
}

/// Whether the harness itself can be trusted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// What was checked.
    pub checks: Vec<HealthCheck>,
    /// What the harness said it could not do; bounded.
    pub degraded: Vec<String>,
}

/// One question to the harness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What was asked.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What is still right; empty: information only.
    pub bound: String,
    /// The answer.
    pub verdict: Verdict,
    /// When it was worst.
    pub at: Option<f64>,
}

/// All series over one time axis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// Length of the axis in seconds.
    pub seconds: f64,
    /// Stretches without any measurement.
    pub gaps: Vec<(f64, f64)>,
    /// The series.
    pub series: Vec<Series>,
}

/// What happened, bounded: the first ones and the last ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Events {
    /// The lines, in order.
    pub lines: Vec<EventLine>,
    /// How many stood between the first and the last ones and are left out.
    pub left_out: u64,
}

/// One line of the course of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Serialize, Deserialize)]
pub struct EventLine {
    /// When, in microseconds.
    pub at_us: i64,
    /// Of which sort: `phase`, `fault`, `target`, `probe`, `harness`.
    pub sort: String,
    /// What happened, for people.
    pub text: String,
}

// === impl Tries ===

impl Tries {
    /// Counts one answer.
    pub const fn count(&mut self, ok: bool) {
        self.all += 1;
        if ok {
            self.ok += 1;
        }
    }
}
