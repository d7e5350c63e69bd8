//! Interim answers before the final one.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};

use super::{NAME_FORM, TEXT_MAX, VALUE_FORM, editable, value};
use crate::problem::Finder;
use crate::set::Bite;
use crate::wire::Interim;

/// Answers of status 1xx (RFC 9110, section 15.2) before the final one: 103 Early Hints, or 100 Continue that nobody asked
/// for. They are sent before the server is asked, so that they are there while it works; the answer comes as it would
/// have, over the same connection.
///
/// The proxy sends them over HTTP/1.1 only: HTTP/1.0 knows none, and the HTTP library has no way to send them over HTTP/2.
/// Where a fault answers in the server's place there are none either.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Informational {
    /// The status, 100 to 199; not 101, which is an answer to a request for an upgrade.
    pub status: u16,
    /// Headers that do not frame the message, together at most 1 MiB.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How often it is sent, 1 to 1000.
    #[serde(default = "once")]
    pub times: u16,
}

const TIMES_MAX: u16 = 1000;

const fn once() -> u16 {
    1
}

// === impl Informational ===

impl Informational {
    pub(super) fn check(&self, mut finder: Finder<'_>) {
        let right = (100..=199).contains(&self.status) && self.status != 101;
        finder.expect(right, "status", self.status, "a status from 100 to 199, but not 101");
        for (name, text) in &self.headers {
            finder.expect(editable(name).is_some(), "headers", name, NAME_FORM);
            finder.expect(value(text).is_some(), "headers", text, VALUE_FORM);
        }
        let size: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        finder.expect(size <= TEXT_MAX, "headers", format!("{size} bytes"), "at most 1 MiB of headers");
        let right = (1..=TIMES_MAX).contains(&self.times);
        finder.expect(right, "times", self.times, "a number from 1 to 1000");
    }

    /// Leaves a wish for whoever asks the server.
    pub(super) fn want(&self, request: &mut Parts, bite: &Bite) {
        let interim = Interim { head: self.head(), times: self.times, mark: bite.mark().clone() };
        request.extensions.get_or_insert_default::<Vec<Interim>>().push(interim);
    }

    fn head(&self) -> Bytes {
        let status = StatusCode::from_u16(self.status).ok();
        let reason = status.and_then(|status| status.canonical_reason()).unwrap_or_default();
        let mut head = format!("HTTP/1.1 {} {reason}\r\n", self.status);
        for (name, value) in &self.headers {
            for part in [name, ": ", value, "\r\n"] {
                head.push_str(part);
            }
        }
        head.push_str("\r\n");
        head.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(json: &str) -> Vec<String> {
        let act: Informational = serde_json::from_str(json).unwrap();
        let mut problems = Vec::new();
        act.check(Finder::new("act", &mut problems));
        problems.into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn what_is_no_interim_answer_is_told() {
        assert!(problems(r#"{"status": 103}"#).is_empty());
        assert!(problems(r#"{"status": 199, "headers": {"x-a": "b"}, "times": 1000}"#).is_empty());
        for status in [0, 99, 101, 200] {
            assert_eq!(problems(&format!(r#"{{"status": {status}}}"#)), ["act.status"]);
        }
        let wrong = r#"{"status": 103, "headers": {"content-length": "1", "x": "a\r\nb"}, "times": 0}"#;
        assert_eq!(problems(wrong), ["act.headers", "act.headers", "act.times"]);
        let large = format!(r#"{{"status": 103, "headers": {{"x": "{}"}}}}"#, "y".repeat(TEXT_MAX));
        assert_eq!(problems(&large), ["act.headers"]);
    }

    #[test]
    fn a_head_is_written_as_it_goes_over_the_wire() {
        let act = Informational {
            status: 103,
            headers: BTreeMap::from([("Link".to_owned(), "</a>".to_owned())]),
            times: 1,
        };
        assert_eq!(act.head(), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    }
}
