//! The one place of these measurements that asks the machine for the time, and that lets it pass.

use std::time::{Duration, Instant};

/// This moment.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a measurement is about real moments")]
pub fn now() -> Instant {
    Instant::now()
}

/// Lets a stretch of load be as long as it is to be, or gives way between two looks at what nobody announces.
#[expect(clippy::disallowed_methods, reason = "the length of a measurement is what is waited for")]
pub fn pause(length: Duration) {
    std::thread::sleep(length);
}
