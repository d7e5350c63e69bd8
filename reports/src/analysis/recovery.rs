//! Recovery time: how long after its heal a fault was felt.
//!
//! It runs from the heal (from the injection for acts without a length) to the start of the first second from which
//! everything that watches is normal [`IN_A_ROW`] times in a row. A second of a workload is normal when its errors are
//! at most [`ERROR_TOLERANCE`] above baseline's ratio and its p95 is at most twice baseline's, [`LATENCY_SLACK_US`]
//! above it, or what all but the worst twentieth of baseline's own seconds stayed below, whichever is most; an answer of a probe is normal when it is in tolerance. So the grain is a second for
//! workloads and the probe's own interval for probes.
//!
//! Where everything was normal from the injection on there was no effect, and nothing to recover from.
//!
//! When the next fault starts first, or the run ends, only "at least" is known. When another fault still holds at the
//! heal and never lets things become normal, the recovery belongs to that fault's heal.
//!
//! "A return to the baseline for several consecutive intervals" is the usual definition of recovery time in
//! availability benchmarks (A. Brown and D. Patterson, *Towards availability benchmarks*, USENIX 2000, which takes
//! bounds around normal behaviour); the bounds here are our choice.

use super::finding::Recovery;
use super::load::Figures;
use crate::journal::Second;

/// Normal seconds or answers that make a recovery: one may be luck.
pub const IN_A_ROW: u32 = 3;
/// Part of a second's requests that may fail beyond baseline's ratio.
pub const ERROR_TOLERANCE: f64 = 0.01;
/// How much p95 may rise over baseline's where twice baseline's would be less, in microseconds.
pub const LATENCY_SLACK_US: u64 = 10_000;
/// What ended the wait when nothing else did.
const UNTIL_THE_END: &str = "until the end of the run";
/// From this baseline rate on (right answers a second), a second in which nothing completes is not normal.
const BUSY_RATE: f64 = 10.0;

/// What normal is for a workload.
#[derive(Clone, Copy, Debug)]
pub struct Normal {
    error_ratio: f64,
    /// The largest p95 of a second that is still normal.
    p95_us_max: Option<u64>,
    rate: f64,
}

/// All faults whose recovery is being watched.
#[derive(Debug)]
pub struct Recoveries {
    watchers: usize,
    open: Vec<Watch>,
    settled: Vec<Option<Recovery>>,
}

/// One fault from its injection until things are normal.
#[derive(Debug)]
struct Watch {
    cue: usize,
    /// The heal, or the injection of an act without length.
    from_us: Option<i64>,
    /// Cues that held at `from_us` and still do.
    others: Vec<usize>,
    streaks: Vec<Streak>,
}

/// How long one watcher has seen normal things.
#[derive(Clone, Copy, Debug, Default)]
struct Streak {
    since_us: i64,
    length: u32,
    abnormal: bool,
    /// Whether it was there at all since the clock started.
    seen: bool,
    /// Whether it could tell anything since then.
    asked: bool,
    done: bool,
}

// === impl Recovery ===

impl Recovery {
    /// Whether things were not normal to the very end: that is known, and not only unknown.
    #[must_use]
    pub fn never_came(&self) -> bool {
        matches!(self, Self::AtLeast(_, until) if until == UNTIL_THE_END)
    }
}

// === impl Normal ===

impl Normal {
    /// Learnt from baseline.
    pub fn of(baseline: &Figures) -> Self {
        let usual = baseline.latency.quantile(0.95).map(|p95| (p95 * 2).max(p95 + LATENCY_SLACK_US));
        Self {
            error_ratio: baseline.error_ratio().unwrap_or(0.0),
            // A noisy baseline must not make its own noise look like a fault's.
            p95_us_max: usual.max(baseline.seconds_p95.quantile(0.95)),
            rate: baseline.ok as f64 / baseline.seconds.max(1) as f64,
        }
    }

    /// Whether a second looks like baseline; `None`: it cannot tell, since nothing was asked.
    pub fn holds(&self, second: &Second) -> Option<bool> {
        let failed = second.failed();
        let completed = second.ok.saturating_add(failed);
        if completed == 0 {
            let stuck = second.backlog > 0 || second.dropped > 0;
            return (stuck && self.rate >= BUSY_RATE).then_some(false);
        }
        let errors_fit = failed as f64 / completed as f64 <= self.error_ratio + ERROR_TOLERANCE;
        let p95 = second.latency.quantile(0.95);
        let latency_fits = match (self.p95_us_max, p95) {
            (Some(most), Some(found)) => found <= most,
            _ => true,
        };
        Some(errors_fit && latency_fits && second.dropped == 0)
    }
}

// === impl Recoveries ===

