//! The harness is a suspect too: whether the load was offered, on time, and whether all of it was measured.

use shakedown_scenarios::experiment::Phase;

use super::course::Place;
use super::finding::{Health, HealthCheck};
use super::gates::UNSENT_MAX;
use super::resources::SubjectFold;
use super::verdict::Verdict;
use crate::journal::Second;
use crate::show::{self, Unit};

/// A second in which half of the arrivals were later than this did not offer the load that was asked for. What the pacer
/// is late by counts as latency anyway, so a few late arrivals make a run look worse than it was, never better.
pub const LATE_MEDIAN_US: u64 = 20_000;
/// Nor did a second in which any arrival was later than this.
pub const LATE_MAX_US: u64 = 500_000;
/// In more than this part of the seconds it is no accident.
pub const LATE_SECONDS_MAX: f64 = 0.02;
/// More than this part of the seconds without any window is no accident either.
pub const MISSING_SECONDS_MAX: f64 = 0.01;
/// Growth of the harness itself that is worth a word; no verdict stands on it.
const DRIFT_MAX: f64 = 5.0 * 1_048_576.0;

/// What is known of the harness so far. Warm-up is left out.
#[derive(Debug, Default)]
pub struct HealthFold {
    seconds: u64,
    late_seconds: u64,
    late_max: (u64, f64),
    late_p50_max: u64,
    due: u64,
    dropped: u64,
    /// While no fault held or was being recovered from.
    calm: Offer,
    missing: u64,
    expected: u64,
}

#[derive(Debug, Default)]
struct Offer {
    due: u64,
    dropped: u64,
    first_drop: Option<f64>,
}

// === impl HealthFold ===

impl HealthFold {
    /// Takes a second in; `calm`: no fault holds or is being recovered from.
    pub fn take(&mut self, second: &Second, place: &Place<'_>, calm: bool) {
        if place.phase.is_none_or(|phase| phase == Phase::Warmup) {
            return;
        }
        let at = f64::from(second.second);
        self.seconds += 1;
        let late = second.late_us_p50 > LATE_MEDIAN_US || second.late_us_max > LATE_MAX_US;
        self.late_seconds += u64::from(late);
        if second.late_us_max > self.late_max.0 {
            self.late_max = (second.late_us_max, at);
        }
        self.late_p50_max = self.late_p50_max.max(second.late_us_p50);
        self.due = self.due.saturating_add(second.due);
        self.dropped = self.dropped.saturating_add(second.dropped);
        if calm {
            self.calm.due = self.calm.due.saturating_add(second.due);
            self.calm.dropped = self.calm.dropped.saturating_add(second.dropped);
            if second.dropped > 0 {
                self.calm.first_drop.get_or_insert(at);
            }
        }
    }

    /// How many seconds of workloads there should be and are not.
    pub fn measured(&mut self, expected: u64, missing: u64) {
        (self.expected, self.missing) = (expected, missing);
    }

    pub fn finish(self, harness: Option<&SubjectFold>, cores: u32, degraded: Vec<String>) -> Health {
        let mut checks = Vec::new();
        if self.expected > 0 {
            checks.extend([self.offered(), self.on_time(), self.measured_all()]);
        }
        if self.dropped > self.calm.dropped {
            checks.push(self.dropped_under_faults());
        }
        checks.extend(harness.map(|harness| cpu(harness, cores)).into_iter().flatten());
        checks.extend(harness.and_then(drift));
        Health { checks, degraded }
    }

    fn offered(&self) -> HealthCheck {
        let ratio = self.calm.dropped as f64 / self.calm.due.max(1) as f64;
        let never = "due requests never sent while no fault held";
        HealthCheck {
            what: "load could be offered".into(),
            found: format!(
                "{} of {} {never}",
                show::count(self.calm.dropped as f64),
                show::count(self.calm.due as f64)
            ),
            bound: format!("at most {}", Unit::Ratio.show(UNSENT_MAX)),
            verdict: if ratio > UNSENT_MAX { Verdict::Inconclusive } else { Verdict::Pass },
            at: self.calm.first_drop,
        }
    }

    fn on_time(&self) -> HealthCheck {
        let ratio = self.late_seconds as f64 / self.seconds.max(1) as f64;
        let most = Unit::Micros.show(self.late_max.0 as f64);
        let typical = Unit::Micros.show(self.late_p50_max as f64);
        let bounds = [LATE_MEDIAN_US, LATE_MAX_US].map(|bound| Unit::Micros.show(bound as f64));
        let [median, max] = bounds;
        let share = Unit::Ratio.show(LATE_SECONDS_MAX);
        HealthCheck {
            what: "arrivals were on time".into(),
            found: format!(
                "late by {most} at most, by {typical} in the median of the worst second; {} of {} seconds were late",
                self.late_seconds, self.seconds
            ),
            bound: format!("a median above {median} or any above {max} in at most {share} of the seconds"),
            verdict: if ratio > LATE_SECONDS_MAX { Verdict::Inconclusive } else { Verdict::Pass },
            at: (self.late_max.0 > 0).then_some(self.late_max.1),
        }
    }

    fn measured_all(&self) -> HealthCheck {
        let ratio = self.missing as f64 / self.expected.max(1) as f64;
        HealthCheck {
            what: "every second was recorded".into(),
            found: format!("{} of {} seconds of load are missing", self.missing, self.expected),
            bound: format!("at most {}", Unit::Ratio.show(MISSING_SECONDS_MAX)),
            verdict: if ratio > MISSING_SECONDS_MAX { Verdict::Inconclusive } else { Verdict::Pass },
            at: None,
        }
    }

    fn dropped_under_faults(&self) -> HealthCheck {
        let dropped = show::count((self.dropped - self.calm.dropped) as f64);
        HealthCheck {
            what: "requests not sent under faults".into(),
            found: format!(
                "{dropped} due requests found the queue full while a fault held or was being recovered from"
            ),
            bound: String::new(),
            verdict: Verdict::Pass,
            at: None,
        }
    }
}

fn cpu(harness: &SubjectFold, cores: u32) -> Option<HealthCheck> {
    let mean = harness.cores.mean()?;
    let most = harness.cores.max;
    Some(HealthCheck {
        what: "CPU of the harness".into(),
        found: format!(
            "{} on average, {} at most, of {cores} cores",
            Unit::Cores.show(mean),
            Unit::Cores.show(most)
        ),
        bound: String::new(),
        verdict: Verdict::Pass,
        at: Some(harness.cores.max_at),
    })
}

fn drift(harness: &SubjectFold) -> Option<HealthCheck> {
    harness.rss.mean()?;
    let grown = harness.rss.last - harness.rss.first;
    let word = if grown > DRIFT_MAX { "; that is much" } else { "" };
    let (from, to) = (show::bytes(harness.rss.first), show::bytes(harness.rss.last));
    Some(HealthCheck {
        what: "memory of the harness".into(),
        found: format!("{from} after warm-up, {to} at the end ({:+.1} MiB){word}", grown / 1_048_576.0),
        bound: String::new(),
        verdict: Verdict::Pass,
        at: None,
    })
}
