//! A deadline that moves with each request, on one timer of the runtime.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Sleep, sleep_until};

use crate::clock::Clock;

/// Fires at or before the deadline of the present request and is then set anew: moving it for each request would cost more
/// than the request's own book-keeping.
#[derive(Debug)]
pub(crate) struct Alarm {
    clock: Clock,
    sleep: Pin<Box<Sleep>>,
}

// === impl Alarm ===

impl Alarm {
    /// An alarm on this clock. Needs a runtime around it.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, sleep: Box::pin(sleep_until(clock.deadline(0))) }
    }

    /// Whether a deadline, in nanoseconds since the start of the load, has passed.
    pub(crate) fn poll_expired(&mut self, deadline: u64, context: &mut Context<'_>) -> Poll<()> {
        // An alarm that an earlier request set rings too early: it is set anew then, once a timeout and not once a
        // request.
        while self.clock.now() < deadline {
            ready!(self.sleep.as_mut().poll(context));
            self.sleep.as_mut().reset(self.clock.deadline(deadline));
        }
        Poll::Ready(())
    }
}
