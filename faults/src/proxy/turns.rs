//! When the counters can be believed: a worker says when a turn begins and when it ends, and who reads waits for the end.
//!
//! A peer may see bytes before they are counted, but only while the turn that moved them is under way. A proxy has turns on
//! each worker that some of its connections have moved to, so each worker counts its own.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use super::sync::{AtomicBool, AtomicU64, yield_now};

/// How many workers there are at the most: more threads than this never had more to do.
pub(super) const WORKERS: usize = 4;

/// The turns of one proxy.
#[derive(Debug)]
pub(super) struct Turns {
    by_worker: [BegunAndEnded; WORKERS],
    /// No turn may move anything any more.
    over: AtomicBool,
}

/// Odd while a turn is under way. Each has a cache line of its own, for each is written to by another thread.
#[derive(Debug)]
#[repr(align(64))]
struct BegunAndEnded(AtomicU64);

// === impl Turns ===

impl Turns {
    pub(super) fn new() -> Self {
        let by_worker = std::array::from_fn(|_| BegunAndEnded(AtomicU64::new(0)));
        Self { by_worker, over: AtomicBool::new(false) }
    }

    /// A turn begins, or ends, on a worker. Only that worker says so.
    pub(super) fn turn(&self, worker: usize) {
        self.by_worker[worker].0.fetch_add(1, AcqRel);
    }

    /// Ends all turns but those that are under way, which [`Turns::settle`] waits for.
    pub(super) fn end(&self) {
        self.over.store(true, Release);
    }

    /// Whether nothing may be moved any more. To be asked within a turn.
    pub(super) fn have_ended(&self) -> bool {
        self.over.load(Acquire)
    }

    /// Waits until the turns that are under way are over, unless `gives_up`: then everything that a peer has seen is
    /// counted. That they are waited for one after the other is enough: what was seen before this began was moved by a turn
    /// that is over, or is under way on its worker until it is found to be over there.
    pub(super) fn settle(&self, mut gives_up: impl FnMut() -> bool) {
        for BegunAndEnded(turns) in &self.by_worker {
            // It adds nothing, but so it has its place among the turns: one that begins later sees what was stored before.
            let under_way = turns.fetch_add(0, AcqRel);
            if under_way.is_multiple_of(2) {
                continue;
            }
            while turns.load(Acquire) == under_way && !gives_up() {
                yield_now();
            }
        }
    }
}
