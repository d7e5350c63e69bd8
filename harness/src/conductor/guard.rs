//! Stop conditions: how long each has been met without a break.

use shakedown_scenarios::guard::StopRule;
use shakedown_scenarios::units::{Ratio, Size, Span};

/// Something a stop condition may care about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sight<'a> {
    /// One second of a workload ended.
    Window {
        /// The workload.
        workload: &'a str,
        /// Completed requests, right and wrong.
        done: u64,
        /// Wrong ones.
        failed: u64,
    },
    /// A probe was answered.
    Probe {
        /// The probe.
        name: &'a str,
        /// In tolerance?
        ok: bool,
        /// What came.
        found: &'a str,
    },
    /// A target's resident memory.
    Rss {
        /// The target.
        target: &'a str,
        /// Bytes.
        bytes: u64,
    },
    /// The host's available memory in bytes.
    Available(u64),
}

/// All stop conditions of a run.
#[derive(Clone, Debug)]
pub struct Watch {
    rules: Vec<(StopRule, Option<Span>)>,
}

/// Whether a sight meets a rule: `None`, it says nothing about it.
enum Met {
    Yes(String),
    No,
}

// === impl Watch ===

impl Watch {
    /// Conditions that have not been met yet.
    #[must_use]
    pub fn new(rules: &[StopRule]) -> Self {
        Self { rules: rules.iter().map(|rule| (rule.clone(), None)).collect() }
    }

    /// Takes one sight in; the reason to stop, if a condition has now been met for long enough.
    pub fn see(&mut self, now: Span, sight: Sight<'_>) -> Option<String> {
        let mut reason = None;
        for (rule, since) in &mut self.rules {
            match judge(rule, sight) {
                None => {}
                Some(Met::No) => *since = None,
                Some(Met::Yes(why)) => {
                    let start = *since.get_or_insert(now);
                    if now.minus(start) >= lasting(rule) {
                        reason = reason.or(Some(why));
                    }
                }
            }
        }
        reason
    }
}

fn lasting(rule: &StopRule) -> Span {
    match rule {
        // A window closes a second that was already bad from its beginning.
        StopRule::ErrorRatio { lasting, .. } => lasting.minus(Span::secs(1)),
        StopRule::ProbeFails { lasting, .. } => *lasting,
        StopRule::AvailableMemory { .. } | StopRule::Rss { .. } => Span::ZERO,
    }
}

fn judge(rule: &StopRule, sight: Sight<'_>) -> Option<Met> {
    let met = |is: bool, why: String| Some(if is { Met::Yes(why) } else { Met::No });
    match (rule, sight) {
        (StopRule::ErrorRatio { of, above, lasting }, Sight::Window { workload, done, failed })
            if of == workload =>
        {
            // A second in which nothing completed neither meets the rule nor breaks its time.
            let ratio = (done > 0).then(|| failed as f64 / done as f64)?;
            met(ratio > above.value(), error_reason(of, ratio, *above, *lasting))
        }
        (StopRule::ProbeFails { probe, lasting }, Sight::Probe { name, ok, found }) if probe == name => {
            met(!ok, format!("probe `{probe}` was out of tolerance for {lasting}; it found {found} last"))
        }
        (StopRule::Rss { of, above }, Sight::Rss { target, bytes }) if of == target => {
            let seen = Size::bytes(bytes);
            met(seen > *above, format!("resident memory of `{of}` is {}, above {above}", mebibytes(bytes)))
        }
        (StopRule::AvailableMemory { below }, Sight::Available(bytes)) => {
            met(bytes < below.as_bytes(), format!("available memory is {}, below {below}", mebibytes(bytes)))
        }
        _ => None,
    }
}

fn error_reason(of: &str, ratio: f64, above: Ratio, lasting: Span) -> String {
    format!("error ratio of `{of}` is {:.1}%, above {above} for {lasting}", ratio * 100.0)
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(lasting: u64) -> Watch {
        let above = "50%".parse().expect("a ratio");
        Watch::new(&[StopRule::ErrorRatio { of: "a".into(), above, lasting: Span::secs(lasting) }])
    }

    fn window(done: u64, failed: u64) -> Sight<'static> {
        Sight::Window { workload: "a", done, failed }
    }

    #[test]
    fn a_ratio_must_last_without_a_break() {
        let mut watch = errors(3);
        assert_eq!(watch.see(Span::secs(1), window(10, 9)), None);
        assert_eq!(watch.see(Span::secs(2), window(10, 9)), None);
        assert_eq!(watch.see(Span::secs(3), window(10, 1)), None, "a good second breaks it");
        assert_eq!(watch.see(Span::secs(4), window(10, 9)), None);
        assert_eq!(watch.see(Span::secs(5), window(10, 9)), None);
        let why = watch.see(Span::secs(6), window(10, 9)).expect("three bad seconds");
        assert_eq!(why, "error ratio of `a` is 90.0%, above 50% for 3s");
    }

    #[test]
    fn a_silent_second_neither_meets_nor_breaks() {
        let mut watch = errors(2);
        assert_eq!(watch.see(Span::secs(1), window(10, 10)), None);
        assert_eq!(watch.see(Span::secs(2), window(0, 0)), None);
        assert!(watch.see(Span::secs(3), window(10, 10)).is_some());
    }

    #[test]
    fn other_subjects_do_not_count() {
        let mut watch = errors(1);
        assert_eq!(watch.see(Span::secs(1), Sight::Window { workload: "b", done: 1, failed: 1 }), None);
        assert_eq!(watch.see(Span::secs(2), Sight::Available(0)), None);
    }

    #[test]
    fn memory_stops_at_once() {
        let mut watch = Watch::new(&[StopRule::AvailableMemory { below: Size::bytes(100) }]);
        assert_eq!(watch.see(Span::ZERO, Sight::Available(100)), None);
        assert!(watch.see(Span::ZERO, Sight::Available(99)).is_some());
    }
}
