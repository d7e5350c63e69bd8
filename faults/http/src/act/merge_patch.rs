//! Changing parts of a JSON response.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Dressing, TEXT_MAX};
use crate::body::PatchStage;
use crate::problem::Finder;
use crate::set::Bite;

/// A merge patch (RFC 7396) for the response's body: members take the place of those of the same name, `null` removes.
/// It is done to bodies that the server calls JSON, that are at most 1 MiB and not compressed; the others pass as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct MergePatch {
    /// The patch, at most 1 MiB as text.
    pub patch: Value,
}

// === impl MergePatch ===

impl MergePatch {
    pub(super) fn check(&self, mut finder: Finder<'_>) {
        let size = self.patch.to_string().len();
        finder.expect(size <= TEXT_MAX, "patch", format!("{size} bytes"), "a patch of at most 1 MiB");
    }

    pub(super) fn dress(&self, response: &mut Dressing<'_>, bite: &Bite) {
        let headers = &mut response.head.headers;
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json = kind.ends_with("/json") || kind.ends_with("+json");
        if !is_json || headers.contains_key(CONTENT_ENCODING) || !response.may_have_body() {
            return;
        }
        let headers = &mut response.head.headers;
        headers.remove(CONTENT_LENGTH);
        headers.remove(ETAG);
        response.length = None;
        response.stages.push(Box::new(PatchStage::new(self.patch.clone(), bite.mark().clone())));
    }
}
