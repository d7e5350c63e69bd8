//! Writes one response, head and body, with what is wrong about it.

use std::fmt::Write as _;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Version};
use http_body::Frame;
use hyper::body::Incoming;

use super::framing::{self, Framing};
use crate::act::BadChunkKind;
use crate::body::{FaultBody, Pace, Polled, Pull};
use crate::wire::Wanted;

/// Writes one response. It holds its head, or one frame of its body.
pub(super) struct Writer {
    framing: Framing,
    pace: Option<Pace>,
    queue: BytesMut,
    over: bool,
}

// === impl Writer ===

impl Writer {
    /// What a response is to be written by; `None` where nothing is wanted that the HTTP library cannot do, or the response
    /// has no body to do it with.
    pub(super) fn wanted(
        response: &Response<FaultBody<Incoming>>,
        method: &Method,
        version: Version,
    ) -> Option<Self> {
        let wanted = Wanted::of(response);
        let (fault, slow) = (framing::fault(&wanted), wanted.slow_head());
        if !framing::has_body(response.status(), method) || (fault.is_none() && slow.is_none()) {
            return None;
        }
        let framing = fault.map_or_else(|| framing::right(response, version), framing::of);
        let queue = match framing {
            Framing::Garbage(size, seed) => framing::garbage(size, seed),
            _ => head(response, framing),
        };
        framing::done(&wanted, fault);
        Some(Self { framing, pace: slow.map(|(rate, healed)| Pace::new(rate, healed)), queue, over: false })
    }

    /// The next bytes as they are to be sent, read on from below.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, pull: Pull<'_>) -> Polled {
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
            if self.over || matches!(self.framing, Framing::Garbage(..)) {
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
                put_lines(&mut self.queue, trailers.into_iter().flatten());
                self.queue.extend_from_slice(b"\r\n");
            }
            // There was no chunk to spoil but the last one.
            Framing::Chunked(Some(kind)) => self.put_bad(kind, b""),
            _ => {}
        }
        self.over = true;
    }
}

/// The head as it would have been written, but for what tells the length.
fn head(response: &Response<FaultBody<Incoming>>, framing: Framing) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(1024);
    let status = response.status();
    let _ =
        write!(bytes, "HTTP/1.1 {} {}\r\n", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let ours = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];
    put_lines(&mut bytes, response.headers().iter().filter(|(name, _)| !ours.contains(name)));
    let _ = match framing {
        Framing::Length(length) => write!(bytes, "content-length: {length}\r\n"),
        Framing::Chunked(_) => write!(bytes, "transfer-encoding: chunked\r\n"),
        Framing::Close | Framing::Garbage(..) => write!(bytes, "connection: close\r\n"),
    };
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn put_lines<'a>(bytes: &mut BytesMut, lines: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>) {
    for (name, value) in lines {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(part);
        }
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
