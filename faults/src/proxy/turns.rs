//! When the counters can be believed: a worker says when a turn begins and when it ends, and who reads waits for the end.
//!
//! A peer may see bytes before they are counted, but only while the turn that moved them is under way.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use super::sync::{AtomicBool, AtomicU64, yield_now};

/// The turns of one worker.
#[derive(Debug)]
pub(super) struct Turns {
    /// Odd while one is under way.
    begun_and_ended: AtomicU64,
    /// No turn may move anything any more.
    over: AtomicBool,
}

// === impl Turns ===

impl Turns {
    pub(super) fn new() -> Self {
        Self { begun_and_ended: AtomicU64::new(0), over: AtomicBool::new(false) }
    }

    /// A turn begins, or ends. Only the worker says so.
    pub(super) fn turn(&self) {
        self.begun_and_ended.fetch_add(1, AcqRel);
    }

    /// Ends all turns but the one that is under way, which [`Turns::settle`] waits for.
    pub(super) fn end(&self) {
        self.over.store(true, Release);
    }

    /// Whether nothing may be moved any more. To be asked within a turn.
    pub(super) fn have_ended(&self) -> bool {
        self.over.load(Acquire)
    }

    /// Waits until a turn that is under way is over, unless `gives_up`: then everything that a peer has seen is counted.
    pub(super) fn settle(&self, mut gives_up: impl FnMut() -> bool) {
        // It adds nothing, but so it has its place among the turns: one that begins later sees what was stored before.
        let under_way = self.begun_and_ended.fetch_add(0, AcqRel);
        if under_way.is_multiple_of(2) {
            return;
        }
        while self.begun_and_ended.load(Acquire) == under_way && !gives_up() {
            yield_now();
        }
    }
}
