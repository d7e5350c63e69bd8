//! What a proxy's handle, its workers and its connections have in common.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::Span;
use tokio::sync::watch;

use super::door::Door;
use super::hold::{self, Leave};
use super::published::Published;
use super::turns::Turns;
use super::upstream::Upstream;
use crate::clock::Clock;
use crate::toxic::Rules;

/// A hold on a proxy: the last one to let go tells that it has left for good. Whoever waits for that may want the port.
pub(super) type Hold = hold::Hold<Shared, Left>;

/// Becomes true once a proxy has left.
#[derive(Clone, Debug)]
pub(super) struct Left(Arc<watch::Sender<bool>>);

/// One proxy, as all its parts see it.
#[derive(Debug)]
pub(super) struct Shared {
    /// The worker that accepts for it.
    pub(super) home: usize,
    pub(super) door: Door,
    pub(super) upstream: Upstream,
    pub(super) streams: Streams,
    pub(super) clock: Clock,
    pub(super) counters: Counters,
    rules: Published<Rules>,
    connections: Mutex<BTreeMap<u64, Arc<Seen>>>,
    /// What pipes keep under latencies, all together, bytes.
    pub(super) travelling: AtomicUsize,
    /// The turns of its connections.
    turns: Turns,
    /// True once all connections are gone for good.
    pub(super) left: Left,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) open: AtomicU64,
    pub(super) up: AtomicU64,
    pub(super) down: AtomicU64,
    pub(super) up_received: AtomicU64,
    pub(super) down_received: AtomicU64,
    pub(super) dial_failures: AtomicU64,
}

/// A connection as others see it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) number: u64,
    pub(super) client: SocketAddr,
    pub(super) since: Span,
    pub(super) up: AtomicU64,
    pub(super) down: AtomicU64,
}

/// A turn moves a megabyte at the most, in a millisecond or so; the rest is for a worker whose core is taken from it.
const SETTLES_WITHIN: Span = Span::millis(50);

// === impl Left ===

impl Left {
    /// To wait for it.
    pub(super) fn watched(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }
}

impl Leave for Left {
    fn left(&self) {
        self.0.send_replace(true);
    }
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(home: usize, door: Door, upstream: Upstream, seed: u64, rules: Rules) -> Self {
        let version = rules.version();
        Self {
            home,
            door,
            upstream,
            streams: Streams::new(seed),
            clock: Clock::of_process(),
            counters: Counters::default(),
            rules: Published::new(rules, version),
            connections: Mutex::default(),
            travelling: AtomicUsize::new(0),
            turns: Turns::new(),
            left: Left(Arc::new(watch::Sender::new(false))),
        }
    }

    pub(super) fn now(&self) -> Span {
        self.clock.now()
    }

    /// The version of the newest rules.
    pub(super) fn version(&self) -> u64 {
        self.rules.version()
    }

    /// The newest rules.
    pub(super) fn rules(&self) -> Arc<Rules> {
        self.rules.value()
    }

    /// Makes other rules hold. Callers take turns.
    pub(super) fn publish(&self, rules: Rules) {
        let version = rules.version();
        self.rules.publish(rules, version);
    }

    /// A hold on it, the first one.
    pub(super) fn hold(self) -> Hold {
        let left = self.left.clone();
        Hold::new(self, left)
    }

    /// A turn begins, or ends, on a worker. Only that worker says so.
    pub(super) fn turn(&self, worker: usize) {
        self.turns.turn(worker);
    }

    /// Ends all moving of bytes. When it returns, no byte goes on (but see [`Shared::settle`] on a worker that does not
    /// get its core); sockets are closed when the worker comes to it.
    pub(super) fn end(&self) {
        self.turns.end();
        self.settle();
    }

    /// Whether nothing may be moved any more. To be asked within a turn.
    pub(super) fn has_ended(&self) -> bool {
        self.turns.have_ended()
    }

    /// Waits until turns that are under way are over, which takes microseconds: then everything that a peer has seen is
    /// counted. A worker that does not get its core is not waited for.
    pub(super) fn settle(&self) {
        let mut give_up = None;
        self.turns.settle(|| {
            let now = self.now();
            now >= *give_up.get_or_insert(now.plus(SETTLES_WITHIN))
        });
    }

    /// Lists a connection.
    pub(super) fn list(&self, seen: &Arc<Seen>) {
        self.counters.open.fetch_add(1, Ordering::Relaxed);
        lock(&self.connections).insert(seen.number, Arc::clone(seen));
    }

    /// Takes a connection off the list.
    pub(super) fn unlist(&self, seen: &Seen) {
        lock(&self.connections).remove(&seen.number);
        self.counters.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// The connections that are open.
    pub(super) fn listed(&self) -> Vec<Arc<Seen>> {
        lock(&self.connections).values().map(Arc::clone).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while one of these is held; if something did, what it guards would still be whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
