//! Strings, characters and byte strings: where they end, and what their escapes mean.

use super::{Number, Place, Text};
use crate::problem::Problem;

/// Something in quotes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Quoted {
    Text(Text),
    Char(char),
    Bytes(Vec<u8>),
    /// `b'a'`.
    Byte(Number),
}

/// What stands before the opening quote.
struct Opening {
    /// Length of everything up to and with the quote.
    length: usize,
    /// Number of `#`, where the string is raw.
    raw: Option<usize>,
    bytes: bool,
    quote: char,
}

/// The characters between the quotes: as bytes, since `\xff` need not be a character.
struct Body {
    value: Vec<u8>,
    /// Whether the value is what stands in the text, byte for byte.
    verbatim: bool,
}

const ESCAPES: &str =
    r#"the escapes are \n \r \t \0 \\ \" \' \xFF and \u{1F600}; for a raw string write r"…""#;

/// Whether a text that starts with `r` or `b` starts something in quotes.
pub(super) fn starts(rest: &str) -> bool {
    opening(rest).is_some()
}

fn opening(rest: &str) -> Option<Opening> {
    let bytes = rest.starts_with('b');
    let after_b = rest.strip_prefix('b').unwrap_or(rest);
    if let Some(after_r) = after_b.strip_prefix('r') {
        let hashes = after_r.bytes().take_while(|byte| *byte == b'#').count();
        let quoted = after_r[hashes..].starts_with('"');
        let length = usize::from(bytes) + 1 + hashes + 1;
        return quoted.then_some(Opening { length, raw: Some(hashes), bytes, quote: '"' });
    }
    let quote = after_b.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Some(Opening { length: usize::from(bytes) + 1, raw: None, bytes, quote })
}

/// Reads what starts here, `at` bytes into the text: what it is (if that can be told), its length, its mistakes.
pub(super) fn read(rest: &str, at: usize) -> (Option<Quoted>, usize, Vec<Problem>) {
    let Some(opening) = opening(rest) else { return (None, 0, Vec::new()) };
    let inner = &rest[opening.length..];
    let mut reader = Reader { inner, at: at + opening.length, problems: Vec::new() };
    let (body, length) = match opening.raw {
        Some(hashes) => reader.raw(hashes),
        None => reader.escaped(opening.quote),
    };
    let length = opening.length + length;
    let Some(body) = body else {
        let place = Place::new(at, at + opening.length);
        let what = if opening.quote == '"' { "string" } else { "character" };
        reader.problems.insert(
            0,
            Problem::new(place, format!("this {what} is never closed")).help(match opening.raw {
                Some(hashes) => format!("close it with `\"{}`", "#".repeat(hashes.min(20))),
                None => format!("close it with `{}`", opening.quote),
            }),
        );
        return (None, length, reader.problems);
    };
    let place = Place::new(at, at + length);
    let made = make(&opening, body, place, at + opening.length, &mut reader.problems);
    (made, length, reader.problems)
}

fn make(
    opening: &Opening,
    body: Body,
    place: Place,
    inner_at: usize,
    problems: &mut Vec<Problem>,
) -> Option<Quoted> {
    if opening.bytes {
        return match (opening.quote, body.value.as_slice()) {
            ('"', _) => Some(Quoted::Bytes(body.value)),
            (_, [byte]) => Some(Quoted::Byte(Number::Whole(i128::from(*byte)))),
            _ => {
                problems.push(Problem::new(place, "a byte such as `b'a'` holds exactly one ASCII character"));
                None
            }
        };
    }
    let Ok(value) = String::from_utf8(body.value) else {
        let problem = Problem::new(place, "the `\\x` escapes of this string do not make valid UTF-8");
        problems.push(problem.help("write characters as they are or as `\\u{…}`"));
        return None;
    };
    if opening.quote == '"' {
        let verbatim = body.verbatim.then_some(inner_at);
        return Some(Quoted::Text(Text { value, verbatim, substituted: false }));
    }
    let mut chars = value.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Some(Quoted::Char(c)),
        _ => {
            let problem = Problem::new(place, "a character in single quotes is exactly one");
            problems.push(problem.help("strings stand in double quotes: \"…\""));
            None
        }
    }
}