impl Recoveries {
    /// For so many cues, watched by so many workloads and probes.
    pub fn new(cues: usize, watchers: usize) -> Self {
        Self { watchers, open: Vec::new(), settled: vec![None; cues] }
    }

    /// A fault is about to be injected: what has not recovered by now is only known in part.
    pub fn injecting(&mut self, cue: usize, name: &str, at_us: i64) {
        self.close(|watch| {
            let from = watch.from_us?;
            let waited = (at_us - from).max(0) as f64 / 1e6;
            let at_least = || Recovery::AtLeast(waited, format!("until {name} began"));
            Some(watch.without_effect().unwrap_or_else(at_least))
        });
        let streaks = vec![Streak::default(); self.watchers];
        self.open.push(Watch { cue, from_us: None, others: Vec::new(), streaks });
    }

    /// The fault could not be injected.
    pub fn failed(&mut self, cue: usize) {
        self.open.retain(|watch| watch.cue != cue);
    }

    /// The clock of a cue starts; `others` hold meanwhile.
    pub fn from(&mut self, cue: usize, at_us: i64, others: Vec<usize>) {
        if let Some(watch) = self.open.iter_mut().find(|watch| watch.cue == cue && watch.from_us.is_none()) {
            watch.from_us = Some(at_us);
            watch.others = others;
            watch.streaks.iter_mut().for_each(|streak| streak.length = 0);
        }
    }

    /// A fault with a length is healed: what waited for it alone shares its recovery.
    pub fn healed(&mut self, cue: usize, name: &str) {
        self.close(|watch| {
            let waited = watch.others.contains(&cue);
            watch.others.retain(|other| *other != cue);
            (waited && watch.others.is_empty()).then(|| Recovery::Shared(name.to_owned()))
        });
    }

    /// A watcher saw something that began at `from_us` and ended at `to_us`; `None`: nothing was asked in that time.
    pub fn observe(&mut self, watcher: usize, from_us: i64, to_us: i64, normal: Option<bool>) {
        self.close(|watch| watch.observe(watcher, from_us, to_us, normal));
    }

    /// Whether some fault is being recovered from.
    pub fn any_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// What is known at the end.
    pub fn finish(mut self, end_us: i64) -> Vec<Recovery> {
        self.close(|watch| Some(watch.finish(end_us)));
        let unknown = || Recovery::Unknown("it was never injected".into());
        self.settled.into_iter().map(|recovery| recovery.unwrap_or_else(unknown)).collect()
    }

    fn close(&mut self, mut settle: impl FnMut(&mut Watch) -> Option<Recovery>) {
        let settled = &mut self.settled;
        self.open.retain_mut(|watch| {
            let recovery = settle(watch);
            let open = recovery.is_none();
            if !open {
                settled[watch.cue] = recovery;
            }
            open
        });
    }
}

// === impl Watch ===

impl Watch {
    fn observe(
        &mut self,
        watcher: usize,
        from_us: i64,
        to_us: i64,
        normal: Option<bool>,
    ) -> Option<Recovery> {
        let counts = self.from_us.is_some_and(|start| to_us > start);
        let streak = self.streaks.get_mut(watcher)?;
        streak.observe(from_us, normal, counts);
        self.streaks.iter().all(|streak| streak.done).then(|| self.recovered())
    }

    fn recovered(&self) -> Recovery {
        let Some(start) = self.from_us else { return Recovery::Unknown("it was never healed".into()) };
        let seen = self.streaks.iter().filter(|streak| streak.abnormal);
        match seen.map(|streak| (streak.since_us - start).max(0)).max() {
            Some(after) => Recovery::After(after as f64 / 1e6),
            None => Recovery::NoEffect,
        }
    }

    fn finish(&mut self, end_us: i64) -> Recovery {
        let Some(start) = self.from_us else { return Recovery::Unknown("it was never healed".into()) };
        if self.streaks.is_empty() || self.streaks.iter().any(|streak| !streak.seen) {
            return Recovery::Unknown("not all loads and probes were measured after it".into());
        }
        // A workload that asked nothing since cannot hold the others up.
        let unfinished = self.streaks.iter().any(|streak| streak.asked && !streak.done);
        if unfinished {
            let waited = (end_us - start).max(0) as f64 / 1e6;
            return self.without_effect().unwrap_or_else(|| Recovery::AtLeast(waited, UNTIL_THE_END.into()));
        }
        self.recovered()
    }

    /// Where all was normal from the injection on, three in a row are not needed: there is nothing to recover from.
    fn without_effect(&self) -> Option<Recovery> {
        let calm = self.streaks.iter().all(|streak| streak.seen && !streak.abnormal);
        (calm && !self.streaks.is_empty()).then_some(Recovery::NoEffect)
    }
}

// === impl Streak ===

