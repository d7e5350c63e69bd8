//! A header that must be there, or must be this.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::problem::Finder;

/// A header that a request must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct HeaderMatch {
    /// Its name, in any case.
    pub name: String,
    /// What one of its lines must be, byte for byte; if not said, any value will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
}

/// A header match that is ready to use.
#[derive(Debug)]
pub(super) struct Compiled {
    name: HeaderName,
    equals: Option<HeaderValue>,
}

// === impl HeaderMatch ===

impl HeaderMatch {
    /// A header that must be there, with any value.
    #[must_use]
    pub fn present(name: &str) -> Self {
        Self { name: name.to_owned(), equals: None }
    }

    /// A header that must have this value.
    #[must_use]
    pub fn equals(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), equals: Some(value.to_owned()) }
    }

    /// Makes it ready; `None` with a problem noted.
    pub(super) fn compile(&self, mut finder: Finder<'_>) -> Option<Compiled> {
        let name = HeaderName::from_bytes(self.name.as_bytes());
        finder.expect(name.is_ok(), "name", &self.name, "a header's name such as `x-user`");
        let equals = self.equals.as_deref().map(HeaderValue::from_str).transpose();
        let found = self.equals.as_deref().unwrap_or_default();
        finder.expect(equals.is_ok(), "equals", found, "a value of visible ASCII characters");
        Some(Compiled { name: name.ok()?, equals: equals.ok()? })
    }
}

// === impl Compiled ===

impl Compiled {
    pub(super) fn fits(&self, headers: &HeaderMap) -> bool {
        let mut lines = headers.get_all(&self.name).iter();
        match &self.equals {
            Some(value) => lines.any(|line| line == value),
            None => lines.next().is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(header: &HeaderMatch, lines: &[(&'static str, &'static str)]) -> bool {
        let mut problems = Vec::new();
        let compiled = header.compile(Finder::new("headers", &mut problems)).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        compiled.fits(&headers)
    }

    #[test]
    fn presence_and_equality_look_at_every_line() {
        let lines = [("x-user", "me"), ("x-user", "you")];
        assert!(fits(&HeaderMatch::present("X-User"), &lines));
        assert!(!fits(&HeaderMatch::present("x-other"), &lines));
        assert!(fits(&HeaderMatch::equals("x-user", "you"), &lines));
        assert!(!fits(&HeaderMatch::equals("x-user", "You"), &lines));
        assert!(!fits(&HeaderMatch::equals("x-user", ""), &[]));
    }
}
