//! A path by glob or by regular expression, both bounded in length and in the memory they may take.

use std::fmt;
use std::str::FromStr;

use regex::bytes::{Regex, RegexBuilder};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, EnumAccess, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::problem::Finder;

/// What a path must look like, as a whole.
///
/// From text, what begins with `/` or `*` is a glob and what begins with `^` is a regular expression. It may be written
/// like that, or as what it is: `"/items/*"` means `{"glob": "/items/*"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PathMatch {
    /// `*` stands for anything within one segment, `**` for anything at all, `?` for one character but `/`.
    Glob(String),
    /// A regular expression of the `regex` crate over ASCII; it is searched for, so anchor it with `^` and `$`.
    Regex(String),
}

/// Why a text is no path match.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a glob such as `/items/*` or an expression such as `^/v[12]/`, found `{0}`")]
pub struct PathError(String);

/// A path match that is ready to use.
#[derive(Debug)]
pub(super) struct Compiled(Regex);

/// Longer patterns are refused unread.
pub(super) const PATTERN_MAX: usize = 1024;

/// What a compiled expression, and its cache, may take at most. The crate's matching time is linear in any case.
const COMPILED_MAX: usize = 256 * 1024;

pub(super) const PATTERN_FORM: &str = "a pattern of 1 to 1024 bytes";
const REGEX_FORM: &str = "a regular expression of the regex crate that compiles to at most 256 KiB";

// === impl PathMatch ===

impl PathMatch {
    /// Makes it ready; `None` with a problem noted.
    pub(super) fn compile(&self, mut finder: Finder<'_>) -> Option<Compiled> {
        let (field, text) = match self {
            Self::Glob(text) => ("glob", text),
            Self::Regex(text) => ("regex", text),
        };
        if text.is_empty() || text.len() > PATTERN_MAX {
            finder.wrong(field, text, PATTERN_FORM);
            return None;
        }
        let pattern = if field == "glob" { glob_to_regex(text) } else { text.clone() };
        expression(field, text, &pattern, &mut finder).map(Compiled)
    }
}

impl FromStr for PathMatch {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        match text.as_bytes().first() {
            Some(b'/' | b'*') => Ok(Self::Glob(text.to_owned())),
            Some(b'^') => Ok(Self::Regex(text.to_owned())),
            _ => Err(PathError(text.chars().take(60).collect())),
        }
    }
}

impl<'de> Deserialize<'de> for PathMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

/// Reads a path match in either form.
struct Reading;

/// The longer form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Written {
    Glob(String),
    Regex(String),
}

impl From<Written> for PathMatch {
    fn from(written: Written) -> Self {
        match written {
            Written::Glob(text) => Self::Glob(text),
            Written::Regex(text) => Self::Regex(text),
        }
    }
}

impl<'de> Visitor<'de> for Reading {
    type Value = PathMatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path such as `/items/*`, or a glob or regex")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<PathMatch, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PathMatch, A::Error> {
        Written::deserialize(MapAccessDeserializer::new(map)).map(PathMatch::from)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, written: A) -> Result<PathMatch, A::Error> {
        Written::deserialize(de::value::EnumAccessDeserializer::new(written)).map(PathMatch::from)
    }
}

/// Makes a bounded expression ready; `None` with a problem noted, which tells the text that the pattern was made of.
pub(super) fn expression(field: &str, text: &str, pattern: &str, finder: &mut Finder<'_>) -> Option<Regex> {
    let compiled = RegexBuilder::new(pattern)
        .unicode(false)
        .size_limit(COMPILED_MAX)
        .dfa_size_limit(COMPILED_MAX)
        .build();
    compiled.map_err(|_| finder.wrong(field, text, REGEX_FORM)).ok()
}

fn glob_to_regex(glob: &str) -> String {
    let mut pattern = String::from("^");
    let mut rest = glob;
    while let Some(next) = rest.chars().next() {
        let (length, part) = match next {
            '*' if rest.starts_with("**") => (2, ".*".to_owned()),
            '*' => (1, "[^/]*".to_owned()),
            '?' => (1, "[^/]".to_owned()),
            other => (other.len_utf8(), regex::escape(&rest[..other.len_utf8()])),
        };
        pattern.push_str(&part);
        rest = &rest[length..];
    }
    pattern.push('$');
    pattern
}

// === impl Compiled ===

impl Compiled {
    pub(super) fn fits(&self, path: &str) -> bool {
        self.0.is_match(path.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(path: &PathMatch) -> Result<Compiled, String> {
        let mut problems = Vec::new();
        let compiled = path.compile(Finder::new("path", &mut problems));
        compiled.ok_or_else(|| problems[0].to_string())
    }

    fn check(path: &str, fits: &[&str], not: &[&str]) {
        let compiled = compile(&path.parse().unwrap()).unwrap();
        for candidate in fits {
            assert!(compiled.fits(candidate), "{path} fits {candidate}");
        }
        for candidate in not {
            assert!(!compiled.fits(candidate), "{path} does not fit {candidate}");
        }
    }

    #[test]
    fn globs_and_expressions_fit_what_they_say() {
        check("/", &["/"], &["/a", ""]);
        check("/items/*", &["/items/", "/items/12"], &["/items", "/items/12/x", "/v1/items/12"]);
        check("/items/**", &["/items/12/x"], &["/items"]);
        check("/items/?", &["/items/1"], &["/items/12", "/items//"]);
        check("**.png", &["/a/b.png", ".png"], &["/a/b.pngx", "/a/bXpng"]);
        check("/a+(b)", &["/a+(b)"], &["/aab"]);
        check("^/v[12]/", &["/v1/", "/v2/items"], &["/v3/", "/x/v1/"]);
        check("/%C3%BC*", &["/%C3%BCber"], &["/uber"]);
    }

    #[test]
    fn a_path_is_written_short_or_long() {
        let read = |text: &str| serde_json::from_str::<PathMatch>(text);
        let glob = PathMatch::Glob("/items/*".to_owned());
        assert_eq!(read(r#""/items/*""#).unwrap(), glob);
        assert_eq!(read(r#"{"glob": "/items/*"}"#).unwrap(), glob);
        assert_eq!(read(r#""^/v1/""#).unwrap(), PathMatch::Regex("^/v1/".to_owned()));
        assert_eq!(serde_json::to_string(&glob).unwrap(), r#"{"glob":"/items/*"}"#);
        for wrong in [r#""items""#, r#"{"globb": "/"}"#, r#"{"glob": "/", "regex": "x"}"#, "5", "{}"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_too_long_too_big_or_no_pattern_is_told() {
        let wrong = [
            PathMatch::Glob(String::new()),
            PathMatch::Glob("/".repeat(1025)),
            PathMatch::Regex("(".to_owned()),
            PathMatch::Regex("(a{1000}){1000}".to_owned()),
        ];
        for path in wrong {
            assert!(compile(&path).is_err(), "{path:?}");
        }
        assert!("items".parse::<PathMatch>().is_err());
    }

    #[test]
    fn an_expression_that_explodes_elsewhere_takes_linear_time() {
        let compiled = compile(&PathMatch::Regex("^(a|a)*$".to_owned())).unwrap();
        assert!(!compiled.fits(&format!("{}b", "a".repeat(60_000))));
    }
}
