//! Holds on something that several threads have a part of: the last one to let go tells that it is gone.
//!
//! It does not know what is held, nor whom that is told.

use std::ops::Deref;

use super::sync::Arc;

/// Who is told.
pub(super) trait Leave {
    /// Nobody has a hold any more, and what was held is gone.
    fn left(&self);
}

/// A hold. What is held goes before this tells that it is gone.
#[derive(Debug)]
pub(super) struct Hold<T, L: Leave> {
    // Let go first.
    held: Arc<T>,
    _stays: Arc<Stays<L>>,
}

#[derive(Debug)]
struct Stays<L: Leave>(L);

// === impl Hold ===

impl<T, L: Leave> Hold<T, L> {
    /// The first one.
    pub(super) fn new(held: T, leave: L) -> Self {
        Self { held: Arc::new(held), _stays: Arc::new(Stays(leave)) }
    }

    /// What is held, for whoever is gone before a hold is let go.
    pub(super) const fn held(&self) -> &Arc<T> {
        &self.held
    }

    /// Whether both hold the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.held, &other.held)
    }
}

impl<T, L: Leave> Clone for Hold<T, L> {
    fn clone(&self) -> Self {
        Self { held: Arc::clone(&self.held), _stays: Arc::clone(&self._stays) }
    }
}

impl<T, L: Leave> Deref for Hold<T, L> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.held
    }
}

// === impl Stays ===

impl<L: Leave> Drop for Stays<L> {
    fn drop(&mut self) {
        self.0.left();
    }
}
