//! Waiting until a moment, or until the fault that wants it is healed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// Its moment came.
    Whole,
    /// The fault was healed.
    Healed,
}

/// A wait. It can be polled on after its end.
pub(crate) struct Wait {
    sleep: Pin<Box<Sleep>>,
    healed: Pin<Box<WaitForCancellationFutureOwned>>,
    ended: Option<Waited>,
}

// === impl Wait ===

impl Wait {
    pub(crate) fn until(moment: Instant, healed: &CancellationToken) -> Self {
        Self {
            sleep: Box::pin(sleep_until(moment)),
            healed: Box::pin(healed.clone().cancelled_owned()),
            ended: None,
        }
    }
}

impl Future for Wait {
    type Output = Waited;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited> {
        let this = &mut *self;
        if this.ended.is_none() {
            this.ended = if this.healed.as_mut().poll(cx).is_ready() {
                Some(Waited::Healed)
            } else {
                this.sleep.as_mut().poll(cx).is_ready().then_some(Waited::Whole)
            };
        }
        this.ended.map_or(Poll::Pending, Poll::Ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_scenarios::units::Span;

    use crate::clock::now;

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_at_its_moment_or_with_its_fault() {
        let token = CancellationToken::new();
        let began = now();
        let hour = Span::secs(3600).duration();
        assert_eq!(Wait::until(began + hour, &token).await, Waited::Whole);
        assert!(began.elapsed() >= hour);
        let waiting = Wait::until(now() + hour, &token);
        token.cancel();
        assert_eq!(waiting.await, Waited::Healed);
        assert!(began.elapsed() < hour * 2);
    }
}
