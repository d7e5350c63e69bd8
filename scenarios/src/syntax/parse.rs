//! Tokens to tree: what a value is made of. Where brackets end is [`brackets`]' business, what separates their entries
//! is that of [`entries`]; both go on after every mistake.

use super::lex::{Lexer, Token};
use super::quoted::Quoted;
use super::{Body, Node, Parsed, Place, Struct, Value, Word, shortened};
use crate::problem::Problem;

mod brackets;
mod entries;

/// What has been read of a text, and what is being read.
pub(super) struct Parser<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    token: Token,
    place: Place,
    problems: Vec<Problem>,
    /// The brackets that are open, outermost first.
    open: Vec<Opened>,
    /// Grows with every mistake after which entries may be in the wrong bracket.
    swallowed: usize,
    lossy: bool,
    given_up: bool,
}

#[derive(Clone, Copy)]
struct Opened {
    bracket: char,
    place: Place,
}

/// One entry of any bracket: a value, or a key and its value.
struct Entry {
    key: Option<Node>,
    value: Node,
}

/// The entries of a bracket.
struct Entries {
    entries: Vec<Entry>,
    to: usize,
    damaged: bool,
    /// It was closed by its own bracket, so that complaints about single entries are worth telling.
    closed: bool,
}

/// After so many mistakes the rest of a text is not read: it is something else, or made to fill our memory.
const MOST_MISTAKES: usize = 1_000;

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut lexer = Lexer::new(text).starting_at(if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        });
        lexer.skip_attributes();
        let (token, place) = lexer.next();
        Self {
            text,
            lexer,
            token,
            place,
            problems: Vec::new(),
            open: Vec::new(),
            swallowed: 0,
            lossy: false,
            given_up: false,
        }
    }

    /// The whole text: one value and nothing behind it.
    pub(super) fn whole(mut self) -> Parsed {
        let root = self.value();
        // About what does not even start like an experiment one word is enough.
        let is_struct = matches!(&root.value, Value::Struct(Struct { body, .. }) if *body != Body::Unit);
        if self.token != Token::End && !self.given_up && !is_struct {
            self.lossy = true;
        } else if self.token != Token::End && !self.given_up {
            let found = self.found();
            let help = "an experiment is one value: `Experiment(…)`; is a bracket closed too early?";
            self.tell(self.place, format!("expected the end of the file, found {found}"), help);
            self.lossy = true;
        }
        let mut problems = self.problems;
        problems.extend(self.lexer.problems);
        Parsed { root, problems, lossy: self.lossy }
    }

    fn advance(&mut self) {
        if self.problems.len() + self.lexer.problems.len() > MOST_MISTAKES && !self.given_up {
            self.tell(
                self.place,
                "too many mistakes; the rest of the file was not read",
                "is this an experiment?",
            );
            self.give_up();
        }
        (self.token, self.place) = self.lexer.next();
    }

    /// Reads no further.
    fn give_up(&mut self) {
        self.lossy = true;
        self.given_up = true;
        self.swallowed += 1;
        self.lexer.stop();
    }

    fn is(&self, mark: char) -> bool {
        self.token == Token::Mark(mark)
    }

    fn tell(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        if !self.given_up {
            self.problems.push(Problem::new(place, message).help(help));
        }
    }

    /// The token at hand, for a message.
    fn found(&self) -> String {
        match &self.token {
            Token::End => "the end of the file".to_owned(),
            _ => format!("`{}`", shortened(&self.text[self.place.range()])),
        }
    }

    fn broken(&self, place: Place) -> Node {
        Node { place, value: Value::Broken, damaged: self.given_up }
    }

    /// A value; where there is none, that is told, and what is not a value stays where it is.
    fn value(&mut self) -> Node {
        let place = self.place;
        let token = std::mem::replace(&mut self.token, Token::Broken);
        let simple = match token {
            Token::Mark('(') => return self.parentheses(None),
            Token::Mark('[') => return self.list(),
            Token::Mark('{') => return self.map(),
            Token::Word(word) if word == "true" || word == "false" => Value::Bool(word == "true"),
            Token::Word(text) => return self.name(Word { place, text }),
            Token::Number(number) | Token::Quoted(Quoted::Byte(number)) => Value::Number(number),
            Token::Quoted(Quoted::Text(text)) => Value::Text(text),
            Token::Quoted(Quoted::Char(c)) => Value::Char(c),
            Token::Quoted(Quoted::Bytes(bytes)) => Value::Bytes(bytes),
            Token::Broken => Value::Broken,
            other @ (Token::Mark(_) | Token::End) => {
                self.token = other;
                return self.no_value();
            }
        };
        self.advance();
        Node { place, value: simple, damaged: false }
    }

    fn no_value(&mut self) -> Node {
        if self.open.is_empty() && self.token == Token::End {
            let help =
                "an experiment starts with `Experiment(`; `shakedown new http` prints one to start from";
            self.tell(self.place, "the file holds nothing", help);
        } else {
            let found = self.found();
            self.tell(
                self.place,
                format!("expected a value, found {found}"),
                "write the value, or remove what wants it",
            );
        }
        self.broken(Place::new(self.place.from, self.place.from))
    }

    /// An identifier, and what stands in parentheses behind it.
    fn name(&mut self, name: Word) -> Node {
        let place = name.place;
        self.advance();
        if self.is('(') {
            return self.parentheses(Some(name));
        }
        Node { place, value: Value::Struct(Struct { name: Some(name), body: Body::Unit }), damaged: false }
    }

    fn list(&mut self) -> Node {
        let from = self.place.from;
        let inside = self.bracket('[');
        let mut values = Vec::new();
        for Entry { key, value } in inside.entries {
            match key {
                None => values.push(value),
                Some(key) if inside.closed => {
                    let help = "a list `[…]` holds values only; a map is `{\"name\": value}`, a struct `(name: value)`";
                    self.tell(key.head(), "an entry of a list has no name", help);
                    values.push(value);
                }
                // It got into a list that is not closed, which has been told.
                Some(_) => {}
            }
        }
        Node { place: Place::new(from, inside.to), value: Value::List(values), damaged: inside.damaged }
    }

    fn map(&mut self) -> Node {
        let from = self.place.from;
        let inside = self.bracket('{');
        let mut pairs = Vec::new();
        for entry in inside.entries {
            match entry.key {
                Some(key) => pairs.push((key, entry.value)),
                None if inside.closed && entry.value.value != Value::Broken => {
                    let found = entry.value.described();
                    let help = "an entry of a map is written `\"name\": value`";
                    self.tell(
                        entry.value.head(),
                        format!("expected a name and a value, found only {found}"),
                        help,
                    );
                }
                None => {}
            }
        }
        Node { place: Place::new(from, inside.to), value: Value::Map(pairs), damaged: inside.damaged }
    }

    fn parentheses(&mut self, name: Option<Word>) -> Node {
        let from = name.as_ref().map_or(self.place.from, |name| name.place.from);
        let inside = self.bracket('(');
        let mut damaged = inside.damaged;
        let named = inside.entries.iter().any(|entry| entry.key.is_some());
        let body = if named {
            Body::Fields(self.fields(inside.entries, inside.closed, &mut damaged))
        } else {
            Body::Values(inside.entries.into_iter().map(|entry| entry.value).collect())
        };
        Node { place: Place::new(from, inside.to), value: Value::Struct(Struct { name, body }), damaged }
    }

    /// Entries with names. RON knows no mixture of named and unnamed ones: who asks for the fields can tell best which
    /// name is missing, so an unnamed one is handed on with an empty name.
    fn fields(&mut self, entries: Vec<Entry>, closed: bool, damaged: &mut bool) -> Vec<(Word, Node)> {
        let mut fields = Vec::new();
        for entry in entries {
            let place = entry.value.head();
            match entry.key.map(|key| (key.place, word_of(key, self.text))) {
                Some((_, Ok(word))) => fields.push((word, entry.value)),
                None if closed && entry.value.value != Value::Broken => {
                    fields.push((Word { place, text: String::new() }, entry.value));
                }
                Some((place, Err((word, help)))) if closed => {
                    self.tell(place, "expected the name of a field", help);
                    match word {
                        Some(word) => fields.push((word, entry.value)),
                        None => *damaged = true,
                    }
                }
                _ => *damaged = true,
            }
        }
        fields
    }
}

/// The name of a field, or what to write instead.
fn word_of(key: Node, text: &str) -> Result<Word, (Option<Word>, String)> {
    let place = key.place;
    match key.value {
        Value::Struct(Struct { name: Some(name), body: Body::Unit }) => Ok(name),
        Value::Text(name) => {
            let help = format!("write it without quotes: `{}: …`", shortened(&name.value));
            Err((Some(Word { place, text: name.value }), help))
        }
        _ => {
            let found = shortened(&text[place.range()]);
            Err((None, format!("`{found}` is none; a field is written `name: value`")))
        }
    }
}
