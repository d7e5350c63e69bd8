//! What threads share is guarded by these; a model of them brings its own.

use std::sync::PoisonError;
use std::time::Duration;

pub(super) use std::sync::{Condvar, Mutex, MutexGuard};

/// Waits while this holds, but no longer than that.
pub(super) fn wait_while<'a, T>(
    wake: &Condvar,
    guard: MutexGuard<'a, T>,
    at_most: Duration,
    holds: impl Fn(&T) -> bool,
) -> MutexGuard<'a, T> {
    let waited = wake.wait_timeout_while(guard, at_most, |state| holds(state));
    waited.unwrap_or_else(PoisonError::into_inner).0
}
