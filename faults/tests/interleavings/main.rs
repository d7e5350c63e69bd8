//! What the proxy's threads share, in every order in which they can run and with every value that a load may see.
//!
//! The files of the proxy are compiled here a second time, with the model's mutexes and atomics instead of the standard
//! library's. Each claim has a twin that is wrong on purpose: the model has to find what is wrong with it.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod bell;
mod changes;
mod counts;
mod handover;
mod orders;

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
