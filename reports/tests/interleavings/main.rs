//! What the journal's appenders, flushers and its writer share, in every order in which they can run.
//!
//! The file of the journal is compiled here a second time, with the model's mutex and condition variables. No time passes in
//! a model: whoever waits is woken, or the model says that it is stuck.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod journal;

#[path = "../../src/journal/rounds.rs"]
mod rounds;

mod sync {
    use std::time::Duration;

    pub(super) use loom::sync::{Condvar, Mutex, MutexGuard};

    pub(super) fn wait_while<'a, T>(
        wake: &Condvar,
        mut guard: MutexGuard<'a, T>,
        _: Duration,
        holds: impl Fn(&T) -> bool,
    ) -> MutexGuard<'a, T> {
        while holds(&guard) {
            guard = wake.wait(guard).unwrap();
        }
        guard
    }
}
