//! The threads that move bytes: a few for the whole process, each with all connections of some proxies.
//!
//! A proxy belongs to one worker, so that its connections are numbered in the order of their acceptance and none of
//! their data is shared between threads. Workers start with the first proxy and stay.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::inbox::{self, Bell};
use super::shared::Shared;
use super::worker::Worker;

/// More threads than this never had more to do.
const MOST_WORKERS: usize = 4;

/// What workers are told.
#[derive(Debug)]
pub(super) enum Order {
    /// A proxy begins.
    Adopt(Arc<Shared>),
    /// Its rules, or its door, have changed.
    Look(Arc<Shared>),
    /// It ends, with its connections.
    Forget(Arc<Shared>),
    /// A name was looked up for a connection.
    Resolved { place: usize, serial: u64, found: Option<SocketAddr> },
}

/// The way to a worker.
pub(super) type Inbox = inbox::Inbox<Order, EventFd>;

/// A bell of the kernel's.
#[derive(Debug)]
pub(super) struct EventFd(OwnedFd);

// === impl EventFd ===

impl EventFd {
    fn open() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }
}

impl Bell for EventFd {
    fn ring(&self) {
        // It fails only when it has been rung 2^64 times.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    fn hush(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The worker for the next proxy.
///
/// # Errors
/// If the system has no thread or no descriptors for one.
pub(super) fn worker() -> io::Result<Arc<Inbox>> {
    static WORKERS: OnceLock<Vec<Mutex<Option<Arc<Inbox>>>>> = OnceLock::new();
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let workers = WORKERS.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (0..cores.min(MOST_WORKERS)).map(|_| Mutex::new(None)).collect()
    });
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % workers.len();
    let mut place = workers[number].lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(inbox) = &*place {
        return Ok(Arc::clone(inbox));
    }
    let inbox = Arc::new(Inbox::new(EventFd::open()?));
    let worker = Worker::new(Arc::clone(&inbox))?;
    std::thread::Builder::new().name(format!("shakedown-proxy-{number}")).spawn(move || worker.run())?;
    *place = Some(Arc::clone(&inbox));
    Ok(inbox)
}
