//! Tokens to tree, going on after every mistake.
//!
//! A bracket that is closed by the wrong one ends there, if the wrong one closes something further out: then the
//! forgotten bracket is told once and nothing behind it is misread. Where entries may have got into the wrong bracket
//! that way, the nodes around are marked as damaged.

use super::lex::{Lexer, Token};
use super::quoted::Quoted;
use super::{Body, DEEPEST_NESTING, MOST_ENTRIES, Node, Parsed, Place, Struct, Text, Value, Word, shortened};
use crate::problem::Problem;

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

const fn closer(bracket: char) -> char {
    match bracket {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

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

    /// Everything from an opening bracket to the one that closes it.
    fn bracket(&mut self, bracket: char) -> Entries {
        let opened = Opened { bracket, place: self.place };
        if self.open.len() >= DEEPEST_NESTING {
            return self.too_deep();
        }
        self.open.push(opened);
        self.advance();
        let swallowed = self.swallowed;
        let mut entries = Vec::new();
        let closed = loop {
            match self.at_close(opened) {
                Some(closed) => break closed,
                None => self.entry(&mut entries),
            }
        };
        self.open.pop();
        let to = if closed { self.place.to } else { self.place.from };
        if closed {
            self.advance();
        }
        Entries { entries, to: to.max(opened.place.to), damaged: self.swallowed > swallowed, closed }
    }

    fn too_deep(&mut self) -> Entries {
        let message = format!("brackets nest more than {DEEPEST_NESTING} deep here");
        self.tell(self.place, message, "no experiment needs that: is a bracket missing further up?");
        self.give_up();
        self.advance();
        Entries { entries: Vec::new(), to: self.place.to, damaged: true, closed: false }
    }

    /// Whether the bracket ends at the token at hand: rightly (true, the token is its closing bracket) or because
    /// something further out ends (false).
    fn at_close(&mut self, opened: Opened) -> Option<bool> {
        match self.token {
            Token::Mark(found @ (')' | ']' | '}')) if found == closer(opened.bracket) => {
                // What closes the experiment is the last thing in a file.
                let too_many = self.open.len() == 1 && (self.followed_by(',') || self.followed_by(found));
                if too_many { self.stray_closer(found) } else { Some(true) }
            }
            Token::Mark(found @ (')' | ']' | '}')) => {
                let outer = &self.open[..self.open.len() - 1];
                let parent = outer.last().map(|parent| closer(parent.bracket));
                if parent != Some(found) && parent.is_some_and(|parent| self.followed_by(parent)) {
                    self.mistyped(opened, found);
                    Some(true)
                } else if outer.iter().any(|outer| closer(outer.bracket) == found)
                    && !self.is_one_too_many(opened)
                {
                    self.unclosed(opened);
                    Some(false)
                } else {
                    self.stray_closer(found)
                }
            }
            Token::End => {
                self.unclosed(opened);
                Some(false)
            }
            _ => None,
        }
    }

    /// Whether a wrong closing bracket stands behind something on its line, while what it might mean to close was opened
    /// on lines before: then it is one more than was opened on its own line, and nothing is forgotten.
    fn is_one_too_many(&self, opened: Opened) -> bool {
        let line = self.text[..self.place.from].rfind('\n').map_or(0, |newline| newline + 1);
        let first_on_line = self.text[line..self.place.from].trim_start().is_empty();
        !first_on_line && opened.place.from < line
    }

    fn stray_closer(&mut self, found: char) -> Option<bool> {
        self.tell(
            self.place,
            format!("this `{found}` is one too many"),
            "remove it, or open what it should close",
        );
        self.lossy = true;
        self.advance();
        // What is separated after it is separated after the entry before it.
        if self.is(',') {
            self.advance();
        }
        None
    }

    /// Whether the token after the one at hand is this mark.
    fn followed_by(&self, mark: char) -> bool {
        let (token, _) = Lexer::new(self.text).starting_at(self.place.to).next();
        token == Token::Mark(mark)
    }

    fn mistyped(&mut self, opened: Opened, found: char) {
        let (bracket, right) = (opened.bracket, closer(opened.bracket));
        let problem = Problem::new(self.place, format!("`{bracket}` is closed by `{found}`"));
        let problem = problem.help(format!("write `{right}`")).also(opened.place, "opened here");
        self.problems.push(problem);
    }

    fn unclosed(&mut self, opened: Opened) {
        let (bracket, right) = (opened.bracket, closer(opened.bracket));
        let found = self.found();
        // At the end of the file every bracket that is still open would be told; the innermost one is the forgotten
        // one, or the one that swallowed the brackets of the others.
        let told = self.token == Token::End && (self.lossy || self.lexer.cut_off);
        if !told {
            let problem = Problem::new(opened.place, format!("`{bracket}` is not closed before {found}"));
            let problem =
                problem.help(format!("close it with `{right}`")).also(self.place, "not closed before this");
            if !self.given_up {
                self.problems.push(problem);
            }
        }
        self.swallowed += 1;
        self.lossy = true;
    }

    /// One entry and the comma behind it.
    fn entry(&mut self, entries: &mut Vec<Entry>) {
        if self.is(',') {
            self.tell(self.place, "expected an entry before this `,`", "remove the `,`");
            self.advance();
            return;
        }
        let started = self.place;
        let mut entry = Entry { key: None, value: self.value() };
        if self.is(':') {
            self.advance();
            entry = Entry { key: Some(entry.value), value: self.value() };
        }
        match entries.len() {
            0..MOST_ENTRIES => entries.push(entry),
            MOST_ENTRIES => {
                let message = format!("more than {MOST_ENTRIES} entries in one bracket");
                self.tell(started, message, "no experiment needs that many");
                self.lossy = true;
                entries.push(entry);
            }
            _ => {}
        }
        self.separator(started, entries);
    }

    /// A comma, or the end of the bracket; else it is told and guessed.
    fn separator(&mut self, started: Place, entries: &mut [Entry]) {
        if self.is(',') {
            return self.advance();
        }
        match self.token {
            Token::Mark(')' | ']' | '}') | Token::End => {}
            Token::Broken => {
                // Told already; what follows it is looked at afresh.
                self.advance();
                if self.is(',') {
                    self.advance();
                }
            }
            Token::Mark(':') => {
                let problem = Problem::new(self.place, "expected `,`, found `:`").garbles(self.place.from);
                self.problems
                    .push(problem.help("an entry is `name: value`; text with a `:` stands in quotes"));
                self.lossy = true;
                self.advance();
            }
            _ if self.place == started => self.advance(),
            _ => self.missing_comma(entries),
        }
    }

    fn missing_comma(&mut self, entries: &mut [Entry]) {
        let last = entries.last_mut().map(|entry| &mut entry.value);
        if let Some(node) = last
            && let Some(line_end) = runaway(node, self.text)
        {
            return self.reread_after_runaway(node, line_end);
        }
        let starts_quote = self.text[self.place.range()].starts_with('"');
        if starts_quote && self.text[self.place.range()].contains('\n') {
            return self.unpaired_quote();
        }
        let found = self.found();
        self.tell(self.place, format!("expected `,` before {found}"), "separate entries by `,`");
    }

    /// A string that spans lines where no string can be: some quote before it on its line is missing or too many. What
    /// follows the quote is read as if it were not there.
    fn unpaired_quote(&mut self) {
        let line = self.text[..self.place.from].rfind('\n').map_or(0, |newline| newline + 1);
        let opening = Place::new(self.place.from, self.place.from + 1);
        let problem = Problem::new(opening, "the quotes on this line do not pair up").garbles(line);
        self.problems.push(problem.help("is one missing before this one?"));
        self.lossy = true;
        self.lexer.go_back(opening.to, opening.from);
        self.advance();
        if self.is(',') {
            self.advance();
        }
    }

    /// A string that spans lines and after which nothing fits has lost its closing quote on its first line.
    fn reread_after_runaway(&mut self, node: &mut Node, line_end: usize) {
        let opening = Place::new(node.place.from, node.place.from + 1);
        let problem = Problem::new(
            opening,
            "this string is not closed on its line, and what follows it makes no sense",
        );
        self.problems.push(problem.help("close it with `\"`"));
        let end = line_end
            - (self.text[..line_end].len() - self.text[..line_end].trim_end_matches(['\r', ' ', ',']).len());
        *node = self.broken(Place::new(node.place.from, end.max(node.place.from + 1)));
        self.lossy = true;
        self.lexer.go_back(line_end, node.place.from);
        self.advance();
    }
}

/// Where the first line of a plain string that spans lines ends.
fn runaway(node: &Node, text: &str) -> Option<usize> {
    let written = &text[node.place.range()];
    let plain = matches!(&node.value, Value::Text(Text { .. })) && written.starts_with('"');
    let line = written.find('\n').filter(|_| plain)?;
    Some(node.place.from + line)
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
