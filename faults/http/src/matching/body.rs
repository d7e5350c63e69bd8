//! What a response's body must hold, as far as it is looked at.

use std::time::Duration;

use regex::bytes::Regex;
use serde::{Deserialize, Serialize};
use shakedown_scenarios::units::Span;

use super::path::{PATTERN_FORM, PATTERN_MAX, expression};
use crate::problem::Finder;

/// What the beginning of a response's body must hold: of its bytes as the server sent them, compressed or not, the first
/// 64 KiB or those that came within 5 seconds, whichever is less. Until that is known the response is held back, its head too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum BodyMatch {
    /// This text somewhere in it, byte for byte; 1 to 1024 bytes.
    Text(String),
    /// A regular expression of the `regex` crate over ASCII; it is searched for, so anchor it with `^` and `$`.
    Regex(String),
}

/// A body match that is ready to use.
#[derive(Debug)]
pub(super) struct Compiled(Regex);

/// How much of a body is looked at, bytes.
pub(crate) const LOOKED_AT: usize = 64 * 1024;

/// How long a body may take to come so far. A server that streams for hours is not held back for hours.
pub(crate) const LOOKED_FOR: Duration = Span::secs(5).duration();

// === impl BodyMatch ===

impl BodyMatch {
    /// Makes it ready; `None` with a problem noted.
    pub(super) fn compile(&self, mut finder: Finder<'_>) -> Option<Compiled> {
        let (field, text, pattern) = match self {
            Self::Text(text) => ("text", text, regex::escape(text)),
            Self::Regex(text) => ("regex", text, text.clone()),
        };
        if text.is_empty() || text.len() > PATTERN_MAX {
            finder.wrong(field, text, PATTERN_FORM);
            return None;
        }
        expression(field, text, &pattern, &mut finder).map(Compiled)
    }
}

// === impl Compiled ===

impl Compiled {
    /// Whether the beginning of a body fits; of a longer one no more than that is looked at.
    pub(super) fn fits(&self, beginning: &[u8]) -> bool {
        self.0.is_match(&beginning[..beginning.len().min(LOOKED_AT)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &BodyMatch, fits: &[&[u8]], not: &[&[u8]]) {
        let mut problems = Vec::new();
        let compiled = body.compile(Finder::new("response_body", &mut problems)).unwrap();
        for candidate in fits {
            assert!(compiled.fits(candidate), "{body:?} fits {}", candidate.escape_ascii());
        }
        for candidate in not {
            assert!(!compiled.fits(candidate), "{body:?} does not fit {}", candidate.escape_ascii());
        }
    }

    #[test]
    fn a_text_is_meant_as_it_stands_and_an_expression_is_searched_for() {
        let text = BodyMatch::Text("a.b(ü".to_owned());
        check(
            &text,
            &["xa.b(üx".as_bytes(), b"\xff\0a.b(\xc3\xbc"],
            &[b"aXb(\xc3\xbc", b"A.B(\xc3\xbc", b""],
        );
        check(&BodyMatch::Regex("^[0-9]+$".to_owned()), &[b"12"], &[b"12\n", b"x12", b"\xff12", b""]);
    }

    #[test]
    fn nothing_behind_the_first_64_kib_counts() {
        let body = |before| [&vec![b'x'; before][..], b"end"].concat();
        let (inside, across) = (body(LOOKED_AT - 3), body(LOOKED_AT - 2));
        check(&BodyMatch::Text("end".to_owned()), &[&inside], &[&across]);
        check(&BodyMatch::Regex("x$".to_owned()), &[&body(LOOKED_AT)], &[&inside]);
    }
}
