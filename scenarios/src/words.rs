//! Values in the words of a protocol: faults and options whose meaning a higher floor knows.
//!
//! An experiment and the JSON of a control plane say the same thing with the same words. Only their letters follow the
//! format, as everywhere in it: what JSON writes `{"too_many_requests": {"retry_after": "3s"}}` an experiment writes
//! `TooManyRequests(retry_after: "3s")`. So a value is kept here as JSON has it, and [`read`] makes of it whatever type
//! knows the words. (The other way would have been to move those types down here, as was done with toxics. They are no
//! plain data: what a path, a header, a certificate or a zone may be is decided by the code that uses them.)
//!
//! What is wrong is told with its field, so that a reader of experiments can point at it. Of words that make no value
//! only the first mistake is told; of values that make no sense, each.

mod reader;
mod show;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::experiment::Experiment;
use crate::suggest;

pub use show::shown;

/// Something that is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where in the value: `act.answer.status`; empty: the whole.
    pub field: String,
    /// Whether the field's name is meant, not its value.
    pub is_name: bool,
    /// What was found, and what would have been right.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
}

/// How names of variants are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `TooManyRequests`, as in an experiment.
    Camel,
    /// `too_many_requests`, as in JSON.
    Snake,
}

/// A part of an experiment that is said in the words of a protocol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What the fault with this index does.
    Fault(usize),
    /// The link of this name.
    Link(String),
}

/// Knows the words that this floor does not know.
pub trait Dictionary {
    /// All that is wrong with an experiment's values in the words of protocols.
    fn look_up(&self, experiment: &Experiment) -> Vec<(Part, Wrong)>;
}

/// Knows no words, and so finds nothing wrong with any.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDictionary;

// === impl Wrong ===

impl Wrong {
    /// A value that makes no sense.
    #[must_use]
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), is_name: false, message: message.into(), help: String::new() }
    }

    /// With a help: what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// The same for a value that is this field of a larger one.
    #[must_use]
    pub fn within(mut self, field: &str) -> Self {
        let gap = if self.field.is_empty() { "" } else { "." };
        self.field = format!("{field}{gap}{}", self.field);
        self
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let gap = if self.field.is_empty() { "" } else { ": " };
        write!(f, "{}{gap}{}", self.field, self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, "; {}", self.help) }
    }
}

impl std::error::Error for Wrong {}

// === impl NoDictionary ===

impl Dictionary for NoDictionary {
    fn look_up(&self, _: &Experiment) -> Vec<(Part, Wrong)> {
        Vec::new()
    }
}

/// Makes a value of a type that knows its words. Numbers may stand in quotes, as they do where a variable was put in.
///
/// ```
/// use serde_json::json;
/// use shakedown_scenarios::target::Port;
/// use shakedown_scenarios::words::{Spelling, read};
///
/// assert_eq!(read::<Port>(&json!({"Fixed": 80}), Spelling::Camel), Ok(Port::Fixed(80)));
/// let wrong = read::<Port>(&json!("Autto"), Spelling::Camel).unwrap_err();
/// assert_eq!(wrong.help, "did you mean `Auto`? allowed: Auto, Fixed");
/// ```
///
/// # Errors
/// The first word that it does not know, or whose value is of another kind.
pub fn read<T: DeserializeOwned>(value: &Value, spelling: Spelling) -> Result<T, Wrong> {
    T::deserialize(reader::Reader(value)).map_err(|misread| misread.told(spelling))
}

/// `too_many_requests` of `TooManyRequests`. What is snake case already stays.
#[must_use]
pub fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// `TooManyRequests` of `too_many_requests`.
#[must_use]
pub fn camel(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    name.split('_').map(capital).collect()
}

// === impl Spelling ===

impl Spelling {
    fn write(self, name: &str) -> String {
        match self {
            Self::Camel => camel(name),
            Self::Snake => name.to_owned(),
        }
    }

    /// A help for a variant's name that is none.
    fn help(self, found: &str, expected: &[&str]) -> String {
        let names: Vec<String> = expected.iter().map(|name| self.write(name)).collect();
        suggest::help(&self.write(found), "allowed", names.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_from_one_format_to_the_other() {
        for (one, other) in
            [("TooManyRequests", "too_many_requests"), ("A", "a"), ("Aaaa", "aaaa"), ("TtlZero", "ttl_zero")]
        {
            assert_eq!(snake(one), other);
            assert_eq!(camel(other), one);
            assert_eq!(snake(other), other);
        }
        assert_eq!(camel("http_1_1_required"), "Http11Required");
    }
}
