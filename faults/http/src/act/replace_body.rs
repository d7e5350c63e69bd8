//! Another body in the place of the response's.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, TRAILER, TRANSFER_ENCODING};
use serde::{Deserialize, Serialize};

use super::{BODY_FORM, Dressing, TEXT_MAX, VALUE_FORM, value};
use crate::problem::Finder;
use crate::set::Bite;

/// The new body. Its length is told right; what the server said about the old body's encoding goes, and so do trailers. A
/// response that cannot have a body (to `HEAD`, or a 204) is left alone.
///
/// Faults on bodies that were injected earlier work on the new body as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct ReplaceBody {
    /// The body, at most 1 MiB.
    pub body: String,
    /// Its type, if it is not what the server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

// === impl ReplaceBody ===

impl ReplaceBody {
    pub(super) fn check(&self, mut finder: Finder<'_>) {
        finder.expect(self.body.len() <= TEXT_MAX, "body", &self.body, BODY_FORM);
        if let Some(text) = &self.content_type {
            let right = text.len() <= TEXT_MAX && value(text).is_some();
            finder.expect(right, "content_type", text, VALUE_FORM);
        }
    }

    pub(super) fn dress(&self, response: &mut Dressing<'_>, bite: &Bite) {
        if !response.may_have_body() {
            return;
        }
        let headers = &mut response.head.headers;
        for stale in [CONTENT_LENGTH, TRANSFER_ENCODING, CONTENT_ENCODING, ETAG, TRAILER] {
            headers.remove(stale);
        }
        if let Some(value) = self.content_type.as_deref().and_then(value) {
            headers.insert(CONTENT_TYPE, value);
        }
        response.length = Some(self.body.len() as u64);
        *response.replaced = Some(Bytes::copy_from_slice(self.body.as_bytes()));
        bite.mark().bit();
    }
}
