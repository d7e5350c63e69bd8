//! The guard: when a run must stop by itself, and how far its faults may reach.

use serde::{Deserialize, Serialize};

use crate::units::{Ratio, Size, Span};

/// Stop conditions and blast radius.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Any of these stops the run: everything is healed, and the exit code is 3.
    pub stop_if: Vec<StopRule>,
    /// What makes the rest of a run needless: it ends in order, with the verdict that is certain by then.
    #[serde(default)]
    pub stop_on: Vec<StopOn>,
    /// Addresses beside loopback that load and links may go to, `host:port` each.
    pub allow: Vec<String>,
    /// At most so many faults hold at once; `None`: no limit. Judged by `check` on the plan.
    pub max_faults_at_once: Option<u32>,
    /// Memory pressure must leave this much available, beside the fixed floor of 10 %.
    pub keep_available: Option<Size>,
}

/// A verdict that need not be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopOn {
    /// A leak that a gate asks for is certain.
    CertainLeak,
}

/// A reason to stop early.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StopRule {
    /// A workload's error ratio stays above a limit for so long.
    ErrorRatio {
        /// The workload.
        of: String,
        /// The limit.
        above: Ratio,
        /// How long without a break. In a file: `for`.
        lasting: Span,
    },
    /// A probe of the hypothesis stays out of tolerance for so long.
    ProbeFails {
        /// The probe's name.
        probe: String,
        /// How long without a break. In a file: `for`.
        lasting: Span,
    },
    /// The host's available memory falls below this.
    AvailableMemory {
        /// The limit.
        below: Size,
    },
    /// A target's resident memory rises above this.
    Rss {
        /// The target.
        of: String,
        /// The limit.
        above: Size,
    },
}
