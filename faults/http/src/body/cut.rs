//! A body that ends early.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use shakedown_scenarios::units::Span;
use tokio::time::{Sleep, sleep_until};

use super::{Polled, Pull, Stage};
use crate::clock::now;
use crate::error::{Aborted, BodyError};
use crate::set::Mark;

/// Lets so many bytes pass and ends then, if there is more to come.
pub(crate) struct CutStage {
    left: u64,
    end: End,
    mark: Mark,
    /// The cut was made; what comes next is the end.
    cut: bool,
    /// Nothing comes any more.
    over: bool,
    /// A failure waits for what passed to leave.
    parting: Option<Pin<Box<Sleep>>>,
}

/// A server that is told of a failure drops what it has not written yet. So it gets this long to write what passed; what
/// a client has not taken by then may be lost, as it may be when a real server dies.
const PARTING: Span = Span::millis(10);

/// What the end looks like.
enum End {
    Complete,
    Fails(Aborted),
}

// === impl CutStage ===

impl CutStage {
    /// A body that is whole, and shorter.
    pub(crate) const fn complete(keep: u64, mark: Mark) -> Self {
        Self { left: keep, end: End::Complete, mark, cut: false, over: false, parting: None }
    }

    /// A body that fails.
    pub(crate) const fn failing(keep: u64, aborted: Aborted, mark: Mark) -> Self {
        Self { left: keep, end: End::Fails(aborted), mark, cut: false, over: false, parting: None }
    }

    fn ending(&mut self, cx: &mut Context<'_>) -> Polled {
        if let (End::Fails(aborted), false) = (&self.end, self.over) {
            let parting =
                self.parting.get_or_insert_with(|| Box::pin(sleep_until(now() + PARTING.duration())));
            ready!(parting.as_mut().poll(cx));
            self.over = true;
            return Poll::Ready(Some(Err(BodyError::Aborted(aborted.clone()))));
        }
        self.over = true;
        Poll::Ready(None)
    }

    /// What passes of some bytes.
    fn pass(&mut self, mut data: Bytes) -> Bytes {
        let kept = usize::try_from(self.left).unwrap_or(usize::MAX).min(data.len());
        if kept < data.len() {
            data.truncate(kept);
            self.cut = true;
            self.mark.bit();
        }
        self.left -= kept as u64;
        data
    }
}

impl Stage for CutStage {
    fn poll(&mut self, cx: &mut Context<'_>, pull: Pull<'_>) -> Polled {
        if self.cut || self.over {
            return self.ending(cx);
        }
        let Some(frame) = ready!(pull(cx)).transpose()? else {
            self.over = true;
            return Poll::Ready(None);
        };
        let frame = match frame.into_data() {
            Ok(data) => Frame::data(self.pass(data)),
            Err(frame) => frame,
        };
        match frame.data_ref() {
            Some(data) if data.is_empty() && self.cut => self.ending(cx),
            _ => Poll::Ready(Some(Ok(frame))),
        }
    }

    fn size(&self, below: SizeHint) -> SizeHint {
        match self.end {
            // What the head promises stays promised.
            End::Fails(_) => below,
            End::Complete if self.cut => SizeHint::with_exact(0),
            End::Complete => {
                let mut hint = SizeHint::new();
                hint.set_upper(below.upper().unwrap_or(u64::MAX).min(self.left));
                hint.set_lower(below.lower().min(self.left));
                hint
            }
        }
    }

    fn is_over(&self, below: bool) -> bool {
        match self.end {
            End::Complete => self.over || self.cut || below,
            End::Fails(_) => self.over || (below && !self.cut),
        }
    }
}
