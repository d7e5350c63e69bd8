//! Ending the response's body early.

use http::HeaderValue;
use http::header::{CONTENT_LENGTH, TRAILER};
use serde::{Deserialize, Serialize};
use shakedown_scenarios::units::Size;

use super::Dressing;
use crate::body::CutStage;
use crate::error::Aborted;
use crate::set::Bite;

/// How much is kept, and what the rest looks like. A body that is not longer than that passes whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct TruncateBody {
    /// So many bytes pass.
    pub keep: Size,
    /// What the client sees then.
    #[serde(default)]
    pub end: TruncateEnd,
}

/// What the client sees after the bytes that pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TruncateEnd {
    /// The head promises the whole body; then the connection closes, or the stream is reset.
    #[default]
    Cut,
    /// A response that is whole by its framing, and has a shorter body. Trailers are lost.
    Complete,
}

// === impl TruncateBody ===

impl TruncateBody {
    pub(super) fn dress(&self, response: &mut Dressing<'_>, bite: &Bite) {
        if !response.may_have_body() {
            return;
        }
        let (keep, mark) = (self.keep.as_bytes(), bite.mark().clone());
        let stage = match self.end {
            TruncateEnd::Cut => CutStage::failing(keep, Aborted::default(), mark),
            TruncateEnd::Complete => {
                self.tell_the_new_length(response);
                CutStage::complete(keep, mark)
            }
        };
        response.stages.push(Box::new(stage));
    }

    fn tell_the_new_length(&self, response: &mut Dressing<'_>) {
        let headers = &mut response.head.headers;
        let told = headers.remove(CONTENT_LENGTH).is_some();
        headers.remove(TRAILER);
        response.length = response.length.map(|length| length.min(self.keep.as_bytes()));
        if let Some(length) = response.length.filter(|_| told) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
    }
}
