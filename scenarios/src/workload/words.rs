//! Workloads in words, for plans and reports.

use crate::workload::{Arrivals, Destination, Spacing, Think, Workload};

// === impl Workload ===

impl Workload {
    /// What it does, in words: `HTTP through link clients-shop, 500/s, at random`.
    #[must_use]
    pub fn describe(&self) -> String {
        let kind = match self {
            Self::Http(_) => "HTTP",
            Self::Tcp(_) => "TCP",
        };
        let to = match self.to() {
            Destination::Link(link) => format!("through link {link}"),
            Destination::Target(target) => format!("straight to {target}"),
        };
        format!("{kind} {to}, {}", self.arrivals().describe())
    }
}

// === impl Arrivals ===

impl Arrivals {
    /// When requests are due, in words: `500/s, at random`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Constant(rate) => format!("{rate}, evenly"),
            Self::Poisson(rate) => format!("{rate}, at random"),
            Self::Stages { spacing, stages } => {
                let peak = self.peak().unwrap_or_default();
                let noun = if stages.len() == 1 { "stage" } else { "stages" };
                format!("{} {noun} of rates up to {peak}, {}", stages.len(), spacing.describe())
            }
            Self::Closed { users, think } => closed(*users, *think),
        }
    }
}

fn closed(users: u32, think: Think) -> String {
    let who = if users == 1 { "1 user who".to_owned() } else { format!("{users} users, each") };
    let then = match think {
        _ if think.mean().is_zero() => "asks again at once".to_owned(),
        Think::Constant(think) => format!("thinks for {think}"),
        Think::Exponential(mean) => format!("thinks for {mean} on average"),
    };
    format!("{who} waits for an answer, then {then} (closed model: latency is service time)")
}

// === impl Spacing ===

impl Spacing {
    /// `evenly` or `at random`.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Even => "evenly",
            Self::Random => "at random",
        }
    }
}
