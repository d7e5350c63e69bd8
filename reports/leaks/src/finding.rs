//! The answer.

/// Whether it leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It grows, and it goes on growing.
    Leak,
    /// It does not grow by more than the bound.
    NoLeak,
    /// Too little, too noisy, or its plateau has not been seen yet.
    Inconclusive,
}

/// What was found of one series. Slopes are in the series' unit an hour, and are about the end of the trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The answer.
    pub verdict: Verdict,
    /// In a few words, where the answer is no plain yes or no.
    pub why: Option<&'static str>,
    /// The growth at the end.
    pub slope_per_hour: Option<f64>,
    /// Its interval of 95 %.
    pub slope_ci: Option<[f64; 2]>,
    /// How probable the verdict is, 0 to 1; of an inconclusive one: how probable a leak is.
    pub confidence: f64,
    /// When the leak set in, in seconds on the trace's own clock.
    pub onset_s: Option<f64>,
    /// When growth ended, likewise; only without a leak.
    pub plateau_s: Option<f64>,
    /// Growth above this is ruled out with 97.5 %; only without a leak.
    pub growth_bound_per_hour: Option<f64>,
    /// A leak of this size would have been found nine times out of ten.
    pub min_detectable_per_hour: Option<f64>,
    /// Where the fitted course stands at the end.
    pub level: Option<f64>,
    /// The fitted course, at moments in seconds; for plots.
    pub course: Vec<(f64, f64)>,
}

// === impl Verdict ===

impl Verdict {
    /// The word for machines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Leak => "leak",
            Self::NoLeak => "noleak",
            Self::Inconclusive => "inconclusive",
        }
    }
}

// === impl Finding ===

impl Finding {
    /// Nothing can be said, and why.
    #[must_use]
    pub const fn unknown(why: &'static str) -> Self {
        Self {
            verdict: Verdict::Inconclusive,
            why: Some(why),
            slope_per_hour: None,
            slope_ci: None,
            confidence: 0.0,
            onset_s: None,
            plateau_s: None,
            growth_bound_per_hour: None,
            min_detectable_per_hour: None,
            level: None,
            course: Vec::new(),
        }
    }

    /// Hours until a limit is reached: the most likely, and the interval of 95 % (an open end is infinite). `None`
    /// without a leak.
    #[must_use]
    pub fn hours_to(&self, limit: f64) -> Option<[f64; 3]> {
        if self.verdict != Verdict::Leak {
            return None;
        }
        let (slope, [low, high], left) = (self.slope_per_hour?, self.slope_ci?, limit - self.level?);
        let hours = |slope: f64| {
            if left <= 0.0 {
                0.0
            } else if slope > 0.0 {
                left / slope
            } else {
                f64::INFINITY
            }
        };
        Some([hours(slope), hours(high), hours(low)])
    }
}
