//! What an answer's head and body are to be, and how far they were.
//!
//! Nothing is kept of a body unless its whole text is asked about: then its first 64 KiB, for one answer a connection.

use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value;
use shakedown_scenarios::workload::HttpExpect;

use super::answer::Sink;
use crate::client::search::Search;
use crate::client::{ClientError, ErrorClass};

/// How much of a body is kept where its whole text is asked about.
pub(in crate::client) const BODY_BYTES_KEPT: usize = 64 * 1024;
/// The largest program of a regular expression, in bytes.
pub(in crate::client) const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// What is expected of an answer, ready to be compared.
#[derive(Debug)]
pub(crate) struct Checks {
    status: Option<u16>,
    /// The text that the body must hold.
    text: Option<String>,
    /// Names, and what their values must hold.
    headers: Vec<(String, String)>,
    matches: Option<Regex>,
    /// JSON Pointers (RFC 6901), and what stands there.
    json: Vec<(String, Value)>,
    at_least: u64,
    at_most: u64,
    /// The longest latency, in nanoseconds.
    pub within: Option<u64>,
}

/// What was seen of one answer.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    search: Search,
    /// Which of the expected headers came.
    headers: Vec<bool>,
    body_bytes: u64,
    body: Vec<u8>,
}

/// Sees an answer while it is read.
pub(crate) struct Witness<'a> {
    pub checks: &'a Checks,
    pub seen: &'a mut Seen,
}

// === impl Checks ===

impl Checks {
    /// What an experiment expects.
    pub(crate) fn new(expect: &HttpExpect) -> Result<Self, ClientError> {
        let compiled = |text: &String| {
            let built = RegexBuilder::new(text).unicode(false).size_limit(REGEX_BYTES_MAX).build();
            built.map_err(|_| ClientError::Regex(super::shown(text)))
        };
        Ok(Self {
            status: expect.status,
            text: expect.body.clone().filter(|text| !text.is_empty()),
            headers: expect.headers.clone(),
            matches: expect.matches.as_ref().map(compiled).transpose()?,
            json: expect.json.clone(),
            at_least: expect.at_least.map_or(0, |size| size.as_bytes()),
            at_most: expect.at_most.map_or(u64::MAX, |size| size.as_bytes()),
            within: expect.within.map(|span| span.as_nanos()),
        })
    }

    fn keeps_body(&self) -> bool {
        self.matches.is_some() || !self.json.is_empty()
    }

    fn text(&self) -> &[u8] {
        self.text.as_deref().unwrap_or_default().as_bytes()
    }

    /// The verdict on a whole answer with this status.
    pub(crate) fn judge(&self, status: u16, seen: &mut Seen) -> Result<(), ErrorClass> {
        let right = self.status.map_or((200..400).contains(&status), |expected| expected == status);
        if !right {
            return Err(ErrorClass::Status);
        }
        seen.search.end(self.text());
        let holds = seen.search.found()
            && seen.headers.iter().all(|came| *came)
            && (self.at_least..=self.at_most).contains(&seen.body_bytes)
            && self.matches.as_ref().is_none_or(|matches| matches.is_match(&seen.body))
            && self.json_holds(&seen.body);
        if holds { Ok(()) } else { Err(ErrorClass::Check) }
    }

    fn json_holds(&self, body: &[u8]) -> bool {
        if self.json.is_empty() {
            return true;
        }
        let Ok(document) = serde_json::from_slice::<Value>(body) else { return false };
        let mut wanted = self.json.iter();
        wanted.all(|(pointer, value)| document.pointer(pointer).is_some_and(|found| same(found, value)))
    }
}

/// `3` and `3.0` are the same number.
fn same(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Number(found), Value::Number(wanted)) => {
            found == wanted
                || found.as_f64().zip(wanted.as_f64()).is_some_and(|(found, wanted)| found == wanted)
        }
        _ => found == wanted,
    }
}

// === impl Seen ===

impl Seen {
    /// Forgets everything: a new answer begins.
    pub(crate) fn begin(&mut self, checks: &Checks) {
        self.search.begin();
        self.headers.clear();
        self.headers.resize(checks.headers.len(), false);
        self.body_bytes = 0;
        self.body.clear();
    }
}

impl Sink for Witness<'_> {
    fn head(&mut self, fields: &[httparse::Header<'_>]) {
        for ((name, value), came) in self.checks.headers.iter().zip(&mut self.seen.headers) {
            let holds = |field: &httparse::Header<'_>| {
                field.name.eq_ignore_ascii_case(name)
                    && (value.is_empty() || memchr::memmem::find(field.value, value.as_bytes()).is_some())
            };
            *came |= fields.iter().any(holds);
        }
    }

    fn body(&mut self, bytes: &[u8]) {
        self.seen.body_bytes = self.seen.body_bytes.saturating_add(bytes.len() as u64);
        self.seen.search.look(self.checks.text(), bytes);
        if self.checks.keeps_body() {
            let room = BODY_BYTES_KEPT.saturating_sub(self.seen.body.len()).min(bytes.len());
            self.seen.body.extend_from_slice(&bytes[..room]);
        }
    }
}
