//! Reads the answer of one stream, and judges it as one of HTTP/1.1 would be.

use http::{HeaderMap, StatusCode};

use super::grpc::{Call, Reply};
use crate::client::ErrorClass;
use crate::client::http::answer::Sink as _;
use crate::client::http::checks::{Checks, Seen, Witness};

/// What a right answer looks like.
#[derive(Debug)]
pub(super) enum Expected {
    /// To a request of HTTP.
    Http(Checks),
    /// To a call.
    Grpc(Call),
}

/// The state of reading one answer; used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    status: u16,
    seen: Seen,
    reply: Reply,
}

/// A head's fields, as those who look at answers of HTTP/1.1 see them.
pub(super) fn fields(headers: &HeaderMap) -> Vec<httparse::Header<'_>> {
    let field = |(name, value)| {
        let (name, value): (&http::HeaderName, &http::HeaderValue) = (name, value);
        httparse::Header { name: name.as_str(), value: value.as_bytes() }
    };
    headers.iter().map(field).collect()
}

// === impl Expected ===

impl Expected {
    /// The longest latency, in nanoseconds.
    pub(super) const fn within(&self) -> Option<u64> {
        match self {
            Self::Http(checks) => checks.within,
            Self::Grpc(call) => call.within,
        }
    }
}

// === impl Reader ===

impl Reader {
    /// A new answer begins, with this head.
    pub(super) fn begin(&mut self, expected: &Expected, status: StatusCode, headers: &HeaderMap) {
        self.status = status.as_u16();
        match expected {
            Expected::Http(checks) => {
                self.seen.begin(checks);
                Witness { checks, seen: &mut self.seen }.head(&fields(headers));
            }
            Expected::Grpc(_) => self.reply.begin(status, headers),
        }
    }

    /// A piece of its body.
    pub(super) fn body(&mut self, expected: &Expected, piece: &[u8]) {
        match expected {
            Expected::Http(checks) => Witness { checks, seen: &mut self.seen }.body(piece),
            Expected::Grpc(_) => self.reply.body(piece),
        }
    }

    /// It is whole, with these trailers.
    pub(super) fn judge(
        &mut self,
        expected: &Expected,
        trailers: Option<&HeaderMap>,
    ) -> Result<(), ErrorClass> {
        match expected {
            Expected::Http(checks) => checks.judge(self.status, &mut self.seen),
            Expected::Grpc(call) => call.judge(&mut self.reply, trailers),
        }
    }

    /// Why it is wrong, in words. What it says is quoted where it `may_be_quoted`.
    pub(super) fn why(&self, expected: &Expected, class: ErrorClass, may_be_quoted: bool) -> Option<String> {
        match (expected, class) {
            (Expected::Http(checks), ErrorClass::Status | ErrorClass::Check) => {
                checks.why(self.status, &self.seen, may_be_quoted)
            }
            (Expected::Grpc(call), class) => call.why(&self.reply, class, may_be_quoted),
            _ => None,
        }
    }
}
