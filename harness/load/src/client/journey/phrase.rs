//! Texts with names in them, cut once and written often.

use std::io::Write as _;

use shakedown_scenarios::workload::phrase::{Piece, pieces};

/// A text cut at its names.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
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
pub(super) enum Place {
    /// What neither a path nor a query can hold (RFC 3986, section 3.3) is percent-encoded. What separates their parts stays: a
    /// value may be a path itself.
    Path,
    /// Control characters become spaces.
    Header,
    /// Anything goes.
    Body,
}

// === impl Phrase ===

impl Phrase {
    /// Cuts a text that knows these names; others are text.
    pub(super) fn new(text: &str, names: &[&str]) -> Self {
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
    pub(super) fn has_number(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Number))
    }

    /// Appends the text with number and values put in.
    pub(super) fn write(&self, number: u64, values: &[Vec<u8>], place: Place, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Number => write!(out, "{number}").expect("writing into a Vec cannot fail"),
                Part::Value(value) => put(values.get(*value).map_or(&[], Vec::as_slice), place, out),
            }
        }
    }
}

fn put(value: &[u8], place: Place, out: &mut Vec<u8>) {
    for byte in value {
        match place {
            Place::Path if !byte.is_ascii_graphic() || b"\"#<>\\^`{|}".contains(byte) => {
                write!(out, "%{byte:02X}").expect("writing into a Vec cannot fail");
            }
            Place::Header if byte.is_ascii_control() => out.push(b' '),
            _ => out.push(*byte),
        }
    }
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
        let parts = "/a/../b?c=[d]&e=%20;f+g,h!(i)*~'@:$-._=";
        assert_eq!(written("/{item}", parts, Place::Path), format!("/{parts}"));
        assert_eq!(written("/{item}", "#<>\"\\^`{|}", Place::Path), "/%23%3C%3E%22%5C%5E%60%7B%7C%7D");
        assert_eq!(written("{item}", hostile, Place::Header), "a b  X: é ");
        assert_eq!(written("{item}", hostile, Place::Body), hostile);
    }
}
