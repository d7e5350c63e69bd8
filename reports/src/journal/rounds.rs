//! Rounds: what many append, one writes, a batch at a time; who wants to know that it is written waits for a round that began
//! after it was appended.
//!
//! It does not know what is written, nor where.

use std::sync::PoisonError;
use std::time::Duration;

use super::sync::{Condvar, Mutex, MutexGuard, wait_while};

/// What waits to be written.
pub(super) trait Queue {
    /// What is written at once, or not at all.
    type Batch;

    /// Takes all that waits. `is_behind`: the last batch could not be written.
    fn take(&mut self, is_behind: bool) -> Self::Batch;

    /// Puts back what could not be written, before all that came since.
    fn restore(&mut self, batch: Self::Batch);

    /// Whether nothing waits.
    fn is_empty(&self) -> bool;
}

/// What appenders, flushers and the writer share.
#[derive(Debug)]
pub(super) struct Rounds<Q> {
    state: Mutex<State<Q>>,
    /// Wakes the writer.
    wake: Condvar,
    /// Wakes those who wait for a round.
    settled: Condvar,
}

#[derive(Debug)]
struct State<Q> {
    queue: Q,
    /// Something waits that must not wait a period.
    urgent: bool,
    closed: bool,
    ended: bool,
    /// Rounds whose batch was taken, and rounds that are over.
    begun: u64,
    settled: u64,
    behind: Option<String>,
}

/// The longest that something waits before it is written.
const PERIOD: Duration = Duration::from_secs(1);
/// The longest that a flush waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

// === impl Rounds ===

impl<Q: Queue> Rounds<Q> {
    pub(super) fn new(queue: Q) -> Self {
        let state =
            State { queue, urgent: false, closed: false, ended: false, begun: 0, settled: 0, behind: None };
        Self { state: Mutex::new(state), wake: Condvar::new(), settled: Condvar::new() }
    }

    /// Appends to what waits; the writer is woken at once if `push` says that this is urgent.
    pub(super) fn append(&self, push: impl FnOnce(&mut Q) -> bool) {
        let mut state = self.lock();
        if push(&mut state.queue) {
            state.urgent = true;
            self.wake.notify_one();
        }
    }

    /// Waits until all that was appended so far is written, but not for ever.
    ///
    /// # Errors
    ///
    /// Why it is not, for people.
    pub(super) fn flush(&self) -> Result<(), String> {
        let mut state = self.lock();
        // A round that runs already took its batch before: the one after it is meant.
        let wanted = state.begun + 1;
        state.urgent = true;
        self.wake.notify_one();
        let waits = |state: &State<Q>| state.settled < wanted && !state.ended;
        let state = wait_while(&self.settled, state, PATIENCE, waits);
        state.outcome(state.settled >= wanted || (state.ended && state.queue.is_empty()))
    }

    /// Lets the writer make its last round; what is appended after that is lost.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// Whether all was written, once the writer has ended.
    ///
    /// # Errors
    ///
    /// Why not, for people.
    pub(super) fn end(&self) -> Result<(), String> {
        let state = self.lock();
        state.outcome(state.ended)
    }

    /// Why what waits could not be written, if it could not.
    pub(super) fn behind(&self) -> Option<String> {
        self.lock().behind.clone()
    }

    /// A look at what waits.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Q) -> T) -> T {
        look(&self.lock().queue)
    }

    /// The writer's: waits for something to do, and takes it. The second is true for the last round.
    pub(super) fn begin(&self) -> (Q::Batch, bool) {
        let idle = |state: &State<Q>| !state.urgent && !state.closed;
        let mut state = wait_while(&self.wake, self.lock(), PERIOD, idle);
        state.urgent = false;
        state.begun += 1;
        let is_behind = state.behind.is_some();
        (state.queue.take(is_behind), state.closed)
    }

    /// The writer's: how the round that it began went.
    pub(super) fn settle(&self, batch: Q::Batch, outcome: Result<(), String>, is_last: bool) {
        let mut state = self.lock();
        match outcome {
            Ok(()) => state.behind = None,
            Err(why) => {
                state.queue.restore(batch);
                state.behind = Some(why);
            }
        }
        state.settled = state.begun;
        state.ended = is_last;
        drop(state);
        self.settled.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<Q>> {
        // Every change under this lock is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl<Q> State<Q> {
    fn outcome(&self, is_tried: bool) -> Result<(), String> {
        match &self.behind {
            Some(why) => Err(why.clone()),
            None if is_tried => Ok(()),
            None => Err("the disk did not answer in time".to_owned()),
        }
    }
}
