//! The verdict: pass < inconclusive < fail, the worse wins, and every reason is named.

use serde::{Deserialize, Serialize};

use super::finding::{Ended, FaultFinding, Recovery};
use super::{Analysis, TargetFinding};
use crate::journal::{ModelOutcome, ModelPlayed};
use crate::show;

/// The answer of a run, or of one of its parts. Ordered: the larger is the worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// What was asked for holds.
    #[default]
    Pass,
    /// It is not known.
    Inconclusive,
    /// It does not hold.
    Fail,
}

/// One reason why a run did not pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// What it makes of the run.
    pub verdict: Verdict,
    /// What it is about: the gate, the fault, the probe, the harness.
    pub about: String,
    /// Why, for people.
    pub why: String,
    /// The moment, in seconds from the start of the load.
    pub at: Option<f64>,
}

// === impl Verdict ===

impl Verdict {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
        }
    }
}

impl Reason {
    fn new(verdict: Verdict, about: impl Into<String>, why: impl Into<String>, at: Option<f64>) -> Self {
        Self { verdict, about: about.into(), why: why.into(), at }
    }

    fn moment(&self) -> f64 {
        self.at.unwrap_or(f64::INFINITY)
    }
}

// === impl Analysis ===

impl Analysis {
    /// Adds what could not be read of the journal, which may change the verdict.
    pub(super) fn lose(&mut self, losses: &[String]) {
        self.losses = losses.to_vec();
        self.judge();
    }

