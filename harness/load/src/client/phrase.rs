//! Texts with names in them, cut once and written often.
//!
//! What is put in is foreign text: an answer, or a row of a file. What a path cannot hold is percent-encoded there, and control
//! characters in headers become spaces (RFC 9110, section 5.5): so no value can write a second header or request.

use std::io::Write as _;

use shakedown_scenarios::workload::phrase::{Piece, pieces};

/// A text cut at its names.
#[derive(Clone, Debug)]
pub(crate) struct Phrase {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(Vec<u8>),
    /// The number that was drawn.
    Number,
    /// The value of this index.
    Value(usize),
}

/// Where a text is put, which says what a value may not hold there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// What a path and its query cannot hold is percent-encoded. What gives them their form (`/`, `?`, `&`, `=`) stays, and so does
    /// what is encoded already.
    Path,
    /// Control characters become spaces.
    Header,
    /// Anything goes.
    Body,
}

// === impl Phrase ===

impl Phrase {
    /// Cuts a text that knows these names; others are text.
    pub(crate) fn new(text: &str, names: &[&str]) -> Self {
        let part = |piece| match piece {
            Piece::Text(text) => Part::Text(text.as_bytes().to_vec()),
            Piece::Name("n") => Part::Number,
            Piece::Name(name) => match names.iter().position(|known| *known == name) {
                Some(value) => Part::Value(value),
                None => Part::Text(format!("{{{name}}}").into_bytes()),
            },
        };
        Self { parts: pieces(text).into_iter().map(part).collect() }
    }

    /// Whether the number has a place in it.
    pub(crate) fn has_number(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Number))
    }

    /// Appends the text with number and values put in.
    pub(crate) fn write(&self, number: u64, values: &[impl AsRef<[u8]>], place: Place, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Number => write!(out, "{number}").expect("writing into a Vec cannot fail"),
                Part::Value(value) => put(values.get(*value).map_or(&[], AsRef::as_ref), place, out),
            }
        }
    }

    /// How many bytes the text has in a body, where nothing is encoded.
    pub(crate) fn body_length(&self, number: u64, values: &[impl AsRef<[u8]>]) -> usize {
        let length = |part: &Part| match part {
            Part::Text(text) => text.len(),
            Part::Number => number.checked_ilog10().unwrap_or(0) as usize + 1,
            Part::Value(value) => values.get(*value).map_or(0, |value| value.as_ref().len()),
        };
        self.parts.iter().map(length).sum()
    }
}

fn put(value: &[u8], place: Place, out: &mut Vec<u8>) {
    match place {
        Place::Path => put_in_path(value, out),
        Place::Header => {
            out.extend(value.iter().map(|byte| if byte.is_ascii_control() { b' ' } else { *byte }));
        }
        Place::Body => out.extend_from_slice(value),
    }
}

fn put_in_path(value: &[u8], out: &mut Vec<u8>) {
    for (index, byte) in value.iter().enumerate() {
        let is_encoded = || matches!(value.get(index + 1..index + 3), Some(digits) if digits.iter().all(u8::is_ascii_hexdigit));
        if is_of_paths(*byte) || *byte == b'%' && is_encoded() {
            out.push(*byte);
        } else {
            write!(out, "%{byte:02X}").expect("writing into a Vec cannot fail");
        }
    }
}

/// What stands in a path or a query for itself (RFC 3986, sections 3.3 and 3.4).
const fn is_of_paths(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/' | b'?' | b':' | b'@')
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, value: &str, place: Place) -> String {
        let mut out = Vec::new();
        Phrase::new(text, &["other", "item"]).write(7, &[Vec::new(), value.into()], place, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_stand_for_the_number_and_for_values() {
        assert_eq!(written("/{n}/{item}/{other}{{item}}{x}", "pen", Place::Path), "/7/pen/{item}{x}");
        assert!(Phrase::new("{n}", &[]).has_number() && !Phrase::new("{{n}}{m}", &["m"]).has_number());
    }

    #[test]
    fn no_value_leaves_its_place() {
        let hostile = "a b\r\nX: é\0";
        assert_eq!(written("/{item}", hostile, Place::Path), "/a%20b%0D%0AX:%20%C3%A9%00");
        assert_eq!(written("{item}", hostile, Place::Header), "a b  X: é ");
        assert_eq!(written("{item}", hostile, Place::Body), hostile);
    }

    #[test]
    fn a_path_holds_what_paths_hold() {
        for (value, expected) in [
            ("a/b?c=d&e=(1,2)~", "a/b?c=d&e=(1,2)~"),
            ("C# <b>\"'`{}|\\^[]", "C%23%20%3Cb%3E%22'%60%7B%7D%7C%5C%5E%5B%5D"),
            ("a%20b", "a%20b"),
            ("100% 5%2 %", "100%25%205%252%20%25"),
        ] {
            assert_eq!(written("/{item}", value, Place::Path), format!("/{expected}"));
        }
    }

    #[test]
    fn the_length_of_a_body_is_known_before_it_is_written() {
        for (text, number) in [("", 0), ("{n}{item}é{n}{{n}}", 0), ("{item}", 1), ("[{n}]", u64::MAX)] {
            let values = [String::new(), "é\r\n".to_owned()];
            let phrase = Phrase::new(text, &["other", "item"]);
            let mut out = Vec::new();
            phrase.write(number, &values, Place::Body, &mut out);
            assert_eq!(phrase.body_length(number, &values), out.len(), "{text}");
        }
    }
}
