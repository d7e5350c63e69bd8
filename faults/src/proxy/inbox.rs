//! The way to a worker: orders in a list, and a bell that wakes it from its wait for sockets.
//!
//! It does not know what is ordered, nor what the bell is made of.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::AcqRel;

use super::sync::{AtomicBool, Mutex, MutexGuard};

/// What wakes a worker: an eventfd that its poll watches for edges.
pub(super) trait Bell {
    /// Wakes whoever waits, or the next one to wait.
    fn ring(&self);

    /// Forgets how often it was rung.
    fn hush(&self);
}

/// Orders that were told and not taken yet.
#[derive(Debug)]
pub(super) struct Inbox<O, B> {
    orders: Mutex<Vec<O>>,
    bell: B,
    /// The bell was rung and not answered yet: who tells more meanwhile needs no system call.
    rung: AtomicBool,
}

// === impl Inbox ===

impl<O, B: Bell> Inbox<O, B> {
    /// An empty one.
    pub(super) fn new(bell: B) -> Self {
        Self { orders: Mutex::new(Vec::new()), bell, rung: AtomicBool::new(false) }
    }

    /// Tells the worker something. It never waits for it.
    pub(super) fn tell(&self, order: O) {
        self.lock().push(order);
        if !self.rung.swap(true, AcqRel) {
            self.bell.ring();
        }
    }

    /// All orders since the last time. The bell is answered before they are taken: who tells something after that rings
    /// it again.
    pub(super) fn take(&self) -> Vec<O> {
        self.bell.hush();
        // A swap, although its outcome does not matter: so the answer has its place among the rings, and whoever rings
        // after it finds it.
        self.rung.swap(false, AcqRel);
        std::mem::take(&mut *self.lock())
    }

    /// What wakes the worker.
    pub(super) fn bell(&self) -> &B {
        &self.bell
    }

    fn lock(&self) -> MutexGuard<'_, Vec<O>> {
        // Nothing panics while it is held; if something did, the list would still be whole.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
