//! A body that comes late, or whose chunks do.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::units::Span;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Polled, Pull, Stage};
use crate::act::around;
use crate::clock::now;
use crate::set::{Bite, Mark};
use crate::wait::{Wait, Waited};

/// Waits once before it reads anything, and then with each chunk in its hand.
pub(crate) struct DelayStage {
    between: Span,
    chunk: Span,
    jitter: Span,
    chance: Chance,
    mark: Mark,
    healed: CancellationToken,
    waiting: Option<(Wait, Instant)>,
    held: Option<Frame<Bytes>>,
}

// === impl DelayStage ===

impl DelayStage {
    pub(crate) fn new(between: Span, chunk: Span, jitter: Span, bite: &mut Bite) -> Self {
        Self {
            between,
            chunk,
            jitter,
            // A clone goes on where the bite stands, and nothing draws from the bite after this.
            chance: bite.chance().clone(),
            mark: bite.mark().clone(),
            healed: bite.healed().clone(),
            waiting: None,
            held: None,
        }
    }

    fn start(&mut self, length: Span) {
        if !length.is_zero() && !self.healed.is_cancelled() {
            let began = now();
            self.waiting = Some((Wait::until(began + length.duration(), &self.healed), began));
        }
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some((wait, began)) = &mut self.waiting {
            let ended = ready!(Pin::new(wait).poll(cx));
            self.mark.waited(Span::from(began.elapsed()));
            if ended == Waited::Whole {
                self.mark.bit();
                self.mark.bytes(self.held.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len));
            }
            self.waiting = None;
        }
        Poll::Ready(())
    }
}

impl Stage for DelayStage {
    fn poll(&mut self, cx: &mut Context<'_>, pull: Pull<'_>) -> Polled {
        let between = std::mem::take(&mut self.between);
        self.start(between);
        loop {
            ready!(self.poll_wait(cx));
            if let Some(frame) = self.held.take() {
                return Poll::Ready(Some(Ok(frame)));
            }
            match ready!(pull(cx)).transpose()? {
                Some(frame) if frame.is_data() && !self.chunk.is_zero() => {
                    let length = around(self.chunk, self.jitter, &mut self.chance);
                    self.held = Some(frame);
                    self.start(length);
                }
                other => return Poll::Ready(other.map(Ok)),
            }
        }
    }

    fn size(&self, below: SizeHint) -> SizeHint {
        let held = self.held.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        super::plus(below, held)
    }

    fn is_over(&self, below: bool) -> bool {
        below && self.held.is_none()
    }
}
