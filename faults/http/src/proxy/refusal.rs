//! Why a request is none.

use std::fmt;

use http::StatusCode;

/// Why a request was refused. Its text is the body of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A line feed without a carriage return, or the other way round.
    BareLineEnd,
    /// A NUL or another control character.
    ControlCharacter,
    /// The first line is not `METHOD target HTTP/1.1`.
    RequestLine,
    /// A version other than 1.0 and 1.1.
    Version,
    /// A method of more than 64 characters, or `CONNECT`.
    Method,
    /// A line that goes on the one before it.
    FoldedLine,
    /// A header without a name, or with a name that is none.
    HeaderName,
    /// HTTP/1.1 without `Host`.
    NoHost,
    /// More than one `Host`.
    TwoHosts,
    /// A `Host` that is none.
    Host,
    /// `Content-Length` beside `Transfer-Encoding`.
    TwoFramings,
    /// More than one `Content-Length`, equal ones included.
    TwoLengths,
    /// A `Content-Length` that is no number, or none of 63 bits.
    Length,
    /// A `Transfer-Encoding` other than `chunked`, or one in HTTP/1.0.
    TransferEncoding,
    /// More lines than are allowed.
    TooManyLines,
    /// A longer head than is allowed.
    TooLong,
    /// A chunk whose size is no number, or that does not end where it should.
    Chunk,
}

// === impl Refusal ===

impl Refusal {
    /// What it is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Method | Self::TransferEncoding => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::TooManyLines | Self::TooLong => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareLineEnd => "lines end with a carriage return and a line feed",
            Self::ControlCharacter => "there is a control character in the head",
            Self::RequestLine => "the first line is not a method, a target and a version",
            Self::Version => "the version is neither HTTP/1.0 nor HTTP/1.1",
            Self::Method => "this method is not served here",
            Self::FoldedLine => "a header goes on over the end of its line",
            Self::HeaderName => "a line has no header name before its colon",
            Self::NoHost => "there is no Host",
            Self::TwoHosts => "there is more than one Host",
            Self::Host => "the Host is no host",
            Self::TwoFramings => "there are both Content-Length and Transfer-Encoding",
            Self::TwoLengths => "there is more than one Content-Length",
            Self::Length => "the Content-Length is no number of bytes",
            Self::TransferEncoding => "the only transfer encoding is chunked, and only in HTTP/1.1",
            Self::TooManyLines => "there are too many headers",
            Self::TooLong => "the head is too long",
            Self::Chunk => "a chunk is not framed as it should be",
        })
    }
}

impl std::error::Error for Refusal {}
