//! Bytes that are no HTTP in the place of a response.

use serde::{Deserialize, Serialize};
use shakedown_scenarios::units::Size;

use super::{Dressing, TEXT_MAX};
use crate::problem::Finder;
use crate::set::Bite;
use crate::wire::WireFault;

/// How much. The bytes are drawn from the fault's chance; then the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Garbage {
    /// From 1 byte to 1 MiB.
    pub size: Size,
}

// === impl Garbage ===

impl Garbage {
    pub(super) fn check(&self, mut finder: Finder<'_>) {
        let right = (1..=TEXT_MAX as u64).contains(&self.size.as_bytes());
        finder.expect(right, "size", self.size, "a size from 1B to 1MiB");
    }

    pub(super) fn dress(&self, response: &mut Dressing<'_>, bite: &mut Bite) {
        if response.has_http1_body() {
            let fault = WireFault::Garbage { size: self.size, seed: bite.chance().u64() };
            bite.want(response.head, fault);
        }
    }
}
