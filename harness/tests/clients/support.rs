//! What the peers at the two ends of a proxy share with the tests of the API.

use std::time::Duration;

/// Longer than anything takes here.
pub const LONG: Duration = Duration::from_secs(20);
