//! A body that comes at so many bytes a second.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use shakedown_faults::toxic::Bucket;
use shakedown_scenarios::units::{Bandwidth, Span};
use tokio_util::sync::CancellationToken;

use super::{Polled, Pull, Stage};
use crate::clock::Clock;
use crate::set::{Bite, Mark};
use crate::wait::Wait;

/// Hands on what its bucket allows, piece by piece, until the fault is healed.
pub(crate) struct TrickleStage {
    pace: Pace,
    mark: Mark,
    held: Bytes,
}

/// A bucket on the runtime's clock. It is empty at first: the first byte waits for its turn too.
pub(crate) struct Pace {
    bucket: Bucket,
    clock: Clock,
    healed: CancellationToken,
    waiting: Option<(Wait, Span)>,
}

// === impl TrickleStage ===

impl TrickleStage {
    pub(crate) fn new(rate: Bandwidth, bite: &Bite) -> Self {
        Self { pace: Pace::new(rate, bite.healed().clone()), mark: bite.mark().clone(), held: Bytes::new() }
    }
}

impl Stage for TrickleStage {
    fn poll(&mut self, cx: &mut Context<'_>, pull: Pull<'_>) -> Polled {
        while self.held.is_empty() {
            match ready!(pull(cx)).transpose()? {
                Some(frame) => match frame.into_data() {
                    Ok(data) => self.held = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                None => return Poll::Ready(None),
            }
        }
        let (allowed, waited) = ready!(self.pace.poll(self.held.len(), cx));
        let piece = self.held.split_to(allowed);
        self.mark.waited(waited);
        if !waited.is_zero() {
            self.mark.bytes(piece.len());
            self.mark.bit();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size(&self, below: SizeHint) -> SizeHint {
        super::plus(below, self.held.len() as u64)
    }

    fn is_over(&self, below: bool) -> bool {
        below && self.held.is_empty()
    }
}

// === impl Pace ===

impl Pace {
    pub(crate) fn new(rate: Bandwidth, healed: CancellationToken) -> Self {
        let clock = Clock::start();
        Self {
            bucket: Bucket::new(rate, shakedown_scenarios::toxic::Toxic::BURST, clock.now()),
            clock,
            healed,
            waiting: None,
        }
    }

    /// How many of these bytes may go now, at least one, and how long they waited for that.
    pub(crate) fn poll(&mut self, length: usize, cx: &mut Context<'_>) -> Poll<(usize, Span)> {
        let mut waited = Span::ZERO;
        loop {
            if self.healed.is_cancelled() {
                self.waiting = None;
                return Poll::Ready((length, waited));
            }
            if let Some((wait, since)) = &mut self.waiting {
                ready!(Pin::new(wait).poll(cx));
                waited = self.clock.now().minus(*since);
                self.waiting = None;
            }
            let now = self.clock.now();
            let allowed = self.bucket.allowance(now).min(length);
            if allowed > 0 {
                self.bucket.sent(allowed, now);
                return Poll::Ready((allowed, waited));
            }
            let moment = self.bucket.ready_at(length, now).expect("the rate was checked to be above zero");
            self.waiting = Some((Wait::until(self.clock.at(moment), &self.healed), now));
        }
    }
}
