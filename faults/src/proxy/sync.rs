//! What the parts that threads share are built of. The model of them in `tests/interleavings` builds the same files of
//! its own `sync`, and tries every order in which threads can run.

pub(super) use std::sync::atomic::{AtomicBool, AtomicU64};
pub(super) use std::sync::{Arc, Mutex, MutexGuard};
pub(super) use std::thread::yield_now;
