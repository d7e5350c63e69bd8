//! What of a request of HTTP/2 is written anew for the values of its row.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use shakedown_scenarios::workload::HttpRequest;
use shakedown_scenarios::workload::feeder::Feeder;

use crate::client::ClientError;
use crate::client::http::{defines_a_body, shown};
use crate::client::phrase::{Phrase, Place};
use crate::rows;

/// Texts with names in them.
#[derive(Debug)]
pub(super) struct Fed {
    path: Phrase,
    headers: Vec<(HeaderName, Phrase)>,
    body: Phrase,
    /// Whether it says how long its body is though that is empty.
    has_length: bool,
}

// === impl Fed ===

impl Fed {
    /// Of a request that can be sent. Every row's path is tried with the longest number.
    pub(super) fn new(request: &HttpRequest, feeder: &Feeder) -> Result<Self, ClientError> {
        let names = rows::names(feeder);
        let phrase = |text: &str| Phrase::new(text, &names);
        let mut headers = Vec::new();
        for (name, value) in &request.headers {
            let field = HeaderName::from_bytes(name.as_bytes());
            let field = field.map_err(|_| ClientError::Header(shown(&format!("{name}: {value}"))))?;
            headers.push((field, phrase(value)));
        }
        let has_length = defines_a_body(&request.method);
        let fed = Self { path: phrase(&request.path), headers, body: phrase(&request.body), has_length };
        match feeder.rows.iter().position(|row| fed.path(u64::MAX, row).is_none()) {
            Some(row) => Err(ClientError::Row { file: feeder.file.clone(), row: row + 1 }),
            None => Ok(fed),
        }
    }

    /// Whether the number has a place in it.
    pub(super) fn has_number(&self) -> bool {
        let headers = self.headers.iter().map(|(_, value)| value);
        [&self.path, &self.body].into_iter().chain(headers).any(Phrase::has_number)
    }

    /// The path; `None` where it is too long.
    pub(super) fn path(&self, number: u64, row: &[String]) -> Option<PathAndQuery> {
        let mut bytes = Vec::new();
        self.path.write(number, row, Place::Path, &mut bytes);
        PathAndQuery::from_maybe_shared(Bytes::from(bytes)).ok()
    }

    /// The body; its headers are appended to the others.
    pub(super) fn write(&self, number: u64, row: &[String], headers: &mut HeaderMap) -> Bytes {
        for (name, value) in &self.headers {
            let mut bytes = Vec::new();
            value.write(number, row, Place::Header, &mut bytes);
            // Blanks at the ends are no part of a value, and malformed in HTTP/2 (RFC 9113, section 8.2.1).
            let value = HeaderValue::from_bytes(bytes.trim_ascii());
            headers.append(name, value.expect("control characters became spaces"));
        }
        let mut body = Vec::new();
        self.body.write(number, row, Place::Body, &mut body);
        if self.has_length || !body.is_empty() {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        Bytes::from(body)
    }
}
