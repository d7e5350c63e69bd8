//! Responses over HTTP/1 whose bytes we write ourselves, so that they can be wrong.
//!
//! The HTTP library is told of a response of HTTP/1.0 without a length, whose body it writes as it comes; the head that
//! it makes is held back, and the body begins with ours.

mod framing;
mod writer;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Response, Version};
use http_body::{Body, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use writer::Writer;

use super::switch::Switch;
use crate::act::AbortHow;
use crate::body::{FaultBody, Polled};
use crate::error::BodyError;

pin_project! {
    /// The body of every response of the proxy.
    pub(super) struct AnswerBody {
        #[pin]
        body: FaultBody<Incoming>,
        writer: Option<Box<Writer>>,
        switch: Option<Arc<Switch>>,
    }
}

// === impl AnswerBody ===

impl AnswerBody {
    /// A body that the HTTP library frames. Of a connection over HTTP/1 the switch is told when it is to be reset.
    pub(super) const fn new(body: FaultBody<Incoming>, switch: Option<Arc<Switch>>) -> Self {
        Self { body, writer: None, switch }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let mut this = self.project();
        let polled = match this.writer {
            Some(writer) => writer.poll(cx, &mut |cx| this.body.as_mut().poll_frame(cx)),
            None => this.body.poll_frame(cx),
        };
        if let (Poll::Ready(Some(Err(BodyError::Aborted(aborted)))), Some(switch)) = (&polled, this.switch)
            && aborted.how() == AbortHow::Reset
        {
            switch.reset();
        }
        polled
    }

    fn size_hint(&self) -> SizeHint {
        if self.writer.is_some() { SizeHint::new() } else { self.body.size_hint() }
    }

    fn is_end_stream(&self) -> bool {
        self.writer.is_none() && self.body.is_end_stream()
    }
}

// === taking over ===

/// The same response, written by ourselves if a fault wants that. It waits for earlier responses to be written.
pub(super) async fn take_over(
    response: Response<FaultBody<Incoming>>,
    method: &Method,
    version: Version,
    switch: &Arc<Switch>,
) -> Response<AnswerBody> {
    let writer = Writer::wanted(&response, method, version);
    let (head, body) = response.into_parts();
    let mut body = AnswerBody::new(body, Some(Arc::clone(switch)));
    let Some(writer) = writer else { return Response::from_parts(head, body) };
    body.writer = Some(Box::new(writer));
    switch.until_flushed().await;
    switch.skip_next_head();
    let mut stand_in = Response::new(body);
    *stand_in.version_mut() = Version::HTTP_10;
    stand_in
}
