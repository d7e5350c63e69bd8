//! Workloads in words, for plans and reports.

use crate::workload::feeder::Feeder;
use crate::workload::{Arrivals, Destination, Habits, Spacing, Think, Tls, Workload};

// === impl Workload ===

impl Workload {
    /// What it does, in words: `HTTP through link clients-shop, 500/s, at random`.
    #[must_use]
    pub fn describe(&self) -> String {
        let rows = self.data().map_or(String::new(), Feeder::describe);
        let kind = match self {
            Self::Journey(journey) => {
                let count = journey.steps.len();
                let steps = if count == 1 { "step" } else { "steps" };
                format!("{} journeys of {count} {steps}{rows}", journey.version.name())
            }
            _ => format!("{}{rows}", self.protocol()),
        };
        let tls = self.tls().map_or("", Tls::describe);
        let to = match self.to() {
            Destination::Link(link) => format!("through link {link}"),
            Destination::Target(target) => format!("straight to {target}"),
        };
        let operations = match self {
            Self::Operations(operations) => operations.describe(),
            _ => String::new(),
        };
        format!("{kind}{tls} {to}, {}{}{operations}", self.arrivals().describe(), self.habits().describe())
    }
}

// === impl Feeder ===

impl Feeder {
    /// Where its rows come from, in words behind others: ` with 3 rows of users.csv`.
    #[must_use]
    pub fn describe(&self) -> String {
        let noun = if self.rows.len() == 1 { "row" } else { "rows" };
        format!(" with {} {noun} of {}", self.rows.len(), self.file)
    }
}

// === impl Habits ===

impl Habits {
    /// How connections are used, in words behind others: `, 10 requests a connection`; nothing where they are kept and read
    /// as fast as can be.
    #[must_use]
    pub fn describe(self) -> String {
        let churn = match self.requests_per_connection {
            Some(1) => ", a connection for each request".to_owned(),
            Some(requests) => format!(", {requests} requests a connection"),
            None => String::new(),
        };
        let slow = self.read_rate.map_or(String::new(), |rate| format!(", answers read at {rate}"));
        churn + &slow
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
            Self::Spikes { spacing, base, peak, every, hold, .. } => {
                format!("{base}, and {peak} for {hold} once in {every}, {}", spacing.describe())
            }
            Self::Sine { spacing, mean, amplitude, period } => {
                format!("{mean} ± {amplitude} in a sine of {period}, {}", spacing.describe())
            }
            Self::Daily { spacing, day, .. } => {
                let peak = self.peak().unwrap_or_default();
                format!("a daily curve up to {peak} in {day}, {}", spacing.describe())
            }
            Self::Bursts { size, every, over } if over.is_zero() => format!("{size} at once every {every}"),
            Self::Bursts { size, every, over } => format!("{size} within {over} every {every}"),
            Self::Replay { file, speed, trace, .. } => {
                let times = if *speed == 1.0 { String::new() } else { format!(", {speed} times as fast") };
                format!("{} requests as they came in {} in {file}{times}", trace.len(), trace.length())
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
