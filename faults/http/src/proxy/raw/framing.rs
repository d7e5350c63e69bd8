//! How a response is told apart from what follows it, rightly or wrongly.

use bytes::BytesMut;
use http::header::CONTENT_LENGTH;
use http::{Method, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::Size;

use crate::act::{BadChunkKind, is_bodiless};
use crate::body::FaultBody;
use crate::wire::{Wanted, WireFault};

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// By a length, right or wrong.
    Length(u64),
    /// By the end of the connection.
    Close,
    /// By chunks, the first of which may be bad.
    Chunked(Option<BadChunkKind>),
    /// It is no response at all, but so many bytes of this seed.
    Garbage(Size, u64),
}

/// The first wanted fault that changes the framing. There can be one only.
pub(super) fn fault(wanted: &Wanted) -> Option<WireFault> {
    wanted.faults().find(is_framing)
}

/// Tells which faults were done.
pub(super) fn done(wanted: &Wanted, framing: Option<WireFault>) {
    let slow = wanted.faults().find(|fault| matches!(fault, WireFault::SlowHead { .. }));
    for fault in framing.into_iter().chain(slow) {
        wanted.done(fault);
    }
}

const fn is_framing(fault: &WireFault) -> bool {
    !matches!(fault, WireFault::SlowHead { .. } | WireFault::GoAway)
}

/// The framing that a fault wants.
pub(super) const fn of(fault: WireFault) -> Framing {
    match fault {
        WireFault::WrongLength { claimed } => Framing::Length(claimed),
        WireFault::BadChunk { kind } => Framing::Chunked(Some(kind)),
        WireFault::Garbage { size, seed } => Framing::Garbage(size, seed),
        WireFault::SlowHead { .. } | WireFault::GoAway => Framing::Close,
    }
}

/// The framing that a client of this version understands.
pub(super) fn right(response: &Response<FaultBody<Incoming>>, version: Version) -> Framing {
    let told = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    match told.or_else(|| response.body().size_hint().exact()) {
        Some(length) => Framing::Length(length),
        None if version == Version::HTTP_11 => Framing::Chunked(None),
        None => Framing::Close,
    }
}

/// Whether a response may have a body (RFC 9112, section 6.3).
pub(super) fn has_body(status: StatusCode, method: &Method) -> bool {
    method != Method::HEAD && !is_bodiless(status) && !status.is_informational()
}

/// Bytes of chance.
pub(super) fn garbage(size: Size, seed: u64) -> BytesMut {
    let size = usize::try_from(size.as_bytes()).unwrap_or(0);
    let mut chance = Streams::new(seed).stream("garbage");
    let mut bytes = BytesMut::with_capacity(size + 8);
    while bytes.len() < size {
        bytes.extend_from_slice(&chance.u64().to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}
