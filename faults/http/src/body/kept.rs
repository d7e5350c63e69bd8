//! A body whose beginning was read ahead, and is handed on as it came.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use super::{Polled, plus, poll_inner};
use crate::error::{BodyError, BoxError};

/// A body, and the frames of it that were read ahead. It has a place of its own, so that it can be polled and still moved.
pub(super) struct Kept<B> {
    ahead: VecDeque<Result<Frame<Bytes>, BodyError>>,
    /// Bytes of data ahead.
    bytes: usize,
    body: Pin<Box<B>>,
    /// Nothing more comes of the body.
    over: bool,
}

// === impl Kept ===

impl<B> Kept<B> {
    pub(super) fn new(body: B) -> Self {
        Self { ahead: VecDeque::new(), bytes: 0, body: Box::pin(body), over: false }
    }

    /// All data that was read ahead, in one piece.
    pub(super) fn beginning(&self) -> Bytes {
        let mut data = self.ahead.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref());
        let (Some(first), second) = (data.next(), data.next()) else { return Bytes::new() };
        let Some(second) = second else { return first.clone() };
        let mut whole = BytesMut::with_capacity(self.bytes);
        [first, second].into_iter().chain(data).for_each(|data| whole.extend_from_slice(data));
        whole.freeze()
    }
}

impl<B> Kept<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// Reads ahead until so many bytes are there, or the body is over.
    pub(super) fn poll_ahead(&mut self, most: usize, cx: &mut Context<'_>) -> Poll<()> {
        while self.bytes < most && !self.over {
            match ready!(poll_inner(self.body.as_mut(), cx)) {
                Some(frame) => {
                    self.over = frame.is_err();
                    self.bytes += frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len);
                    self.ahead.push_back(frame);
                }
                None => self.over = true,
            }
        }
        Poll::Ready(())
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        if let Some(frame) = self.ahead.pop_front() {
            self.bytes -= frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len);
            return Poll::Ready(Some(frame));
        }
        if self.over { Poll::Ready(None) } else { poll_inner(self.body.as_mut(), cx) }
    }
}

impl<B: Body> Kept<B> {
    pub(super) fn size_hint(&self) -> SizeHint {
        plus(self.body.size_hint(), self.bytes as u64)
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && (self.over || self.body.is_end_stream())
    }
}
