//! The steady-state hypothesis: it holds before chaos, and again after it, and stays. What happens in between is
//! information.

use shakedown_scenarios::experiment::Phase;

use super::finding::{ProbeFinding, Tries};
use super::verdict::Verdict;
use crate::show;

/// One probe while the journal is read.
#[derive(Debug)]
pub struct ProbeFold {
    name: String,
    baseline: Tries,
    chaos: Tries,
    recovery: Tries,
    /// First wrong answer in baseline.
    baseline_bad: Option<(f64, String)>,
    /// First right answer in recovery.
    back: Option<f64>,
    /// First wrong answer after it came back.
    lost_again: Option<(f64, String)>,
    /// Last answer of all.
    last: Option<(f64, bool, String)>,
    /// First of the wrong answers that last until now.
    bad_since: Option<f64>,
}

// === impl ProbeFold ===

impl ProbeFold {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            baseline: Tries::default(),
            chaos: Tries::default(),
            recovery: Tries::default(),
            baseline_bad: None,
            back: None,
            lost_again: None,
            last: None,
            bad_since: None,
        }
    }

    /// Takes an answer in; answers whether it differs from the last one (the first one differs when it is wrong).
    pub fn take(&mut self, at: f64, ok: bool, found: &str, phase: Option<Phase>) -> bool {
        match phase {
            None | Some(Phase::Warmup) => {}
            Some(Phase::Baseline) => {
                self.baseline.count(ok);
                if !ok {
                    self.baseline_bad.get_or_insert_with(|| (at, found.to_owned()));
                }
            }
            Some(Phase::Chaos) => self.chaos.count(ok),
            Some(Phase::Recovery) => self.take_recovery(at, ok, found),
        }
        self.bad_since = if ok { None } else { self.bad_since.or(Some(at)) };
        let changed = self.last.as_ref().map_or(!ok, |(_, last, _)| *last != ok);
        self.last = Some((at, ok, found.to_owned()));
        changed
    }

    /// Judges, once all is read. `baseline`: whether the experiment has such a phase.
    pub fn finish(self, baseline: bool) -> ProbeFinding {
        let (verdict, why, at) = self.judge(baseline);
        ProbeFinding {
            name: self.name,
            verdict,
            why,
            at,
            baseline: self.baseline,
            chaos: self.chaos,
            recovery: self.recovery,
        }
    }

    fn take_recovery(&mut self, at: f64, ok: bool, found: &str) {
        self.recovery.count(ok);
        if ok {
            self.back.get_or_insert(at);
        } else if self.back.is_some() {
            self.lost_again.get_or_insert_with(|| (at, found.to_owned()));
        }
    }

    fn judge(&self, baseline: bool) -> (Verdict, String, Option<f64>) {
        if let Some((at, found)) = &self.baseline_bad {
            let why =
                format!("was out of tolerance before any fault, first at {} ({found})", show::offset(*at));
            return (Verdict::Fail, why, Some(*at));
        }
        if baseline && self.baseline.all == 0 {
            return (Verdict::Inconclusive, "was never asked in baseline".into(), None);
        }
        if self.recovery.all == 0 {
            return (Verdict::Inconclusive, "was never asked in recovery".into(), None);
        }
        if let Some((at, found)) = &self.lost_again {
            let why = format!("came back and left tolerance again at {} ({found})", show::offset(*at));
            return (Verdict::Fail, why, Some(*at));
        }
        match (self.back, &self.last) {
            (Some(back), _) if self.recovery.ok == self.recovery.all => {
                (Verdict::Pass, "held in baseline and all through recovery".into(), Some(back))
            }
            (Some(back), _) => {
                (Verdict::Pass, format!("came back at {} and stayed", show::offset(back)), Some(back))
            }
            (None, last) => {
                let found = last.as_ref().map_or("", |(_, _, found)| found.as_str());
                let since =
                    self.bad_since.map_or_else(String::new, |at| format!(" since {}", show::offset(at)));
                let why = format!("did not come back: out of tolerance{since} to the end ({found})");
                (Verdict::Fail, why, self.bad_since)
            }
        }
    }
}
