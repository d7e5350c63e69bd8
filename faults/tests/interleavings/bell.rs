//! An eventfd that a poll watches for edges, as the kernel has it.

use loom::sync::{Mutex, Notify};

use crate::inbox::Bell;

/// Every write is an edge. A poll that finds an edge looks whether there is something to be read still, and forgets the
/// edge if there is not (Linux: `ep_send_events`).
#[derive(Debug)]
pub struct EventFd {
    count: Mutex<u64>,
    edge: Notify,
}

/// Lets all threads of a model have something, for good: a model that is stuck unwinds, and then the model's own `Arc`
/// must not be dropped.
pub fn shared<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

// === impl EventFd ===

impl EventFd {
    pub fn new() -> Self {
        Self { count: Mutex::new(0), edge: Notify::new() }
    }

    /// Waits for an event. Where none can come any more the model says that it is stuck.
    pub fn wait(&self) {
        loop {
            self.edge.wait();
            if *self.count.lock().unwrap() > 0 {
                return;
            }
        }
    }
}

impl Bell for EventFd {
    fn ring(&self) {
        *self.count.lock().unwrap() += 1;
        self.edge.notify();
    }

    fn hush(&self) {
        *self.count.lock().unwrap() = 0;
    }
}
