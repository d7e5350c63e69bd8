//! When requests are due: by themselves (the open model), or by the answers to earlier ones (the closed model).

use serde::{Deserialize, Serialize};

use crate::trace::{Trace, TraceFormat};
use crate::units::{Rate, Span};

/// When requests are due.
///
/// All but [`Arrivals::Closed`] are the open model: arrivals do not wait for answers, and a request's latency counts from
/// when it was due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Arrivals {
    /// Evenly spaced.
    Constant(Rate),
    /// Independent of each other: exponential gaps.
    Poisson(Rate),
    /// Rates that change, each stage from the last one's rate to its own; the last one holds to the end.
    Stages {
        /// How arrivals lie around the rate of the moment.
        spacing: Spacing,
        /// The stages in order; at least one.
        stages: Vec<Stage>,
    },
    /// A base rate with spikes in it: each `every` ends with a ramp up to the peak, the peak for `hold`, and a ramp down.
    Spikes {
        /// How arrivals lie around the rate of the moment.
        spacing: Spacing,
        /// The rate between spikes; may be zero.
        base: Rate,
        /// The rate of a spike.
        peak: Rate,
        /// From the start of one spike to that of the next.
        every: Span,
        /// How long the peak lasts.
        hold: Span,
        /// How long it takes to get there, and back.
        ramp: Span,
    },
    /// A rate that swings around its mean like a sine; it begins at the mean and rises.
    Sine {
        /// How arrivals lie around the rate of the moment.
        spacing: Spacing,
        /// The rate in the middle.
        mean: Rate,
        /// How far it swings to either side; at most the mean.
        amplitude: Rate,
        /// The length of one swing.
        period: Span,
    },
    /// The rates of a day, repeated: `rates[h]` is that at the beginning of hour `h`, and between two hours the rate moves
    /// in a straight line; after the last one comes the first again.
    Daily {
        /// How arrivals lie around the rate of the moment.
        spacing: Spacing,
        /// Twenty-four of them.
        rates: Vec<Rate>,
        /// How long a day takes; 24 h is the real thing.
        day: Span,
    },
    /// Many at once: `size` requests each `every`, the first at the start.
    Bursts {
        /// Requests of one burst, 1 to 1,000,000.
        size: u32,
        /// From the start of one burst to that of the next.
        every: Span,
        /// Over how long the requests of a burst are spread evenly; zero: all are due at the same moment.
        over: Span,
    },
    /// What came once, comes again: the times of a recorded trace, counted from its first.
    Replay {
        /// The file, counted from the experiment's folder.
        file: String,
        /// What its lines look like.
        format: TraceFormat,
        /// How many times as fast, above 0 and at most 1,000.
        speed: f64,
        /// What was in the file; empty until it was read.
        trace: Trace,
    },
    /// So many users, each of whom asks, waits for the answer, thinks, and asks again: the closed model.
    ///
    /// A target that slows down is asked less often here, and what was not asked while it stood still is in no latency
    /// ("coordinated omission"). So latency is service time in this model: from when a request was sent. It answers how
    /// much a target can do, and how so many users fare; not what people feel who come whether or not others were served.
    Closed {
        /// How many, 1 to 10,000. Each has a connection of its own.
        users: u32,
        /// From an answer to the user's next request. Without any, load is bounded by the target alone.
        think: Think,
    },
}

/// How long a user thinks between an answer and the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Think {
    /// Always so long. Users begin evenly spread over the first such time.
    Constant(Span),
    /// Exponentially distributed with this mean.
    Exponential(Span),
}

/// How arrivals lie around a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spacing {
    /// Evenly spaced.
    Even,
    /// Exponential gaps.
    Random,
}

/// One stage of a changing rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The rate at the end of the stage.
    pub rate: Rate,
    /// How long the stage lasts; the rate moves in a straight line from the last stage's (from `rate` itself in the
    /// first stage). Zero: at once.
    pub over: Span,
}

// === impl Arrivals ===

impl Arrivals {
    /// How many users there are in the closed model; `None` in the open one.
    #[must_use]
    pub const fn users(&self) -> Option<u32> {
        match self {
            Self::Closed { users, .. } => Some(*users),
            _ => None,
        }
    }

    /// The highest rate at which requests can become due; `None` where no rate bounds it: for bursts, replays, and users who
    /// do not think.
    #[must_use]
    pub fn peak(&self) -> Option<Rate> {
        match self {
            Self::Constant(rate) | Self::Poisson(rate) => Some(*rate),
            Self::Stages { stages, .. } => stages.iter().map(|stage| stage.rate).max_by(by_hertz),
            Self::Spikes { base, peak, .. } => [*base, *peak].into_iter().max_by(by_hertz),
            Self::Sine { mean, amplitude, .. } => Rate::per_second(mean.hertz() + amplitude.hertz()),
            Self::Daily { rates, .. } => rates.iter().copied().max_by(by_hertz),
            // An answer that takes no time at all is the bound; a drawn think time can be as short.
            Self::Closed { users, think: Think::Constant(think) } if !think.is_zero() => {
                Rate::per_second(f64::from(*users) / think.as_secs_f64())
            }
            Self::Closed { .. } | Self::Bursts { .. } | Self::Replay { .. } => None,
        }
    }
}

fn by_hertz(one: &Rate, other: &Rate) -> std::cmp::Ordering {
    one.hertz().total_cmp(&other.hertz())
}

// === impl Think ===

impl Think {
    /// How long users think on average.
    #[must_use]
    pub const fn mean(self) -> Span {
        match self {
            Self::Constant(think) | Self::Exponential(think) => think,
        }
    }
}
