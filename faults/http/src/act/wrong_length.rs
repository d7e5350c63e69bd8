//! A `Content-Length` that is not the body's.

use serde::{Deserialize, Serialize};

use super::Dressing;
use crate::problem::Finder;
use crate::set::Bite;
use crate::wire::WireFault;

/// By how much. The body is sent whole, then the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct WrongLength {
    /// So many bytes more are claimed, or fewer if below zero. Not 0, at most 1 GiB either way. Where nothing is known of
    /// the body's length it is taken for 0, and where too little would be left to claim fewer, more are claimed.
    pub by: i64,
}

/// Longer than anything that is waited for.
const BY_MAX: u64 = 1 << 30;

// === impl WrongLength ===

impl WrongLength {
    pub(super) fn check(&self, mut finder: Finder<'_>) {
        let right = self.by != 0 && self.by.unsigned_abs() <= BY_MAX;
        finder.expect(right, "by", self.by, "a number from -1073741824 to 1073741824, but not 0");
    }

    pub(super) fn dress(&self, response: &mut Dressing<'_>, bite: &Bite) {
        if response.has_http1_body() {
            let claimed = claimed(response.length.unwrap_or(0), self.by);
            bite.want(response.head, WireFault::WrongLength { claimed });
        }
    }
}

fn claimed(length: u64, by: i64) -> u64 {
    length.checked_add_signed(by).unwrap_or_else(|| length.saturating_add(by.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claim_is_never_right_and_never_below_zero() {
        assert_eq!([claimed(10, 5), claimed(10, -5), claimed(10, -10)], [15, 5, 0]);
        assert_eq!([claimed(10, -11), claimed(0, -3), claimed(0, 3)], [21, 3, 3]);
    }
}
