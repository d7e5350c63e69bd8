//! Chunked framing that is not what it should be.

use serde::{Deserialize, Serialize};

use super::Dressing;
use crate::set::Bite;
use crate::wire::WireFault;

/// In which way. The response is sent chunked whatever upstream sent; its first chunk is the bad one, and the connection
/// is closed after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct BadChunk {
    /// What is wrong with it.
    pub kind: BadChunkKind,
}

/// What is wrong with a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadChunkKind {
    /// Its size is no number: `zz`.
    NoSize,
    /// Its size needs more than 64 bits.
    HugeSize,
    /// Its size is larger than what follows.
    TooLong,
    /// Its size is smaller than what follows.
    TooShort,
    /// There is no line end after its size.
    NoLineEnd,
    /// All chunks are good, and the last one of size 0 is missing.
    NoEnd,
}

// === impl BadChunk ===

impl BadChunk {
    pub(super) fn dress(&self, response: &mut Dressing<'_>, bite: &Bite) {
        if response.has_http1_body() {
            bite.want(response.head, WireFault::BadChunk { kind: self.kind });
        }
    }
}
