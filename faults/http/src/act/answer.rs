//! Answering without asking upstream.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::{BODY_FORM, NAME_FORM, TEXT_MAX, VALUE_FORM, canned, editable, is_bodiless, value};
use crate::problem::Finder;

/// An answer: status 200 to 599, headers that do not frame the message, at most 1 MiB of body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Answer {
    /// The status. A final one: 1xx are not answers.
    pub status: u16,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

// === impl Answer ===

impl Answer {
    /// A status with nothing else.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self { status, headers: BTreeMap::new(), body: String::new() }
    }

    pub(super) fn check(&self, mut finder: Finder<'_>) {
        let right = (200..=599).contains(&self.status);
        finder.expect(right, "status", self.status, "a status from 200 to 599");
        for (name, text) in &self.headers {
            finder.expect(editable(name).is_some(), "headers", name, NAME_FORM);
            let right = text.len() <= TEXT_MAX && value(text).is_some();
            finder.expect(right, "headers", text, VALUE_FORM);
        }
        finder.expect(self.body.len() <= TEXT_MAX, "body", &self.body, BODY_FORM);
        let bodiless = StatusCode::from_u16(self.status).is_ok_and(is_bodiless);
        let right = !bodiless || self.body.is_empty();
        finder.expect(right, "body", &self.body, "nothing with a status of 204 or 304");
    }

    /// What was checked becomes what it says; the rest of what could be written becomes a 500.
    pub(super) fn response(&self) -> Response<Bytes> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = canned(status, &self.body);
        for (name, text) in &self.headers {
            if let (Some(name), Some(value)) = (editable(name), value(text)) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}
