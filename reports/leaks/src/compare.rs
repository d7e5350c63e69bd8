//! A candidate build's run against a baseline's: does it grow faster, and by how much at most.
//!
//! The runs have to be alike: the same load, the same length. What both do (a warm-up, a log that fills) then stands on both
//! sides. It knows two slopes and their intervals, not the series: runs whose noise has a common cause look less alike here
//! than they are.

use crate::finding::Finding;
use crate::spells::Estimate;

/// Whether a candidate is worse than its baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worse {
    /// It grows faster, with 97.5 %, and by more than the margin for all that is known.
    Yes,
    /// It grows no faster by more than the margin, with 97.5 %.
    No,
    /// The interval holds both.
    CannotTell,
}

/// What comparing says. Slopes are in the series' unit an hour, and are about the ends of the runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The answer.
    pub worse: Worse,
    /// Candidate less baseline; `None` if either run told no slope.
    pub difference_per_hour: Option<Estimate>,
    /// The candidate is not worse by more than this, with 97.5 %.
    pub bound_per_hour: Option<f64>,
}

/// Compares two runs; `margin_per_hour` (0 or more) is how much worse is still as good. The interval of the difference is
/// that of G. Y. Zou, A. Donner, *Construction of confidence limits about effect measures*, Statist. Med. 27, 2008: it
/// keeps each slope's own, uneven interval.
#[must_use]
pub fn compare(candidate: &Finding, baseline: &Finding, margin_per_hour: f64) -> Comparison {
    let slopes = |finding: &Finding| Some((finding.slope_per_hour?, finding.slope_ci?));
    let (Some((new, [new_low, new_high])), Some((old, [old_low, old_high]))) =
        (slopes(candidate), slopes(baseline))
    else {
        return Comparison { worse: Worse::CannotTell, difference_per_hour: None, bound_per_hour: None };
    };
    let value = new - old;
    let low = value - (new - new_low).hypot(old_high - old);
    let high = value + (new_high - new).hypot(old - old_low);
    let margin = margin_per_hour.max(0.0);
    let worse = if high <= margin {
        Worse::No
    } else if low > 0.0 {
        Worse::Yes
    } else {
        Worse::CannotTell
    };
    Comparison {
        worse,
        difference_per_hour: Some(Estimate { value, ci: [low, high] }),
        bound_per_hour: Some(high.max(0.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(slope: f64, low: f64, high: f64) -> Finding {
        Finding { slope_per_hour: Some(slope), slope_ci: Some([low, high]), ..Finding::unknown("") }
    }

    #[track_caller]
    fn check(candidate: &Finding, baseline: &Finding, margin: f64, expected: Worse) {
        assert_eq!(compare(candidate, baseline, margin).worse, expected);
    }

    #[test]
    fn worse_is_what_surely_grows_faster_and_not_what_stays_within_the_margin() {
        let (fast, slow, vague) =
            (finding(10.0, 9.0, 11.0), finding(2.0, 1.0, 3.0), finding(4.0, -6.0, 14.0));
        check(&fast, &slow, 0.0, Worse::Yes);
        check(&fast, &slow, 20.0, Worse::No);
        check(&slow, &fast, 0.0, Worse::No);
        check(&slow, &slow, 0.0, Worse::CannotTell);
        check(&slow, &slow, 2.0, Worse::No);
        check(&vague, &slow, 2.0, Worse::CannotTell);
        check(&Finding::unknown("short"), &slow, 2.0, Worse::CannotTell);
    }

    #[test]
    fn uneven_intervals_stay_uneven() {
        let comparison = compare(&finding(5.0, 4.0, 9.0), &finding(1.0, 1.0, 4.0), 0.0);
        assert_eq!(
            comparison.difference_per_hour,
            Some(Estimate { value: 4.0, ci: [4.0 - 10f64.sqrt(), 8.0] })
        );
        assert_eq!(comparison.bound_per_hour, Some(8.0));
    }

    #[test]
    fn a_nan_margin_is_none() {
        check(&finding(2.0, 1.0, 3.0), &finding(2.0, 1.0, 3.0), f64::NAN, Worse::CannotTell);
    }
}
