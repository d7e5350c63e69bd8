//! One problem with the lines it is about.
//!
//! The quoting is annotate-snippets' work. Lines that are long, or that hold characters which a terminal would obey, are
//! cut and escaped before they are handed to it: neither a megabyte in one line nor an escape sequence gets through.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Position, Problem, Problems, escaped, is_obeyed};
use crate::syntax::Place;

/// At most so many bytes of a line are shown on either side of what it is about.
const AROUND: usize = 160;
/// Places that are this many bytes apart are shown in one piece, with the lines between them left out.
const TOGETHER: usize = 100_000;

/// A piece of one line of the text, fit to be printed, and the place in it.
struct Excerpt {
    line: usize,
    text: String,
    place: std::ops::Range<usize>,
}

pub(super) fn problem(problems: &Problems, problem: &Problem, color: bool) -> String {
    let message = escaped(&problem.message);
    let file = escaped(&problems.file);
    let mut group = Group::with_title(Level::ERROR.primary_title(message.as_str()));
    match as_it_is(problems, problem) {
        Some(snippet) => group = group.element(snippet.path(file.as_str())),
        None => {
            let Position { line, column } = problems.position(problem.place.from);
            group = group.element(Origin::path(file.as_str()).line(line).char_column(column));
            group = group.elements(excerpts(problems, problem));
        }
    }
    let help = escaped(&problem.help);
    if !help.is_empty() {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(2 * AROUND + 80).render(&[group])
}

/// All places of a problem and what they are called; the first is its own.
fn marks(problem: &Problem) -> impl Iterator<Item = (Place, Option<String>)> {
    let others = problem.also.iter().map(|(place, why)| (*place, Some(escaped(why))));
    std::iter::once((problem.place, None)).chain(others)
}

fn annotation<'a>(place: std::ops::Range<usize>, why: Option<String>) -> Annotation<'a> {
    match why {
        None => AnnotationKind::Primary.span(place),
        Some(why) => AnnotationKind::Context.span(place).label(why),
    }
}

/// The lines from the first to the last place, where they can be shown as they are.
fn as_it_is<'a>(problems: &'a Problems, problem: &Problem) -> Option<Snippet<'a, Annotation<'a>>> {
    let text = &problems.text;
    let from = marks(problem).map(|(place, _)| place.from).min()?;
    let to = marks(problem).map(|(place, _)| place.to.min(text.len())).max()?;
    let from = text.get(..from)?.rfind('\n').map_or(0, |newline| newline + 1);
    let to = text.get(to..)?.find('\n').map_or(text.len(), |newline| to + newline);
    let lines = text.get(from..to).filter(|lines| lines.len() <= TOGETHER)?;
    let shown = |line: &str| line.len() <= 2 * AROUND && !line.trim_end_matches('\r').chars().any(is_obeyed);
    // An empty line has nothing to underline.
    if !lines.split('\n').all(shown) || problem.place.from >= text.len() || lines.is_empty() {
        return None;
    }
    let annotations = marks(problem).map(|(place, why)| {
        let first_line_end = text[place.from..].find('\n').map_or(text.len(), |newline| place.from + newline);
        annotation(place.from - from..place.to.min(first_line_end).max(place.from) - from, why)
    });
    Some(Snippet::source(lines).line_start(problems.position(from).line).annotations(annotations))
}

/// The line of each place, cut and escaped; what shares a line shares a snippet.
fn excerpts<'a>(problems: &Problems, problem: &Problem) -> Vec<Snippet<'a, Annotation<'a>>> {
    let mut marks: Vec<_> = marks(problem).map(|(place, why)| (excerpt(problems, place), why)).collect();
    marks.sort_by_key(|(excerpt, _)| excerpt.line);
    let snippet = |(excerpt, why): (Excerpt, _)| {
        Snippet::source(excerpt.text).line_start(excerpt.line).annotation(annotation(excerpt.place, why))
    };
    marks.into_iter().map(snippet).collect()
}

/// Cuts out the line in which a place starts; a place that goes on behind its line is shown up to the line's end.
fn excerpt(problems: &Problems, place: Place) -> Excerpt {
    let text = &problems.text;
    let from = floor(text, place.from);
    let line_from = text[..from].rfind('\n').map_or(0, |newline| newline + 1);
    let line_to = text[from..].find('\n').map_or(text.len(), |newline| from + newline);
    let cut_from = floor(text, from.saturating_sub(AROUND).max(line_from));
    // A long place is shown by its beginning.
    let to = floor(text, place.to.clamp(from, line_to).min(from + AROUND)).max(from);
    let cut_to = floor(text, (to + AROUND).min(line_to)).max(to);
    let mut shown = String::from(if cut_from > line_from { "…" } else { "" });
    shown.push_str(&printable(&text[cut_from..from]));
    let place_from = shown.len();
    shown.push_str(&printable(&text[from..to]));
    let place_to = shown.len();
    shown.push_str(&printable(text[to..cut_to].trim_end_matches('\r')));
    if cut_to < line_to {
        shown.push('…');
    }
    // Where there is nothing to underline, what follows is underlined, or a blank behind all of it.
    if place_from == shown.len() {
        shown.push(' ');
    }
    let next = shown[place_from..].chars().next().map_or(0, char::len_utf8);
    let line = problems.position(from).line;
    Excerpt { line, place: place_from..place_to.max(place_from + next), text: shown }
}

/// The last character boundary at or before a byte.
fn floor(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|byte| text.is_char_boundary(*byte)).unwrap_or(0)
}

/// As it is, but for what a terminal would obey: that is escaped. A tab is shown as spaces.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            _ if is_obeyed(c) => out.extend(c.escape_default()),
            _ => out.push(c),
        }
    }
    out
}