    /// Finds all reasons, the verdict and the exit code.
    pub(super) fn judge(&mut self) {
        let mut ending = Vec::new();
        self.judge_ending(&mut ending);
        let mut reasons = Vec::new();
        self.judge_gates(&mut reasons);
        self.judge_hypothesis(&mut reasons);
        self.judge_models(&mut reasons);
        self.judge_consistency(&mut reasons);
        self.judge_faults(&mut reasons);
        self.judge_targets(&mut reasons);
        self.judge_harness(&mut reasons);
        // What came first is most likely the cause of the rest; what has no moment is about the whole. Both sorts are
        // stable, so that how the run ended leads its verdict.
        reasons.sort_by(|a, b| a.moment().total_cmp(&b.moment()));
        ending.append(&mut reasons);
        let mut reasons = ending;
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.verdict));
        self.verdict = reasons.first().map_or(Verdict::Pass, |reason| reason.verdict);
        self.reasons = reasons;
        self.exit_code = self.code();
    }

    fn code(&self) -> u8 {
        let unhealed = self.faults.iter().any(|fault| fault.is_unhealed(&self.run.ending));
        match (&self.run.ending, self.verdict) {
            _ if unhealed => 4,
            (Ended::Guard(_), _) => 3,
            (Ended::Signal(signal), _) => 128 + (signal.clamp(&0, &127).unsigned_abs() as u8),
            (_, Verdict::Pass) => 0,
            (_, Verdict::Fail) => 1,
            (_, Verdict::Inconclusive) => 2,
        }
    }

    fn judge_ending(&self, reasons: &mut Vec<Reason>) {
        let end = self.run.observed;
        let at = show::offset(end);
        let planned = show::offset(self.run.planned);
        let reason = match &self.run.ending {
            Ended::Completed => return,
            Ended::Guard(why) => {
                Reason::new(Verdict::Fail, "guard", format!("stopped the run: {why}"), Some(end))
            }
            Ended::CertainLeak(found) => {
                let why = format!("ended at {at} of {planned}, since a leak is certain: {found}");
                Reason::new(Verdict::Fail, "run", why, Some(end))
            }
            Ended::Aborted(why) => {
                Reason::new(Verdict::Fail, "run", format!("was given up: {why}"), Some(end))
            }
            Ended::Signal(signal) => {
                let why = format!("was ended by signal {signal} at {at} of {planned}");
                Reason::new(Verdict::Inconclusive, "run", why, Some(end))
            }
            Ended::Cut => {
                let why = format!("was cut at {at} of {planned}: the journal stops there without an end");
                Reason::new(Verdict::Inconclusive, "run", why, Some(end))
            }
        };
        reasons.push(reason);
    }

    /// Why the run was given up; `None`: it was not.
    const fn given_up(&self) -> Option<&str> {
        match &self.run.ending {
            Ended::Aborted(why) => Some(why.as_str()),
            _ => None,
        }
    }

    /// Whether an answer is a reason of its own: what a run that was given up did not measure follows from that.
    fn is_reason(&self, verdict: Verdict) -> bool {
        verdict == Verdict::Fail || (verdict == Verdict::Inconclusive && self.given_up().is_none())
    }

    fn judge_gates(&self, reasons: &mut Vec<Reason>) {
        for gate in self.gates.iter().filter(|gate| self.is_reason(gate.verdict)) {
            let at = gate.worst.as_ref().map(|worst| worst.at);
            reasons.push(Reason::new(gate.verdict, &gate.gate, gate.sentence(), at));
        }
    }

    fn judge_hypothesis(&self, reasons: &mut Vec<Reason>) {
        for probe in self.hypothesis.iter().filter(|probe| self.is_reason(probe.verdict)) {
            reasons.push(Reason::new(probe.verdict, format!("probe {}", probe.name), &probe.why, probe.at));
        }
    }

    fn judge_models(&self, reasons: &mut Vec<Reason>) {
        for model in self.models.iter().filter(|model| model_verdict(model) != Verdict::Pass) {
            let place = model.place.as_ref().map_or(String::new(), |place| format!(" at {place}"));
            let why = model.why.as_deref().unwrap_or("it did not pass");
            let why = format!("{}{place}: {why}", model.outcome.word());
            reasons.push(Reason::new(model_verdict(model), format!("model {}", model.name), why, None));
        }
    }

    fn judge_consistency(&self, reasons: &mut Vec<Reason>) {
        for finding in self.consistency.iter().filter(|finding| finding.verdict != Verdict::Pass) {
            let during = match finding.during.as_slice() {
                [] => String::new(),
                faults => format!(" (during {})", faults.join(", ")),
            };
            let about = format!("history of {}", finding.workload);
            let why = format!("{}{during}", finding.why);
            reasons.push(Reason::new(finding.verdict, about, why, finding.at));
        }
    }

    fn judge_faults(&self, reasons: &mut Vec<Reason>) {
        let mut missing = Vec::new();
        for fault in &self.faults {
            match fault.trouble(&self.run.ending) {
                Some(Trouble::NeverInjected) => missing.push(fault),
                Some(Trouble::Told(reason)) => reasons.push(reason),
                None => {}
            }
        }
        let Some(first) = missing.first().filter(|_| self.given_up().is_none()) else { return };
        let why = format!(
            "{} of {} planned injections never happened, first {}",
            missing.len(),
            self.faults.len(),
            first.title()
        );
        reasons.push(Reason::new(Verdict::Inconclusive, "faults", why, Some(first.planned_from)));
    }

    fn judge_targets(&self, reasons: &mut Vec<Reason>) {
        let is_told = |target: &&TargetFinding| {
            let told = self.given_up().zip(target.failed.as_deref());
            told.is_none_or(|(why, failed)| !why.contains(failed))
        };
        for target in self.targets.iter().filter(is_told) {
            reasons.extend(target.trouble().or_else(|| self.not_back(target)));
        }
    }

    /// A target that a fault ended and nothing brought back before the load was over. Exits after that are the run's own.
    fn not_back(&self, target: &TargetFinding) -> Option<Reason> {
        let completed = self.run.ending == Ended::Completed;
        let last = target.restarts.last().filter(|_| completed && target.down_at_end)?;
        let why = format!("was ended by a fault ({}) and was still down at the end of the load", last.status);
        let about = format!("target {}", target.name);
        (last.exited < self.run.planned).then(|| Reason::new(Verdict::Fail, about, why, Some(last.exited)))
    }

    fn judge_harness(&self, reasons: &mut Vec<Reason>) {
        for check in self.health.checks.iter().filter(|check| check.verdict != Verdict::Pass) {
            let why = format!("{}: {} (right: {})", check.what, check.found, check.bound);
            reasons.push(Reason::new(check.verdict, "harness", why, check.at));
        }
        for loss in &self.losses {
            reasons.push(Reason::new(Verdict::Inconclusive, "journal", loss, None));
        }
    }
}

