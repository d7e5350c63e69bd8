//! What stands in a bracket, entry by entry, and what separates them.
//!
//! A forgotten comma is put in. A forgotten quote shows where the next string is, far too long and in the wrong place:
//! from there the reader goes back.

use super::{Entry, Parser, Token};
use crate::problem::Problem;
use crate::syntax::{MOST_ENTRIES, Node, Place, Text, Value};

impl Parser<'_> {
    /// One entry and the comma behind it.
    pub(super) fn entry(&mut self, entries: &mut Vec<Entry>) {
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
