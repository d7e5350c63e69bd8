//! Probes: small questions asked of a target at intervals; the steady-state hypothesis is made of them.

use serde::{Deserialize, Serialize};

use crate::units::Span;
use crate::workload::Destination;

/// A question with a tolerance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Name for people; unique. Where a file gives none: made from what it asks.
    pub name: String,
    /// What is asked.
    pub ask: Ask,
    /// Start to start.
    pub every: Span,
    /// No answer by then is out of tolerance.
    pub timeout: Span,
}

/// What is asked, and which answer is in tolerance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// `GET` of a path.
    Http {
        /// Where.
        to: Destination,
        /// Path and query.
        path: String,
        /// The answer's status must be this.
        status: u16,
        /// A text that the first 64 KiB of the body must hold.
        body: Option<String>,
    },
    /// A TCP connection is accepted.
    Tcp {
        /// Where.
        to: Destination,
    },
    /// A program, by argv, ends with this exit code. The placeholders of a process target apply.
    Exec {
        /// The program and its arguments.
        argv: Vec<String>,
        /// The exit code in tolerance.
        exit: i32,
        /// A text that the first 64 KiB of its standard output must hold.
        stdout: Option<String>,
    },
}