/// What a model means for the run: one that was not played to its end is no pass.
#[must_use]
pub const fn model_verdict(model: &ModelPlayed) -> Verdict {
    match model.outcome {
        ModelOutcome::Pass => Verdict::Pass,
        ModelOutcome::Limit => Verdict::Inconclusive,
        _ => Verdict::Fail,
    }
}

enum Trouble {
    NeverInjected,
    Told(Reason),
}

// === impl FaultFinding ===

impl FaultFinding {
    /// The name with its repetition, from the second one on: `slow db #2`.
    #[must_use]
    pub fn title(&self) -> String {
        if self.round == 0 {
            self.name.clone()
        } else {
            format!("{} #{}", self.name, u64::from(self.round) + 1)
        }
    }

    /// Whether it was injected and, as far as the journal of a run that ended in order tells, never undone.
    fn is_unhealed(&self, ending: &Ended) -> bool {
        if self.instant || self.injected.is_none() {
            return false;
        }
        match &self.heal {
            Some(heal) => !heal.proven,
            // In a run that was killed the guardian healed, and no journal was there to write it down.
            None => *ending != Ended::Cut,
        }
    }

    fn trouble(&self, ending: &Ended) -> Option<Trouble> {
        let told = |verdict, why: String, at| {
            Some(Trouble::Told(Reason::new(verdict, format!("fault {}", self.title()), why, at)))
        };
        if let Some(why) = &self.failed {
            return told(
                Verdict::Inconclusive,
                format!("could not be injected: {why}"),
                Some(self.planned_from),
            );
        }
        let Some(injected) = self.injected else { return Some(Trouble::NeverInjected) };
        if self.is_unhealed(ending) {
            let seen = self.heal.as_ref().map_or("its heal was never seen", |heal| &heal.evidence);
            return told(
                Verdict::Fail,
                format!("could not be undone: {seen}; see `shakedown recover`"),
                self.healed.or(Some(injected)),
            );
        }
        if self.heal.is_none() && !self.instant {
            let why = "held when the journal stops; its heal is not on record, `shakedown recover` makes sure of it";
            return told(Verdict::Inconclusive, why.into(), Some(injected));
        }
        match &self.bit {
            Some(bit) if bit.proven => None,
            Some(bit) => told(
                Verdict::Inconclusive,
                format!("is not proven to have bitten: {}", bit.evidence),
                Some(injected),
            ),
            None => told(Verdict::Inconclusive, "left no proof that it bit".into(), Some(injected)),
        }
    }
}

// === impl TargetFinding ===

impl TargetFinding {
    fn trouble(&self) -> Option<Reason> {
        let about = format!("target {}", self.name);
        if let Some(why) = &self.failed {
            return Some(Reason::new(Verdict::Fail, about, format!("did not serve: {why}"), None));
        }
        let last = self.restarts.last().filter(|last| self.down_at_end && !last.expected)?;
        let why = format!("ended unexpectedly ({}) and stayed down", last.status);
        Some(Reason::new(Verdict::Fail, about, why, Some(last.exited)))
    }
}

// === impl Recovery ===

impl Recovery {
    /// For people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::NoEffect => "no effect seen".into(),
            Self::After(0.0) => "at once".into(),
            Self::After(seconds) => show::seconds(*seconds),
            Self::AtLeast(seconds, until) => format!("≥ {} ({until})", show::seconds(*seconds)),
            Self::Shared(with) => format!("with {with}, which still held"),
            Self::Unknown(why) => format!("unknown: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_wins() {
        assert!(Verdict::Pass < Verdict::Inconclusive && Verdict::Inconclusive < Verdict::Fail);
    }
}
