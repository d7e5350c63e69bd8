//! Unary calls of gRPC, and what a right answer to each looks like.

use serde::{Deserialize, Serialize};

use super::{Arrivals, Destination, Habits, HttpAuth, Tls, begun};
use crate::units::{Size, Span};

/// Unary calls of gRPC, over HTTP/2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpcWorkload {
    /// The path the load takes.
    pub to: Destination,
    /// When calls are due.
    pub arrivals: Arrivals,
    /// A call that is not answered this long after it was sent is an error of class `timeout`.
    pub timeout: Span,
    /// How many connections may be open at once, 1 to 10,000; another is opened only when the streams of the others are taken.
    pub connections: u32,
    /// How many calls may be under way on one connection, 1 to 1,000.
    pub streams: u32,
    /// How connections are used.
    #[serde(default)]
    pub habits: Habits,
    /// TLS on every connection; `None`: it is spoken in the clear.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// What every call logs in with; `None`: nothing.
    #[serde(default)]
    pub auth: Option<HttpAuth>,
    /// The mix; one is drawn for each arrival, by weight.
    pub calls: Vec<GrpcCall>,
}

/// One kind of call of a mix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpcCall {
    /// What reports call it; `None`: its method. Calls of the same name are counted together.
    #[serde(default)]
    pub name: Option<String>,
    /// What is called: `package.Service/Method`.
    pub method: String,
    /// The message as it is encoded (protobuf, for most), in Base64; empty: one without fields.
    #[serde(default)]
    pub message: String,
    /// Metadata in text.
    #[serde(default)]
    pub metadata: Vec<(String, String)>,
    /// What a right answer looks like.
    pub expect: GrpcExpect,
    /// Share of the mix, relative to the others; 1 to 1,000,000.
    pub weight: u32,
}

/// What a right answer looks like; anything else is an error of class `status`, `check` or `slow`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpcExpect {
    /// How the call ends.
    pub status: GrpcStatus,
    /// The whole message of the answer as it is encoded, in Base64; at most 64 KiB.
    #[serde(default)]
    pub message: Option<String>,
    /// The least size of the message.
    #[serde(default)]
    pub at_least: Option<Size>,
    /// The largest size of the message.
    #[serde(default)]
    pub at_most: Option<Size>,
    /// How long the answer may take, counted from when the call was due.
    #[serde(default)]
    pub within: Option<Span>,
}

/// How a call ends; each one's number is its place (<https://grpc.github.io/grpc/core/md_doc_statuscodes.html>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are gRPC's own, and it says what they mean")]
pub enum GrpcStatus {
    #[default]
    Ok,
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

// === impl GrpcCall ===

impl GrpcCall {
    /// What reports call it: its name, or `package.Service/Method`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.name.clone().unwrap_or_else(|| begun(&self.method))
    }
}

// === impl GrpcStatus ===

impl GrpcStatus {
    /// All of them; each one's place is its number.
    pub const ALL: [(&'static str, Self); 17] = [
        ("Ok", Self::Ok),
        ("Cancelled", Self::Cancelled),
        ("Unknown", Self::Unknown),
        ("InvalidArgument", Self::InvalidArgument),
        ("DeadlineExceeded", Self::DeadlineExceeded),
        ("NotFound", Self::NotFound),
        ("AlreadyExists", Self::AlreadyExists),
        ("PermissionDenied", Self::PermissionDenied),
        ("ResourceExhausted", Self::ResourceExhausted),
        ("FailedPrecondition", Self::FailedPrecondition),
        ("Aborted", Self::Aborted),
        ("OutOfRange", Self::OutOfRange),
        ("Unimplemented", Self::Unimplemented),
        ("Internal", Self::Internal),
        ("Unavailable", Self::Unavailable),
        ("DataLoss", Self::DataLoss),
        ("Unauthenticated", Self::Unauthenticated),
    ];

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}
