//! Where brackets end.
//!
//! A bracket that is closed by the wrong one ends there, if the wrong one closes something further out: then the
//! forgotten bracket is told once and nothing behind it is misread. Where entries may have got into the wrong bracket
//! that way, the nodes around are marked as damaged.

use super::{Entries, Lexer, Opened, Parser, Token};
use crate::problem::Problem;
use crate::syntax::DEEPEST_NESTING;

const fn closer(bracket: char) -> char {
    match bracket {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

impl Parser<'_> {
    /// Everything from an opening bracket to the one that closes it.
    pub(super) fn bracket(&mut self, bracket: char) -> Entries {
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
}
