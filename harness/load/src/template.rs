//! Bytes with places for a number: `/items/{n}`.

use std::io::Write as _;

/// A text cut at its `{n}`; there is one number for all places.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    first: Vec<u8>,
    rest: Vec<Vec<u8>>,
}

const PLACE: &str = "{n}";

impl Template {
    /// Cuts a text at every `{n}`.
    pub(crate) fn new(text: &str) -> Self {
        let mut parts = text.split(PLACE).map(|part| part.as_bytes().to_vec());
        Self { first: parts.next().unwrap_or_default(), rest: parts.collect() }
    }

    /// Whether there is a place for a number.
    pub(crate) fn has_place(&self) -> bool {
        !self.rest.is_empty()
    }

    /// How many bytes the text has with the number put in.
    pub(crate) fn length(&self, number: u64) -> usize {
        let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
        self.first.len() + self.rest.iter().map(|part| digits + part.len()).sum::<usize>()
    }

    /// Appends the text with the number put in.
    pub(crate) fn render(&self, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.first);
        for part in &self.rest {
            write!(out, "{number}").expect("writing into a Vec cannot fail");
            out.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, number: u64, expected: &str) {
        let mut out = Vec::new();
        Template::new(text).render(number, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert_eq!(Template::new(text).length(number), expected.len());
    }

    #[test]
    fn every_place_gets_the_number() {
        check("/items/{n}", 7, "/items/7");
        check("{n}-{n}", 0, "0-0");
        check("plain {m} {", 1, "plain {m} {");
        check("", 1, "");
        check("{n}", u64::MAX, "18446744073709551615");
        assert!(Template::new("a{n}").has_place() && !Template::new("a").has_place());
    }
}
