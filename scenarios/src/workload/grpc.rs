//! Unary calls of gRPC, and what a right answer to each looks like.
//!
//! A message stands in the experiment in Base64, or in a file beside it. The file is read before the plan is made (by the caller), and
//! its bytes are part of the plan from then on, in Base64 as well.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::{Arrivals, Destination, Habits, HttpAuth, Tls, begun};
use crate::units::{Size, Span};
use crate::workload::feeder::FILE_BYTES_MAX;

/// The largest file of a message that is sent, in bytes: as large as one of rows may be.
pub const MESSAGE_BYTES_MAX: u64 = FILE_BYTES_MAX;
/// The longest message that an answer is compared with, in bytes.
pub const COMPARED_BYTES_MAX: u64 = 64 * 1024;

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
    /// A file of `message`'s bytes as they are, at most [`MESSAGE_BYTES_MAX`]; `None`: it was written in the experiment. A relative path
    /// counts from the experiment.
    #[serde(default)]
    pub message_file: Option<String>,
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
    /// A file of `message`'s bytes as they are, at most [`COMPARED_BYTES_MAX`]; `None`: it was written in the experiment. A relative
    /// path counts from the experiment.
    #[serde(default)]
    pub message_file: Option<String>,
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

/// A message that stands in a file, before it was read.
#[derive(Debug)]
pub struct MessageFile<'w> {
    /// The file.
    pub file: &'w str,
    /// The most bytes it may have.
    pub bytes_max: u64,
    message: &'w mut String,
}

/// Why a file's contents are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It has none: more often a command that failed than a message without fields.
    #[error(
        "expected the bytes of a message, found none: for one without fields write `message: \"\"` instead of the file"
    )]
    Empty,
}

// === impl GrpcWorkload ===

impl GrpcWorkload {
    /// The messages that stand in files, in the order of their calls.
    #[must_use]
    pub fn message_files(&mut self) -> Vec<MessageFile<'_>> {
        self.calls.iter_mut().flat_map(GrpcCall::message_files).collect()
    }
}

// === impl MessageFile ===

impl MessageFile<'_> {
    /// Takes the message: the file's contents.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub fn fill(self, contents: &[u8]) -> Result<(), MessageError> {
        if contents.is_empty() {
            return Err(MessageError::Empty);
        }
        *self.message = BASE64.encode(contents);
        Ok(())
    }
}

// === impl GrpcCall ===

impl GrpcCall {
    /// What reports call it: its name, or `package.Service/Method`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.name.clone().unwrap_or_else(|| begun(&self.method))
    }

    fn message_files(&mut self) -> impl Iterator<Item = MessageFile<'_>> {
        let Self { message, message_file, expect, .. } = self;
        let sent = message_file.as_deref().map(|file| (file, MESSAGE_BYTES_MAX, message));
        let GrpcExpect { message, message_file, .. } = expect;
        let file = message_file.as_deref();
        let expected = file.map(|file| (file, COMPARED_BYTES_MAX, message.get_or_insert_default()));
        let files = sent.into_iter().chain(expected);
        files.map(|(file, bytes_max, message)| MessageFile { file, bytes_max, message })
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
