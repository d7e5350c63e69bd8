//! What an answer's head and body are to be, and how far they were.
//!
//! Of a body no more is kept than may be quoted, unless its whole text is asked about: then its first 64 KiB, for one answer a
//! connection.

use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value;
use shakedown_scenarios::workload::HttpExpect;

use super::answer::Sink;
use crate::client::search::Search;
use crate::client::telling::{QUOTED_BYTES_KEPT, bytes, quoted};
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
    /// What came of the expected headers.
    headers: Vec<Header>,
    body_bytes: u64,
    /// The beginning of the body.
    body: Vec<u8>,
}

/// What came of a header that is expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Header {
    #[default]
    Absent,
    /// With another value than expected, which is this or begins so.
    Other(Vec<u8>),
    Came,
}

/// What is wrong with an answer; where there are several of a kind, which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Status,
    Text,
    Header(usize),
    AtLeast,
    AtMost,
    Matches,
    NoJson,
    Json(usize),
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

    const fn body_bytes_kept(&self) -> usize {
        if self.matches.is_some() || !self.json.is_empty() { BODY_BYTES_KEPT } else { QUOTED_BYTES_KEPT }
    }

    fn text(&self) -> &[u8] {
        self.text.as_deref().unwrap_or_default().as_bytes()
    }

    /// The verdict on a whole answer with this status.
    pub(crate) fn judge(&self, status: u16, seen: &mut Seen) -> Result<(), ErrorClass> {
        seen.search.end(self.text());
        match self.wrong(status, seen) {
            None => Ok(()),
            Some(Wrong::Status) => Err(ErrorClass::Status),
            Some(_) => Err(ErrorClass::Check),
        }
    }

    /// What is wrong with a whole answer with this status, in words. What it says is quoted where it `may_be_quoted`.
    pub(crate) fn why(&self, status: u16, seen: &Seen, may_be_quoted: bool) -> Option<String> {
        let length = bytes(seen.body_bytes);
        let body = match may_be_quoted && seen.body_bytes > 0 {
            true => format!("{length}: {}", quoted_of(&seen.body, seen.body_bytes)),
            false => length,
        };
        Some(match self.wrong(status, seen)? {
            Wrong::Status => match self.status {
                Some(wanted) => format!("expected status {wanted}, found {status} with a body of {body}"),
                None => format!("expected a status from 200 to 399, found {status} with a body of {body}"),
            },
            Wrong::Text => {
                let text = quoted(self.text());
                format!("expected {text} in the first 64 KiB of the body, found a body of {body}")
            }
            Wrong::Header(index) => {
                let (name, value) = &self.headers[index];
                let found = match &seen.headers[index] {
                    Header::Other(found) if may_be_quoted => quoted(found),
                    Header::Other(_) => "another value".to_owned(),
                    Header::Absent | Header::Came => "none".to_owned(),
                };
                match value.as_str() {
                    "" => format!("expected a header {}, found {found}", quoted(name.as_bytes())),
                    value => {
                        let [name, value] = [name, value].map(|text| quoted(text.as_bytes()));
                        format!("expected a header {name} with {value} in it, found {found}")
                    }
                }
            }
            Wrong::AtLeast => format!("expected a body of {} or more, found {body}", bytes(self.at_least)),
            Wrong::AtMost => format!("expected a body of {} or less, found {body}", bytes(self.at_most)),
            Wrong::Matches => {
                let regex = self.matches.as_ref().map_or("", Regex::as_str);
                format!(
                    "expected a match of {} in the body, found a body of {body}",
                    quoted(regex.as_bytes())
                )
            }
            Wrong::NoJson => format!("expected a body in JSON of at most 64 KiB, found {body}"),
            Wrong::Json(index) => {
                let (pointer, wanted) = &self.json[index];
                let document = serde_json::from_slice::<Value>(&seen.body).unwrap_or_default();
                let found = match document.pointer(pointer) {
                    None => "nothing there".to_owned(),
                    Some(found) if may_be_quoted || found.is_boolean() || found.is_null() => {
                        quoted(found.to_string().as_bytes())
                    }
                    Some(_) => "another value".to_owned(),
                };
                let [pointer, wanted] = [pointer, &wanted.to_string()].map(|text| quoted(text.as_bytes()));
                format!("expected {wanted} at {pointer} of the JSON, found {found}")
            }
        })
    }

    /// What is wrong first.
    fn wrong(&self, status: u16, seen: &Seen) -> Option<Wrong> {
        let is_right = self.status.map_or((200..400).contains(&status), |expected| expected == status);
        match seen.headers.iter().position(|header| *header != Header::Came) {
            _ if !is_right => Some(Wrong::Status),
            _ if !seen.search.found() => Some(Wrong::Text),
            Some(header) => Some(Wrong::Header(header)),
            None if seen.body_bytes < self.at_least => Some(Wrong::AtLeast),
            None if seen.body_bytes > self.at_most => Some(Wrong::AtMost),
            None if self.matches.as_ref().is_some_and(|regex| !regex.is_match(&seen.body)) => {
                Some(Wrong::Matches)
            }
            None => self.wrong_json(&seen.body),
        }
    }

    fn wrong_json(&self, body: &[u8]) -> Option<Wrong> {
        if self.json.is_empty() {
            return None;
        }
        let Ok(document) = serde_json::from_slice::<Value>(body) else { return Some(Wrong::NoJson) };
        let holds = |(pointer, value): &(String, Value)| {
            document.pointer(pointer).is_some_and(|found| same(found, value))
        };
        self.json.iter().position(|wanted| !holds(wanted)).map(Wrong::Json)
    }
}

/// The beginning of a body that may go on.
fn quoted_of(start: &[u8], length: u64) -> String {
    let told = quoted(start);
    match told.strip_suffix('`').filter(|told| length > start.len() as u64 && !told.ends_with('…')) {
        Some(told) => format!("{told}…`"),
        None => told,
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
        self.headers.resize(checks.headers.len(), Header::Absent);
        self.body_bytes = 0;
        self.body.clear();
    }
}

impl Sink for Witness<'_> {
    fn head(&mut self, fields: &[httparse::Header<'_>]) {
        for ((name, value), header) in self.checks.headers.iter().zip(&mut self.seen.headers) {
            for field in fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name)) {
                if value.is_empty() || memchr::memmem::find(field.value, value.as_bytes()).is_some() {
                    *header = Header::Came;
                } else if *header == Header::Absent {
                    *header = Header::Other(field.value[..field.value.len().min(QUOTED_BYTES_KEPT)].to_vec());
                }
            }
        }
    }

    fn body(&mut self, bytes: &[u8]) {
        self.seen.body_bytes = self.seen.body_bytes.saturating_add(bytes.len() as u64);
        self.seen.search.look(self.checks.text(), bytes);
        let room = self.checks.body_bytes_kept().saturating_sub(self.seen.body.len()).min(bytes.len());
        self.seen.body.extend_from_slice(&bytes[..room]);
    }
}
