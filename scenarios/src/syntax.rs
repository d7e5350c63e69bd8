//! RON text as a tree in which everything knows its place.
//!
//! The `ron` crate stops at the first mistake and cannot say where a value stood once it is read. Whoever writes an
//! experiment wants all mistakes at once, each with its line and column; so the text is read into [`Node`]s here, and
//! what they mean is `read`'s business. Every text that `ron` takes as a value reads to the same value here, except
//! for ranges, which no experiment has.
//!
//! A mistake is told and then stepped over: a missing comma, a bracket that is closed by the wrong one or never. Where
//! that meant guessing, the surrounding node is marked [`Node::damaged`], so that nobody complains about what is
//! missing in it.

use std::ops::Range;

use crate::problem::Problem;

mod lex;
mod parse;
mod quoted;

/// Where something stands in the text: bytes from `from` up to, not including, `to`; both on character boundaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// First byte.
    pub from: usize,
    /// First byte after it.
    pub to: usize,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// From its first to its last character.
    pub place: Place,
    /// What it is.
    pub value: Value,
    /// Whether something in it was wrong and had to be guessed or left out.
    pub damaged: bool,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `"…"` or `r#"…"#`.
    Text(Text),
    /// `12`, `0x1F`, `1.5e3`, `b'a'`.
    Number(Number),
    /// `true` or `false`.
    Bool(bool),
    /// `'c'`.
    Char(char),
    /// `b"…"`.
    Bytes(Vec<u8>),
    /// `[…]`.
    List(Vec<Node>),
    /// `{…}`, in the order of the text; a key may occur twice.
    Map(Vec<(Node, Node)>),
    /// `Name`, `Name(…)` or `(…)`.
    Struct(Struct),
    /// Something that could not be read; it has been told already.
    Broken,
}

/// A string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Its characters, escapes resolved.
    pub value: String,
    /// Where its first character stands, if every character stands in the text as it is.
    pub verbatim: Option<usize>,
    /// Whether some of it was put in for a variable.
    pub substituted: bool,
}

/// A number. Whole numbers and others are kept apart as RON does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Without point and exponent.
    Whole(i128),
    /// With point or exponent, infinite, or not a number.
    Float(f64),
}

/// A name with or without arguments, or arguments without a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Struct {
    /// The name, where there is one.
    pub name: Option<Word>,
    /// What stands in the parentheses.
    pub body: Body,
}

/// What stands in the parentheses of a [`Struct`].
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// There are none: `Name`.
    Unit,
    /// Values without names, perhaps none: `(1, 2)`.
    Values(Vec<Node>),
    /// Values with names, at least one: `(a: 1)`. RON knows no mixture, so an entry without a name among others is a
    /// mistake; its name is empty here, and whoever reads the fields tells it.
    Fields(Vec<(Word, Node)>),
}

/// An identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its place.
    pub place: Place,
    /// Its text, without `r#`.
    pub text: String,
}

/// The longest text that is read, in bytes.
pub const LONGEST_TEXT: usize = 1 << 20;
/// The deepest nesting of brackets that is read.
pub const DEEPEST_NESTING: usize = 64;
/// The most entries of one list, map or struct that are read.
pub const MOST_ENTRIES: usize = 10_000;

/// What reading a text gave: a tree as good as it gets, and every mistake on the way.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The whole text's value.
    pub root: Node,
    /// Every mistake, in no particular order.
    pub problems: Vec<Problem>,
    /// Whether some mistake was such that parts of the text may be missing from the tree.
    pub lossy: bool,
}

/// Reads a text. It always gives a tree; whether the text was right is told by `problems`.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    if text.len() > LONGEST_TEXT {
        let size = text.len();
        let message = format!("the file has {size} bytes; an experiment has at most {LONGEST_TEXT}");
        let help = "move large contents out of the experiment, for instance into files beside it";
        let root = Node { place: Place::default(), value: Value::Broken, damaged: true };
        return Parsed {
            root,
            problems: vec![Problem::new(Place::default(), message).help(help)],
            lossy: true,
        };
    }
    parse::Parser::new(text).whole()
}

// === impl Place ===

impl Place {
    /// From the first byte up to, not including, the second.
    #[must_use]
    pub const fn new(from: usize, to: usize) -> Self {
        Self { from, to }
    }

    /// The same as a range of bytes.
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        self.from..self.to
    }
}

// === impl Node ===

impl Node {
    /// The part of it that is worth pointing at: a struct's name, the opening bracket of what spans lines, else the
    /// whole of it.
    #[must_use]
    pub fn head(&self) -> Place {
        match &self.value {
            Value::Struct(Struct { name: Some(name), .. }) => name.place,
            Value::Struct(_) | Value::List(_) | Value::Map(_) => {
                Place::new(self.place.from, self.place.to.min(self.place.from + 1))
            }
            _ => self.place,
        }
    }

    /// What it is, for a message: `a list`, `the number 5`, `the text "10s"`.
    #[must_use]
    pub fn described(&self) -> String {
        match &self.value {
            Value::Text(text) => format!("the text \"{}\"", shortened(&text.value)),
            Value::Number(Number::Whole(number)) => format!("the number {number}"),
            Value::Number(Number::Float(number)) => format!("the number {number}"),
            Value::Bool(value) => format!("`{value}`"),
            Value::Char(_) => "a character".to_owned(),
            Value::Bytes(_) => "a byte string".to_owned(),
            Value::List(_) => "a list `[…]`".to_owned(),
            Value::Map(_) => "a map `{…}`".to_owned(),
            Value::Struct(Struct { name: Some(name), body: Body::Unit }) => {
                format!("`{}`", shortened(&name.text))
            }
            Value::Struct(Struct { name: Some(name), .. }) => format!("`{}(…)`", shortened(&name.text)),
            Value::Struct(_) => "a struct `(…)`".to_owned(),
            Value::Broken => "something unreadable".to_owned(),
        }
    }
}

/// At most 60 characters of a text, for a message.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
