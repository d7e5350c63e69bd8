//! The threads that move bytes: a few for the whole process, each with connections of some proxies.
//!
//! A proxy has one worker that is its home: there its connections are accepted, so that they are numbered in the order of
//! their acceptance, and there they stay unless home has more to do than another worker. Then busy ones move, each as a
//! whole, so that none is ever shared between threads. They go out from home and come back to it, and nowhere else, and
//! all that is told of a proxy goes by its home: so whatever was told after a connection left arrives after it, and home
//! knows everyone who has to hear of it. Workers start when they are first needed and stay.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::connection::Connection;
use super::inbox::{self, Bell};
use super::load::Line;
use super::shared::Hold;
use super::turns::WORKERS;
use super::worker::Worker;

/// What workers are told.
#[derive(Debug)]
pub(super) enum Order {
    /// A proxy begins.
    Adopt(Hold),
    /// Its rules, or its door, have changed.
    Look(Hold),
    /// It ends, with its connections.
    Forget(Hold),
    /// A connection of it comes from another worker.
    Have(Box<Connection>, Hold),
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

/// Where a worker is, or will be once it is needed.
#[derive(Debug, Default)]
pub(super) struct Post {
    inbox: Mutex<Option<Arc<Inbox>>>,
    /// What others see of how much it has to do.
    pub(super) line: Line,
}

/// All posts of this process.
pub(super) fn posts() -> &'static [Post] {
    static POSTS: OnceLock<Vec<Post>> = OnceLock::new();
    POSTS.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (0..cores.min(WORKERS)).map(|_| Post::default()).collect()
    })
}

/// The worker for the next proxy: its number, and the way to it.
///
/// # Errors
/// If the system has no thread or no descriptors for one.
pub(super) fn worker() -> io::Result<(usize, Arc<Inbox>)> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % posts().len();
    Ok((number, inbox(number)?))
}

/// The way to a worker, which is started if need be.
///
/// # Errors
/// If the system has no thread or no descriptors for it.
pub(super) fn inbox(number: usize) -> io::Result<Arc<Inbox>> {
    let mut place = posts()[number].inbox.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(inbox) = &*place {
        return Ok(Arc::clone(inbox));
    }
    let inbox = Arc::new(Inbox::new(EventFd::open()?));
    let worker = Worker::new(number, Arc::clone(&inbox))?;
    std::thread::Builder::new().name(format!("shakedown-proxy-{number}")).spawn(move || worker.run())?;
    *place = Some(Arc::clone(&inbox));
    Ok(inbox)
}
