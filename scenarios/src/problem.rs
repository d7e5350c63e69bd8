//! What is wrong with an experiment, and where: every problem at once, told like a compiler tells it.
//!
//! A problem has one sentence that says what was found and what would have been right, a help that says what to do, and
//! the place of the exact text. This knows nothing about experiments.

use std::fmt;

use crate::syntax::Place;

mod render;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
    /// Other places that belong to it, each with a word on why.
    pub also: Vec<(Place, String)>,
    /// From which byte on the rest of the line cannot be understood because of it: what else is told there is noise.
    pub(crate) garbles: Option<usize>,
}

/// Everything that is wrong with one text, in the order of the text; at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    file: String,
    text: String,
    problems: Vec<Problem>,
}

/// At most so many problems are printed; the rest is counted.
pub const MOST_PRINTED: usize = 50;

/// After so many problems of one kind of look at a text no more are looked for: it is something else, or made to fill
/// our memory and time.
pub(crate) const MOST_LOOKED_FOR: usize = 1_000;
/// At most so many characters of a message, and of a help, are kept.
const LONGEST_MESSAGE: usize = 1_000;

/// A line and a column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

// === impl Problem ===

impl Problem {
    /// A problem without help.
    #[must_use]
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: String::new(), also: Vec::new(), garbles: None }
    }

    /// With a help: what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// With the rest of its line, from this byte on, not understood because of it.
    pub(crate) fn garbles(mut self, from: usize) -> Self {
        self.garbles = Some(from);
        self
    }

    /// With another place that belongs to it.
    #[must_use]
    pub fn also(mut self, place: Place, why: impl Into<String>) -> Self {
        self.also.push((place, why.into()));
        self
    }
}

// === impl Problems ===

impl Problems {
    /// The problems of a text; `None` where there are none. `file` is what the text is called in messages.
    #[must_use]
    pub fn of(file: &str, text: &str, mut problems: Vec<Problem>) -> Option<Self> {
        problems.sort();
        problems.dedup();
        let mut problems = without_noise(text, problems);
        for problem in &mut problems {
            cut(&mut problem.message);
            cut(&mut problem.help);
        }
        let found = !problems.is_empty();
        found.then(|| Self { file: file.to_owned(), text: text.to_owned(), problems })
    }

    /// All of them, in the order of the text.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.problems
    }

    /// The line and column of a byte of the text.
    #[must_use]
    pub fn position(&self, byte: usize) -> Position {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Position { line, column: before[line_start..].chars().count() + 1 }
    }

    /// For people: each problem with the lines it is about. At most [`MOST_PRINTED`] of them.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let shown = self.problems.iter().take(MOST_PRINTED);
        let mut out: String = shown.map(|problem| render::problem(self, problem, color) + "\n\n").collect();
        out.push_str(&self.count());
        out.push('\n');
        out
    }

    /// One line a problem: `file:line:column: message; help`. At most [`MOST_PRINTED`] of them.
    #[must_use]
    pub fn short(&self) -> String {
        let shown = self.problems.iter().take(MOST_PRINTED);
        let mut out: String = shown.map(|problem| self.short_line(problem) + "\n").collect();
        if self.problems.len() > MOST_PRINTED {
            out.push_str(&format!(
                "{}: and {} more\n",
                escaped(&self.file),
                self.problems.len() - MOST_PRINTED
            ));
        }
        out
    }

    fn short_line(&self, problem: &Problem) -> String {
        let Position { line, column } = self.position(problem.place.from);
        let mut out = format!("{}:{line}:{column}: {}", self.file, problem.message);
        for (place, why) in &problem.also {
            let Position { line, column } = self.position(place.from);
            out.push_str(&format!(" ({why}: {line}:{column})"));
        }
        if !problem.help.is_empty() {
            out.push_str("; ");
            out.push_str(&problem.help);
        }
        escaped(&out)
    }

    fn count(&self) -> String {
        let file = escaped(&self.file);
        match self.problems.len() {
            1 => format!("1 problem in {file}"),
            all if all > MOST_PRINTED => {
                format!("{all} problems in {file}; the first {MOST_PRINTED} are shown")
            }
            all => format!("{all} problems in {file}"),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short().trim_end())
    }
}

impl std::error::Error for Problems {}

/// Leaves out what stands in the garbled part of a line, but for what garbled it.
fn without_noise(text: &str, problems: Vec<Problem>) -> Vec<Problem> {
    let mut garbled: Vec<(usize, std::ops::Range<usize>)> = Vec::new();
    for problem in &problems {
        let Some(from) = problem.garbles else { continue };
        // What is garbled already was garbled by something before it.
        if garbled.last().is_none_or(|(_, line)| from >= line.end) {
            let rest = text.get(from..).unwrap_or_default();
            let end = from + rest.find('\n').unwrap_or(rest.len());
            garbled.push((problem.place.from, from..end + 1));
        }
    }
    let is_noise = |problem: &Problem| {
        let at = problem.place.from;
        let line = garbled.partition_point(|(_, line)| line.end <= at);
        garbled
            .get(line)
            .is_some_and(|(cause, line)| line.contains(&at) && (at != *cause || problem.garbles.is_none()))
    };
    problems.into_iter().filter(|problem| !is_noise(problem)).collect()
}

/// Nobody reads a message of a page.
fn cut(message: &mut String) {
    if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
        message.truncate(end);
        message.push('…');
    }
}

/// The text with everything escaped that a terminal would obey rather than show: control characters, and those that
/// turn the direction of writing or are not seen.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// Whether a terminal or an editor would obey this character rather than show it.
fn is_obeyed(c: char) -> bool {
    let invisible = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    c.is_control() || invisible
}
