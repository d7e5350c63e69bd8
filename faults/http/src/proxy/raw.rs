//! Responses over HTTP/1 whose bytes we write ourselves, so that they can be wrong.
//!
//! The HTTP library is told of a response of HTTP/1.0 without a length, whose body it writes as it comes; the head that
//! it makes is held back, and the body begins with ours.

use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, Method, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use shakedown_scenarios::seed::Streams;

use super::switch::Switch;
use crate::act::{AbortHow, BadChunkKind};
use crate::body::{FaultBody, Pace, Polled};
use crate::error::BodyError;
use crate::wire::{Wanted, WireFault};

pin_project! {
    /// The body of every response of the proxy.
    pub(super) struct AnswerBody {
        #[pin]
        body: FaultBody<Incoming>,
        writer: Option<Box<Writer>>,
        switch: Option<Arc<Switch>>,
    }
}

/// Writes one response.
pub(super) struct Writer {
    framing: Framing,
    pace: Option<Pace>,
    queue: BytesMut,
    over: bool,
}

/// How the body is told apart from what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// By a length, right or wrong.
    Length(u64),
    /// By the end of the connection.
    Close,
    /// By chunks, the first of which may be bad.
    Chunked(Option<BadChunkKind>),
    /// It is no response at all.
    Garbage,
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
    let wanted = Wanted::of(&response);
    let writer = writer(&wanted, &response, method, version);
    let (head, body) = response.into_parts();
    let mut body = AnswerBody::new(body, Some(Arc::clone(switch)));
    let Some(mut writer) = writer else { return Response::from_parts(head, body) };
    if writer.framing != Framing::Garbage {
        writer.queue = head_bytes(&head, writer.framing);
    }
    body.writer = Some(Box::new(writer));
    switch.until_flushed().await;
    switch.skip_next_head();
    let mut stand_in = Response::new(body);
    *stand_in.version_mut() = Version::HTTP_10;
    stand_in
}

fn writer(
    wanted: &Wanted,
    response: &Response<FaultBody<Incoming>>,
    method: &Method,
    version: Version,
) -> Option<Writer> {
    if !has_body(response.status(), method) {
        return None;
    }
    let is_framing = |fault: &WireFault| !matches!(fault, WireFault::SlowHead { .. } | WireFault::GoAway);
    let fault = wanted.faults().find(is_framing);
    let slow = wanted.slow_head();
    if fault.is_none() && slow.is_none() {
        return None;
    }
    let framing = fault.map_or_else(|| right_framing(response, version), framing_of);
    wanted
        .faults()
        .filter(|wanted| Some(*wanted) == fault || !is_framing(wanted))
        .for_each(|fault| wanted.done(fault));
    let pace = slow.map(|(rate, healed)| Pace::new(rate, healed));
    let queue = fault.map_or_else(BytesMut::new, garbage);
    Some(Writer { framing, pace, queue, over: false })
}

/// RFC 9112, section 6.3.
fn has_body(status: StatusCode, method: &Method) -> bool {
    let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
    method != Method::HEAD && !bodiless && !status.is_informational()
}

const fn framing_of(fault: WireFault) -> Framing {
    match fault {
        WireFault::WrongLength { claimed } => Framing::Length(claimed),
        WireFault::BadChunk { kind } => Framing::Chunked(Some(kind)),
        WireFault::Garbage { .. } => Framing::Garbage,
        WireFault::SlowHead { .. } | WireFault::GoAway => Framing::Close,
    }
}

fn right_framing(response: &Response<FaultBody<Incoming>>, version: Version) -> Framing {
    let told = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    match told.or_else(|| response.body().size_hint().exact()) {
        Some(length) => Framing::Length(length),
        None if version == Version::HTTP_11 => Framing::Chunked(None),
        None => Framing::Close,
    }
}