/// Reads between the quotes.
struct Reader<'t> {
    inner: &'t str,
    /// Where `inner` stands in the text.
    at: usize,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// Up to the same number of `#` behind a quote.
    fn raw(&self, hashes: usize) -> (Option<Body>, usize) {
        let close = format!("\"{}", "#".repeat(hashes));
        match self.inner.find(&close) {
            Some(end) => {
                let value = self.inner.as_bytes()[..end].to_vec();
                (Some(Body { value, verbatim: true }), end + close.len())
            }
            None => (None, self.inner.len()),
        }
    }

    /// Up to the closing quote, escapes resolved. A character that is not closed ends with its line, so that one lost
    /// apostrophe does not swallow the rest; strings may span lines.
    fn escaped(&mut self, quote: char) -> (Option<Body>, usize) {
        let mut body = Body { value: Vec::new(), verbatim: true };
        let mut index = 0;
        while let Some(c) = self.inner[index..].chars().next() {
            match c {
                _ if c == quote => return (Some(body), index + 1),
                '\\' => {
                    body.verbatim = false;
                    index = self.escape(index, &mut body.value);
                }
                '\n' if quote == '\'' && !self.inner[index..].starts_with("\n'") => return (None, index),
                _ => {
                    body.value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    index += c.len_utf8();
                }
            }
        }
        (None, self.inner.len())
    }

    /// Resolves the escape at the backslash at `index`; gives where it ends.
    fn escape(&mut self, index: usize, value: &mut Vec<u8>) -> usize {
        let after = &self.inner[index + 1..];
        let Some(c) = after.chars().next() else { return index + 1 };
        let end = index + 1 + c.len_utf8();
        let simple = match c {
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            '0' => 0,
            '\\' | '"' | '\'' => c as u8,
            'x' => return self.hexadecimal(index, value),
            'u' => return self.unicode(index, value),
            '\n' | '\r' if after.trim_start_matches('\r').starts_with('\n') => {
                return self.inner.len() - after.trim_start_matches([' ', '\t', '\r', '\n']).len();
            }
            _ => {
                let written = &self.inner[index..end];
                self.tell(index, end, format!("unknown escape `{written}`"));
                return end;
            }
        };
        value.push(simple);
        end
    }

    fn hexadecimal(&mut self, index: usize, value: &mut Vec<u8>) -> usize {
        let digits = self.inner.get(index + 2..index + 4).unwrap_or_default();
        let ascii = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u8::from_str_radix(digits, 16) {
            Ok(byte) if ascii => {
                value.push(byte);
                index + 4
            }
            _ => {
                self.tell(index, index + 2, "`\\x` needs two hexadecimal digits".to_owned());
                index + 2
            }
        }
    }

    fn unicode(&mut self, index: usize, value: &mut Vec<u8>) -> usize {
        let after = &self.inner[index + 2..];
        let digits = after.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(digits, _)| digits);
        let hexadecimal = |digits: &&str| {
            (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let digits = digits.filter(hexadecimal);
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        let end = index + 2 + digits.map_or(0, |digits| digits.len() + 2);
        match code {
            Some(c) => value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => {
                self.tell(index, end, "`\\u` needs the number of a character, as in `\\u{e9}`".to_owned())
            }
        }
        end
    }

    fn tell(&mut self, from: usize, to: usize, message: String) {
        // One broken string is not worth more than this.
        if self.problems.len() >= 20 {
            return;
        }
        let place = Place::new(self.at + from, self.at + to);
        self.problems.push(Problem::new(place, message).help(ESCAPES));
    }
}
