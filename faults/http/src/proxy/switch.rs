//! What the bytes of a connection over HTTP/1 and the requests on it have to tell each other.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::refusal::Refusal;

/// Shared by the two ends of the HTTP library: what reads and writes bytes, and what answers requests.
#[derive(Debug, Default)]
pub(super) struct Switch {
    refused: Mutex<Option<Refused>>,
    open: AtomicBool,
    skip: AtomicBool,
    linger: AtomicBool,
    reset: AtomicBool,
    unwritten: AtomicBool,
    written: Notify,
}

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refused {
    refusal: Refusal,
    /// The head of the request with this number, counted from 0; or else a body.
    head: Option<u64>,
}

// === impl Switch ===

impl Switch {
    /// The bytes were refused: from this request on if it is a head, else within a body.
    pub(super) fn refuse(&self, refusal: Refusal, head: Option<u64>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(Refused { refusal, head });
        self.linger();
    }

    /// Why the request with this number is none.
    pub(super) fn refused_head(&self, number: u64) -> Option<Refusal> {
        self.refused().filter(|refused| refused.head == Some(number)).map(|refused| refused.refusal)
    }

    /// Why the body of the request in hand did not come to its end.
    pub(super) fn refused_body(&self) -> Option<Refusal> {
        self.refused().filter(|refused| refused.head.is_none()).map(|refused| refused.refusal)
    }

    fn refused(&self) -> Option<Refused> {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes from now on is not HTTP any more.
    pub(super) fn open(&self) {
        self.open.store(true, Relaxed);
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Relaxed)
    }

    /// The next head is made by somebody else: it is not written, and the connection ends with its body.
    pub(super) fn skip_next_head(&self) {
        self.skip.store(true, Relaxed);
        self.linger();
    }

    /// Whether to start skipping a head; says so once.
    pub(super) fn take_skip(&self) -> bool {
        self.skip.load(Relaxed) && self.skip.swap(false, Relaxed)
    }

    /// The client may still be sending when the connection is closed, and is to see the answer all the same.
    fn linger(&self) {
        self.linger.store(true, Relaxed);
    }

    pub(super) fn lingers(&self) -> bool {
        self.linger.load(Relaxed)
    }

    /// The connection ends with a RST.
    pub(super) fn reset(&self) {
        self.reset.store(true, Relaxed);
    }

    pub(super) fn resets(&self) -> bool {
        self.reset.load(Relaxed)
    }

    /// Bytes were written, and more of the same may follow.
    pub(super) fn writing(&self) {
        self.unwritten.store(true, Relaxed);
    }

    /// All that the HTTP library had to write is written.
    pub(super) fn flushed(&self) {
        if self.unwritten.swap(false, Relaxed) {
            self.written.notify_waiters();
        }
    }

    /// Waits until all earlier responses are written.
    pub(super) async fn until_flushed(&self) {
        loop {
            let written = self.written.notified();
            if !self.unwritten.load(Relaxed) {
                return;
            }
            written.await;
        }
    }
}