fn garbage(fault: WireFault) -> BytesMut {
    let WireFault::Garbage { size, seed } = fault else { return BytesMut::new() };
    let size = usize::try_from(size.as_bytes()).unwrap_or(0);
    let mut chance = Streams::new(seed).stream("garbage");
    let mut bytes = BytesMut::with_capacity(size + 8);
    while bytes.len() < size {
        bytes.extend_from_slice(&chance.u64().to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

fn head_bytes(head: &Parts, framing: Framing) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(1024);
    let reason = head.status.canonical_reason().unwrap_or_default();
    let _ = write!(bytes, "HTTP/1.1 {} {reason}\r\n", head.status.as_u16());
    let ours = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];
    put_lines(&mut bytes, head.headers.iter().filter(|(name, _)| !ours.contains(name)));
    let _ = match framing {
        Framing::Length(length) => write!(bytes, "content-length: {length}\r\n"),
        Framing::Chunked(_) => write!(bytes, "transfer-encoding: chunked\r\n"),
        Framing::Close | Framing::Garbage => write!(bytes, "connection: close\r\n"),
    };
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn put_lines<'a>(
    bytes: &mut BytesMut,
    lines: impl Iterator<Item = (&'a http::HeaderName, &'a http::HeaderValue)>,
) {
    for (name, value) in lines {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    }
}

// === impl Writer ===

impl Writer {
    fn poll(&mut self, cx: &mut Context<'_>, pull: crate::body::Pull<'_>) -> Polled {
        loop {
            if !self.queue.is_empty() {
                let allowed = match &mut self.pace {
                    Some(pace) => ready!(pace.poll(self.queue.len(), cx)).0,
                    None => self.queue.len(),
                };
                return Poll::Ready(Some(Ok(Frame::data(self.queue.split_to(allowed).freeze()))));
            }
            // Only the head is paced here; a slow body has a stage of its own.
            self.pace = None;
            if self.over || self.framing == Framing::Garbage {
                return Poll::Ready(None);
            }
            match ready!(pull(cx)).transpose()? {
                Some(frame) => self.put(frame),
                None => self.put_end(None),
            }
        }
    }

    fn put(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) if data.is_empty() => {}
            Ok(data) => self.put_data(&data),
            Err(frame) => self.put_end(frame.trailers_ref()),
        }
    }

    fn put_data(&mut self, data: &[u8]) {
        match self.framing {
            Framing::Chunked(None | Some(BadChunkKind::NoEnd)) => {
                put_chunk(&mut self.queue, data.len(), "\r\n", data)
            }
            Framing::Chunked(Some(kind)) => self.put_bad(kind, data),
            _ => self.queue.extend_from_slice(data),
        }
    }

    /// The bad chunk is the last thing that is written.
    fn put_bad(&mut self, kind: BadChunkKind, data: &[u8]) {
        let queue = &mut self.queue;
        match kind {
            BadChunkKind::NoSize => put_text(queue, "zz\r\n", data),
            BadChunkKind::HugeSize => put_text(queue, "fffffffffffffffff\r\n", data),
            BadChunkKind::TooLong => put_chunk(queue, data.len() + 16, "\r\n", data),
            BadChunkKind::TooShort => put_chunk(queue, data.len().saturating_sub(1), "\r\n", data),
            BadChunkKind::NoLineEnd => put_chunk(queue, data.len(), "", data),
            BadChunkKind::NoEnd => {}
        }
        self.over = true;
    }

    fn put_end(&mut self, trailers: Option<&HeaderMap>) {
        match self.framing {
            Framing::Chunked(None) => {
                self.queue.extend_from_slice(b"0\r\n");
                put_lines(
                    &mut self.queue,
                    trailers.into_iter().flatten().filter(|(name, _)| *name != TRAILER),
                );
                self.queue.extend_from_slice(b"\r\n");
            }
            // There was no chunk to spoil but the last one.
            Framing::Chunked(Some(kind)) => self.put_bad(kind, b""),
            _ => {}
        }
        self.over = true;
    }
}

fn put_chunk(queue: &mut BytesMut, size: usize, line_end: &str, data: &[u8]) {
    put_text(queue, &format!("{size:x}{line_end}"), data);
}

fn put_text(queue: &mut BytesMut, before: &str, data: &[u8]) {
    for part in [before.as_bytes(), data, b"\r\n"] {
        queue.extend_from_slice(part);
    }
}
