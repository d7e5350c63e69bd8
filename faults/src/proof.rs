//! What healing hands back: not "it was asked for" but "it was seen".

use std::fmt;

/// The end of a fault, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an unproven heal is a fault that may still hold"]
pub struct Healed {
    /// Whether the fault is seen to be gone.
    pub proven: bool,
    /// What was seen, for people: `pid 812 runs (state S)`.
    pub evidence: String,
}

impl Healed {
    /// It is gone, as this shows.
    pub fn proven(evidence: impl Into<String>) -> Self {
        Self { proven: true, evidence: evidence.into() }
    }

    /// It may still be there, as this shows.
    pub fn unproven(evidence: impl Into<String>) -> Self {
        Self { proven: false, evidence: evidence.into() }
    }
}

impl fmt::Display for Healed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doubt = if self.proven { "" } else { "not proven: " };
        write!(f, "{doubt}{}", self.evidence)
    }
}
