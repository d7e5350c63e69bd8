//! Sending a response slowly.

use serde::{Deserialize, Serialize};
use shakedown_scenarios::units::Bandwidth;

use super::Dressing;
use crate::body::TrickleStage;
use crate::problem::Finder;
use crate::set::Bite;
use crate::wire::WireFault;

/// How slowly. The body is handed on in small pieces, at most one chunk of it is held, and who sends it is slowed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Trickle {
    /// So many bytes a second, at least 1.
    pub rate: Bandwidth,
    /// Whether the head comes as slowly (HTTP/1 only, and it needs the proxy; the connection is closed after it).
    #[serde(default)]
    pub head: bool,
}

// === impl Trickle ===

impl Trickle {
    pub(super) fn check(&self, mut finder: Finder<'_>) {
        let right = self.rate.as_bytes_per_second() > 0;
        finder.expect(right, "rate", self.rate, "a rate of at least 1B/s");
    }

    pub(super) fn dress(&self, response: &mut Dressing<'_>, bite: &Bite) {
        if self.head {
            bite.want(response.head, WireFault::SlowHead { rate: self.rate });
        }
        response.stages.push(Box::new(TrickleStage::new(self.rate, bite)));
    }
}
