//! One due time after the other, whatever the arrivals are.

use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::trace::Times;
use shakedown_scenarios::workload::{Arrivals, Spacing};

use super::Curve;

/// Where due times come from. Each is computed from its number, or from the trace, and never from the one before it.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Along a curve, evenly: how many have come.
    Even { curve: Curve, count: f64 },
    /// Along a curve, at random: the running sum of unit exponentials.
    Random { curve: Curve, walked: f64, chance: Box<Chance> },
    /// So many every so often.
    Bursts(Bursts),
    /// As they came once.
    Replay { times: Times, speed: f64 },
}

/// Bursts; times in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bursts {
    size: u64,
    every: u64,
    over: u64,
    /// How many requests have come.
    count: u64,
}

// === impl Source ===

impl Source {
    /// The source of these arrivals; it draws from `chance` only where gaps are random.
    pub(super) fn new(arrivals: &Arrivals, chance: Chance) -> Self {
        let curve = Curve::new(arrivals);
        match arrivals {
            Arrivals::Bursts { size, every, over } => {
                let (size, every, over) = (u64::from(*size), every.as_nanos(), over.as_nanos());
                Self::Bursts(Bursts { size, every, over, count: 0 })
            }
            Arrivals::Replay { trace, speed, .. } => Self::Replay { times: trace.times(), speed: *speed },
            _ => match spacing(arrivals) {
                Spacing::Even => Self::Even { curve, count: 0.0 },
                Spacing::Random => Self::Random { curve, walked: 0.0, chance: Box::new(chance) },
            },
        }
    }

    /// The next due time in nanoseconds since the start; `None` where there never is another.
    pub(super) fn next(&mut self) -> Option<u64> {
        match self {
            Self::Even { curve, count } => {
                let at = *count;
                *count += 1.0;
                curve.moment(at).map(nanos)
            }
            Self::Random { curve, walked, chance } => {
                *walked += chance.exponential(1.0);
                curve.moment(*walked).map(nanos)
            }
            Self::Bursts(bursts) => bursts.next(),
            // The cast saturates, and a speed of zero gives no moment that is ever reached.
            Self::Replay { times, speed } => {
                times.next().map(|micros| (micros as f64 * 1e3 / *speed).round() as u64)
            }
        }
    }
}

/// How arrivals lie around their rate; what has none is even.
fn spacing(arrivals: &Arrivals) -> Spacing {
    match arrivals {
        Arrivals::Poisson(_) => Spacing::Random,
        Arrivals::Stages { spacing, .. }
        | Arrivals::Spikes { spacing, .. }
        | Arrivals::Sine { spacing, .. }
        | Arrivals::Daily { spacing, .. } => *spacing,
        Arrivals::Constant(_)
        | Arrivals::Bursts { .. }
        | Arrivals::Replay { .. }
        | Arrivals::Closed { .. } => Spacing::Even,
    }
}

fn nanos(seconds: f64) -> u64 {
    // The cast saturates.
    (seconds * 1e9).round() as u64
}

// === impl Bursts ===

impl Bursts {
    fn next(&mut self) -> Option<u64> {
        let (burst, number) = (self.count.checked_div(self.size)?, self.count % self.size);
        self.count += 1;
        // In 128 bits the product cannot overflow, and the quotient is at most `over`.
        let inside = u128::from(self.over) * u128::from(number) / u128::from(self.size);
        // Bursts without a distance would never end.
        let every = Some(self.every).filter(|every| *every > 0)?;
        Some(burst.saturating_mul(every).saturating_add(inside as u64))
    }
}