impl Streak {
    fn observe(&mut self, from_us: i64, normal: Option<bool>, counts: bool) {
        if self.done {
            return;
        }
        self.seen |= counts;
        let Some(normal) = normal else { return };
        self.asked |= counts;
        if !normal {
            self.abnormal = true;
            self.length = 0;
            return;
        }
        if !counts {
            return;
        }
        if self.length == 0 {
            self.since_us = from_us;
        }
        self.length += 1;
        self.done = self.length >= IN_A_ROW;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn watched(seconds: impl IntoIterator<Item = (i64, bool)>, heal_us: i64) -> Recovery {
        let mut recoveries = Recoveries::new(1, 1);
        recoveries.injecting(0, "f", 0);
        let mut healed = false;
        for (second, normal) in seconds {
            let end = (second + 1) * SECOND;
            if !healed && heal_us <= end {
                recoveries.from(0, heal_us, Vec::new());
                healed = true;
            }
            recoveries.observe(0, second * SECOND, end, Some(normal));
        }
        recoveries.finish(20 * SECOND).remove(0)
    }

    #[test]
    fn recovery_runs_from_the_heal_to_the_first_normal_second_of_three() {
        let bad = 2..8;
        let seconds = (0..20).map(|second| (second, !bad.contains(&second)));
        assert_eq!(watched(seconds, 5 * SECOND + SECOND / 2), Recovery::After(2.5));
    }

    #[test]
    fn one_lucky_second_is_no_recovery() {
        let bad = [3, 4, 5, 7, 8];
        let seconds = (0..20).map(|second| (second, !bad.contains(&second)));
        assert_eq!(watched(seconds, 5 * SECOND), Recovery::After(4.0));
    }

    #[test]
    fn what_was_never_felt_has_no_effect() {
        assert_eq!(watched((0..20).map(|second| (second, true)), 5 * SECOND), Recovery::NoEffect);
    }

    #[test]
    fn what_was_felt_only_while_it_held_takes_no_time() {
        let seconds = (0..20).map(|second| (second, second >= 5));
        assert_eq!(watched(seconds, 5 * SECOND), Recovery::After(0.0));
    }

    #[test]
    fn what_never_comes_back_is_at_least_the_rest_of_the_run() {
        let seconds = (0..20).map(|second| (second, second < 2));
        assert_eq!(watched(seconds, 5 * SECOND), Recovery::AtLeast(15.0, "until the end of the run".into()));
    }

    #[test]
    fn the_next_fault_ends_the_wait() {
        let mut recoveries = Recoveries::new(2, 1);
        recoveries.injecting(0, "a", 0);
        recoveries.from(0, SECOND, Vec::new());
        recoveries.observe(0, SECOND, 2 * SECOND, Some(false));
        recoveries.injecting(1, "b", 4 * SECOND);
        assert_eq!(recoveries.finish(9 * SECOND)[0], Recovery::AtLeast(3.0, "until b began".into()));
    }

    #[test]
    fn what_nobody_watched_is_unknown() {
        let mut recoveries = Recoveries::new(1, 2);
        recoveries.injecting(0, "a", 0);
        recoveries.from(0, SECOND, Vec::new());
        (1..9).for_each(|second| recoveries.observe(0, second * SECOND, (second + 1) * SECOND, Some(true)));
        assert!(matches!(recoveries.finish(9 * SECOND)[0], Recovery::Unknown(_)));
    }

    #[test]
    fn what_was_never_felt_needs_no_three_seconds_before_the_next_fault() {
        let mut recoveries = Recoveries::new(2, 1);
        recoveries.injecting(0, "a", 0);
        recoveries.observe(0, 0, SECOND, Some(true));
        recoveries.from(0, SECOND, Vec::new());
        recoveries.observe(0, SECOND, 2 * SECOND, Some(true));
        recoveries.injecting(1, "b", 2 * SECOND);
        assert_eq!(recoveries.finish(9 * SECOND)[0], Recovery::NoEffect);
    }

    #[test]
    fn under_another_fault_the_recovery_is_that_faults() {
        let mut recoveries = Recoveries::new(2, 1);
        recoveries.injecting(0, "slow", 0);
        recoveries.injecting(1, "kill", SECOND);
        recoveries.from(1, SECOND, vec![0]);
        (2..6).for_each(|second| recoveries.observe(0, second * SECOND, (second + 1) * SECOND, Some(false)));
        recoveries.from(0, 6 * SECOND, Vec::new());
        recoveries.healed(0, "slow");
        (6..10).for_each(|second| recoveries.observe(0, second * SECOND, (second + 1) * SECOND, Some(true)));
        let found = recoveries.finish(10 * SECOND);
        assert_eq!(found, [Recovery::After(0.0), Recovery::Shared("slow".into())]);
    }
}
