//! Characters to tokens: where one thing ends and the next begins, and what numbers and quoted things are.
//!
//! What may stand beside what is [`super::parse`]'s business.

use super::quoted::{self, Quoted};
use super::{Number, Place};
use crate::problem::Problem;

/// The smallest thing with a meaning of its own.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// One of `( ) [ ] { } , :`.
    Mark(char),
    /// An identifier, without `r#`.
    Word(String),
    Number(Number),
    Quoted(Quoted),
    /// Something that could not be read; it has been told.
    Broken,
    /// The text is over.
    End,
}

/// The text and how far it has been read.
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    pub(super) problems: Vec<Problem>,
    /// Whether the text ended in the middle of a comment or a string, so that everything open stays open.
    pub(super) cut_off: bool,
}

/// What RON takes as white space (the grammar in the `ron` crate's documentation).
const fn is_white(c: char) -> bool {
    matches!(
        c,
        ' ' | '\n'
            | '\t'
            | '\r'
            | '\u{b}'
            | '\u{c}'
            | '\u{85}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'
            | '\u{2029}'
    )
}

fn starts_word(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn continues_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

const fn starts_number(c: char) -> bool {
    matches!(c, '0'..='9' | '+' | '-' | '.')
}

impl<'t> Lexer<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0, problems: Vec::new(), cut_off: false }
    }

    /// Starts at this byte, which is on a character boundary.
    pub(super) const fn starting_at(mut self, at: usize) -> Self {
        self.at = at;
        self
    }

    /// Reads no further.
    pub(super) const fn stop(&mut self) {
        self.at = self.text.len();
    }

    /// Reads again from `at`; mistakes seen from `from` on were none.
    pub(super) fn go_back(&mut self, at: usize, from: usize) {
        self.at = at;
        self.problems.retain(|problem| problem.place.from < from);
    }

    /// The next token and its place.
    pub(super) fn next(&mut self) -> (Token, Place) {
        self.skip_white();
        let from = self.at;
        let token = match self.peek() {
            None => Token::End,
            Some(c @ ('(' | ')' | '[' | ']' | '{' | '}' | ',' | ':')) => {
                self.at += 1;
                Token::Mark(c)
            }
            Some(c) if starts_number(c) => self.number(),
            Some('"' | '\'') => self.quoted(),
            Some('r' | 'b') if quoted::starts(self.rest()) => self.quoted(),
            Some('r') if self.rest().strip_prefix("r#").is_some_and(|rest| rest.starts_with(starts_word)) => {
                self.at += 2;
                Token::Word(self.take_while(continues_word).to_owned())
            }
            Some(c) if starts_word(c) => self.word(),
            Some('=') => self.instead_of('=', ':', "a name and its value are joined by `:`"),
            Some(';') => self.instead_of(';', ',', "entries are separated by `,`"),
            Some(_) => self.stray(),
        };
        (token, Place::new(from, self.at))
    }

    /// The extension attributes at the start, `#![enable(…)]`: accepted, and of no effect, since what they switch on is
    /// accepted anyway.
    pub(super) fn skip_attributes(&mut self) {
        loop {
            self.skip_comments();
            let compact: String = self.rest().chars().filter(|c| !is_white(*c)).take(2).collect();
            if compact != "#!" {
                return;
            }
            let from = self.at;
            let Some(close) = self.rest().find(']') else {
                self.take_while(|c| c != '\n');
                self.tell(
                    from,
                    "this attribute is not closed",
                    "write `#![enable(implicit_some)]` or leave it out",
                );
                return;
            };
            let attribute: String = self.rest()[..=close].chars().filter(|c| !is_white(*c)).collect();
            self.at += close + 1;
            if !(attribute.starts_with("#![enable(") && attribute.ends_with(")]")) {
                let help =
                    "the only attributes are RON's own, such as `#![enable(implicit_some)]`; leave this out";
                self.tell(from, "unknown attribute", help);
            }
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn tell(&mut self, from: usize, message: impl Into<String>, help: &str) {
        self.problems.push(Problem::new(Place::new(from, self.at), message).help(help));
    }

    /// Tells something after which the rest of the line is better not looked at.
    fn tell_garbled(&mut self, from: usize, message: String, help: &str) {
        self.problems.push(Problem::new(Place::new(from, self.at), message).help(help).garbles(from));
    }

    /// White space, comments, and what is meant to be one.
    fn skip_white(&mut self) {
        self.skip_comments();
        while self.rest().starts_with('#') {
            let from = self.at;
            self.take_while(|c| c != '\n');
            self.tell_garbled(from, "`#` does not start a comment".to_owned(), "a comment starts with `//`");
            self.skip_comments();
        }
    }

    fn skip_comments(&mut self) {
        loop {
            self.take_while(is_white);
            if self.rest().starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                self.block_comment();
            } else {
                return;
            }
        }
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        let from = self.at;
        let mut depth = 0_usize;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                (depth, self.at) = (depth + 1, self.at + 2);
            } else if rest.starts_with("*/") {
                (depth, self.at) = (depth - 1, self.at + 2);
            } else if let Some(c) = self.peek() {
                self.at += c.len_utf8();
            } else {
                let opening = Place::new(from, from + 2);
                let problem = Problem::new(opening, "this comment is never closed");
                self.problems.push(problem.help("close it with `*/`; comments nest"));
                self.cut_off = true;
                return;
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn word(&mut self) -> Token {
        let word = self.take_while(continues_word);
        match word {
            "inf" | "inff32" | "inff64" => Token::Number(Number::Float(f64::INFINITY)),
            "NaN" | "NaNf32" | "NaNf64" => Token::Number(Number::Float(f64::NAN)),
            _ => Token::Word(word.to_owned()),
        }
    }

    /// Everything that hangs together and starts like a number.
    fn number(&mut self) -> Token {
        let from = self.at;
        let mut last = ' ';
        let mut exponent = false;
        let rest = self.rest();
        let hexadecimal = rest.trim_start_matches(['+', '-']).starts_with("0x");
        let continues = |c: char, last: char, exponent: bool| {
            let sign = matches!(c, '+' | '-') && !hexadecimal && matches!(last, 'e' | 'E') && exponent;
            sign || c == '.' || c == '%' || continues_word(c)
        };
        for (index, c) in rest.char_indices() {
            if index > 0 && !continues(c, last, exponent) {
                break;
            }
            // An `e` makes an exponent only after digits: `10se-1` is no number, but is one thing to point at.
            exponent |= matches!(c, 'e' | 'E');
            last = c;
            self.at = from + index + c.len_utf8();
        }
        // `500/s` and `1 MB/s` belong together in the eye of whoever forgot the quotes.
        let written = &self.text[from..self.at];
        let has_unit = self.rest().strip_prefix('/').is_some_and(|rest| rest.starts_with(starts_word));
        match number_of(written) {
            Some(number) if !has_unit => Token::Number(number),
            _ => self.not_a_number(from),
        }
    }

    fn not_a_number(&mut self, from: usize) -> Token {
        if self.rest().starts_with('/') && !self.rest().starts_with("//") && !self.rest().starts_with("/*") {
            self.at += 1;
            self.take_while(continues_word);
        }
        let written = super::shortened(&self.text[from..self.at]);
        let message = format!("`{written}` is not a number");
        let help = if written.starts_with(|c: char| c.is_ascii_digit()) {
            format!("a quantity with a unit is a string: write \"{written}\"")
        } else {
            "a number looks like `5`, `0.5` or `-1`; everything else is a string in quotes".to_owned()
        };
        self.tell(from, message, &help);
        Token::Broken
    }

    fn quoted(&mut self) -> Token {
        let (quoted, length, problems) = quoted::read(self.rest(), self.at);
        self.at += length;
        self.problems.extend(problems);
        self.cut_off |= quoted.is_none() && self.at == self.text.len();
        quoted.map_or(Token::Broken, Token::Quoted)
    }

    /// A mark of another language: told, and taken for ours.
    fn instead_of(&mut self, found: char, meant: char, help: &str) -> Token {
        let from = self.at;
        self.at += found.len_utf8();
        self.tell(from, format!("expected `{meant}`, found `{found}`"), help);
        Token::Mark(meant)
    }

    /// A run of characters that nothing starts with.
    fn stray(&mut self) -> Token {
        let from = self.at;
        let known =
            |c: char| is_white(c) || starts_word(c) || c.is_ascii_digit() || "()[]{},:;=\"'".contains(c);
        let stray = self.take_while(|c| !known(c));
        if stray.is_empty() {
            self.at += self.peek().map_or(0, char::len_utf8);
        }
        let written = super::shortened(&self.text[from..self.at]);
        let help = match written.chars().next() {
            Some('“' | '”' | '„' | '‘' | '’' | '`') => "strings stand in straight quotes: \"…\"",
            Some('$') => "a variable stands in a string: \"${name}\"",
            _ => "remove it, or put it in a string: \"…\"",
        };
        self.tell_garbled(from, format!("`{written}` does not belong here"), help);
        Token::Broken
    }
}

/// The number that is written so, by RON's grammar; `None` where it is none or too large.
fn number_of(written: &str) -> Option<Number> {
    let (negative, digits) = match written.as_bytes().first()? {
        b'-' => (true, &written[1..]),
        b'+' => (false, &written[1..]),
        _ => (false, written),
    };
    if matches!(digits, "inf" | "NaN") {
        let number = if digits == "inf" { f64::INFINITY } else { f64::NAN };
        return Some(Number::Float(if negative { -number } else { number }));
    }
    if let Some(whole) = whole_of(digits) {
        return Some(Number::Whole(if negative { -whole } else { whole }));
    }
    let float = float_of(digits)?;
    Some(Number::Float(if negative { -float } else { float }))
}

fn whole_of(digits: &str) -> Option<i128> {
    const SUFFIXES: [&str; 10] = ["i128", "u128", "i16", "u16", "i32", "u32", "i64", "u64", "i8", "u8"];
    let suffix = SUFFIXES.iter().find(|suffix| digits.ends_with(*suffix));
    let digits = suffix.map_or(digits, |suffix| &digits[..digits.len() - suffix.len()]);
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        _ => (10, digits),
    };
    // `from_str_radix` would take a sign, and a number does not start with `_`.
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    i128::from_str_radix(&digits.replace('_', ""), radix).ok()
}

fn float_of(digits: &str) -> Option<f64> {
    let digits = digits.strip_suffix("f32").or_else(|| digits.strip_suffix("f64")).unwrap_or(digits);
    // Rust's own reader also takes `infinity` and `nan`, and it takes no `_`.
    let starts = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let plain = digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_' | 'e' | 'E' | '+' | '-'));
    if !(starts && plain) { None } else { digits.replace('_', "").parse().ok() }
}
