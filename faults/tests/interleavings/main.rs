//! What the proxy's threads share, and the ledger between harness and guardian, in every order in which they can run and with every value that a load may see.
//!
//! Their files are compiled here a second time, with the model's mutexes and atomics instead of the standard
//! library's. Each claim has a twin that is wrong on purpose: the model has to find what is wrong with it.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod bell;
mod changes;
mod counts;
mod handover;
mod ledger;
mod ledgers;
mod orders;

use shakedown_faults::process;

#[path = "../../src/proxy/hold.rs"]
mod hold;
#[path = "../../src/proxy/inbox.rs"]
mod inbox;
#[path = "../../src/proxy/published.rs"]
mod published;
#[path = "../../src/proxy/turns.rs"]
mod turns;

mod sync {
    // What an `Arc` points to is shared under a mutex here.
    pub(super) use std::sync::Arc;

    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU64};
    pub(super) use loom::sync::{Mutex, MutexGuard};
    pub(super) use loom::thread::yield_now;
}

/// More than two threads, or many steps, have too many orders to try all of them; what is to be found takes two preemptions.
fn bounded(check: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(check);
}
