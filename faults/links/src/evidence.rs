//! What a fault did, whatever it is a fault on.

use std::fmt;

use shakedown_faults::proof::Healed;

/// What a fault did so far, or had done when it was healed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whether it is proven that it did what it says.
    pub bit: bool,
    /// What shows it, for people: `3 of 4 chosen requests bitten`.
    pub told: String,
}

/// The end of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an unproven heal is a fault that may still hold"]
pub struct Ending {
    /// What it did.
    pub did: Evidence,
    /// Whether it is gone.
    pub healed: Healed,
}

// === impl Evidence ===

impl Evidence {
    pub(crate) fn new(bit: bool, told: impl fmt::Display) -> Self {
        Self { bit, told: told.to_string() }
    }

    pub(crate) fn nothing() -> Self {
        Self::new(false, "nothing was counted")
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told)
    }
}
