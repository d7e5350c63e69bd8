//! A value that one thread publishes and others look at before each step, at the cost of one load while it stays the same.
//!
//! It does not know what it holds; the rules of a proxy are in one of these.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::sync::{Arc, AtomicU64, Mutex, MutexGuard};

/// The newest value, and its version.
#[derive(Debug)]
pub(super) struct Published<T> {
    value: Mutex<Arc<T>>,
    version: AtomicU64,
}

// === impl Published ===

impl<T> Published<T> {
    /// The first value.
    pub(super) fn new(value: T, version: u64) -> Self {
        Self { value: Mutex::new(Arc::new(value)), version: AtomicU64::new(version) }
    }

    /// The version of the newest value. Whoever has seen it finds that value or a newer one.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Acquire)
    }

    /// The newest value.
    pub(super) fn value(&self) -> Arc<T> {
        Arc::clone(&self.lock())
    }

    /// Publishes another value. Callers take turns.
    pub(super) fn publish(&self, value: T, version: u64) {
        *self.lock() = Arc::new(value);
        // Only now, so that nobody sees a version that is newer than the value.
        self.version.store(version, Release);
    }

    fn lock(&self) -> MutexGuard<'_, Arc<T>> {
        // Nothing panics while it is held; if something did, the value would still be whole.
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
