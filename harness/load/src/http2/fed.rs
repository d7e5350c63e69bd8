//! What of a request of HTTP/2 is written anew for the values of its row.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use shakedown_scenarios::workload::HttpRequest;
use shakedown_scenarios::workload::feeder::Feeder;

use crate::client::ClientError;
use crate::client::http::shown;
use crate::client::phrase::Phrase;
use crate::client::texts::Texts;
use crate::rows;

/// Texts with names in them.
#[derive(Debug)]
pub(super) struct Fed(Texts<HeaderName>);

// === impl Fed ===

impl Fed {
    /// Of a request that can be sent. Every row's path is tried with the longest number.
    pub(super) fn new(request: &HttpRequest, feeder: &Feeder) -> Result<Self, ClientError> {
        let names = rows::names(feeder);
        let mut headers = Vec::new();
        for (name, value) in &request.headers {
            let field = HeaderName::from_bytes(name.as_bytes());
            let field = field.map_err(|_| ClientError::Header(shown(&format!("{name}: {value}"))))?;
            headers.push((field, Phrase::new(value, &names)));
        }
        let fed = Self(Texts::with(request, &names, headers));
        match feeder.rows.iter().position(|row| fed.path(u64::MAX, row).is_none()) {
            Some(row) => Err(ClientError::Row { file: feeder.file.clone(), row: row + 1 }),
            None => Ok(fed),
        }
    }

    /// Whether the number has a place in it.
    pub(super) fn has_number(&self) -> bool {
        self.0.has_number()
    }

    /// The path; `None` where it is too long.
    pub(super) fn path(&self, number: u64, row: &[String]) -> Option<PathAndQuery> {
        let mut bytes = Vec::new();
        self.0.path(number, row, &mut bytes);
        PathAndQuery::from_maybe_shared(Bytes::from(bytes)).ok()
    }

    /// The body; its headers are appended to the others.
    pub(super) fn write(&self, number: u64, row: &[String], headers: &mut HeaderMap) -> Bytes {
        self.0.headers(number, row, |name, value| {
            // Blanks at the ends are no part of a value, and malformed in HTTP/2 (RFC 9113, section 8.2.1).
            let value = HeaderValue::from_bytes(value.trim_ascii());
            headers.append(name, value.expect("control characters became spaces"));
        });
        if let Some(length) = self.0.length(number, row) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let mut body = Vec::new();
        self.0.body(number, row, &mut body);
        Bytes::from(body)
    }
}
