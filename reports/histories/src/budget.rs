//! How long a search may take, and how much memory.

use std::sync::atomic::{AtomicU64, Ordering};

/// What all searches of one history may take together. It knows no clock: it asks.
pub struct Budget<'a> {
    stop: &'a (dyn Fn() -> bool + Sync),
    /// Another reason to stop.
    also: Option<&'a (dyn Fn() -> bool + Sync)>,
    memory: u64,
    /// Bytes of searches that are over are free again; those of searches under way beside this one are not counted.
    share: AtomicU64,
}

// === impl Budget ===

impl<'a> Budget<'a> {
    /// Until `stop` says so, with so many bytes for each search.
    #[must_use]
    pub fn new(stop: &'a (dyn Fn() -> bool + Sync), memory: u64) -> Self {
        Self { stop, also: None, memory, share: AtomicU64::new(1) }
    }

    /// So many searches are under way at once, and share the memory.
    pub fn shared_by(&self, searches: u64) {
        self.share.store(searches.max(1), Ordering::Relaxed);
    }

    /// The same, with another reason to stop.
    pub(crate) fn also<'b>(&self, also: &'b (dyn Fn() -> bool + Sync)) -> Budget<'b>
    where
        'a: 'b,
    {
        let share = AtomicU64::new(self.share.load(Ordering::Relaxed));
        Budget { stop: self.stop, also: Some(also), memory: self.memory, share }
    }

    /// Whether a search that holds so many bytes has to give up.
    #[must_use]
    pub fn is_spent(&self, bytes: u64) -> bool {
        bytes > self.memory / self.share.load(Ordering::Relaxed)
            || (self.stop)()
            || self.also.is_some_and(|also| also())
    }
}

impl std::fmt::Debug for Budget<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget").field("memory", &self.memory).finish_non_exhaustive()
    }
}
