//! One problem with the lines it is about.
//!
//! The quoting is annotate-snippets' work. What is handed to it is cut out of the text first: whole megabytes in one
//! line, and characters that a terminal would obey, never reach it.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Position, Problem, Problems, escaped, is_obeyed};
use crate::syntax::Place;

/// At most so many bytes of a line are shown on either side of what it is about.
const AROUND: usize = 160;

/// A piece of one line of the text, fit to be printed, and the place in it.
struct Excerpt {
    line: usize,
    text: String,
    place: std::ops::Range<usize>,
}

pub(super) fn problem(problems: &Problems, problem: &Problem, color: bool) -> String {
    let message = escaped(&problem.message);
    let file = escaped(&problems.file);
    let Position { line, column } = problems.position(problem.place.from);
    let origin = Origin::path(file.as_str()).line(line).char_column(column);
    let mut group = Group::with_title(Level::ERROR.primary_title(message.as_str())).element(origin);
    for snippet in snippets(problems, problem) {
        group = group.element(snippet);
    }
    let help = escaped(&problem.help);
    if !help.is_empty() {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(2 * AROUND + 80).render(&[group])
}

/// The problem's own line and those of the places that belong to it, in the order of the text; what shares a line
/// shares a snippet.
fn snippets<'a>(
    problems: &Problems,
    problem: &Problem,
) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let own = std::iter::once((problem.place, None));
    let others = problem.also.iter().map(|(place, why)| (*place, Some(escaped(why))));
    let mut marks: Vec<(Excerpt, Option<String>)> =
        own.chain(others).map(|(place, why)| (excerpt(problems, place), why)).collect();
    marks.sort_by_key(|(excerpt, _)| excerpt.line);
    let mut snippets: Vec<(usize, String, Vec<_>)> = Vec::new();
    for (excerpt, why) in marks {
        let annotation = match why {
            None => AnnotationKind::Primary.span(excerpt.place),
            Some(why) => AnnotationKind::Context.span(excerpt.place).label(why),
        };
        match snippets.last_mut() {
            Some((line, text, annotations)) if *line == excerpt.line && *text == excerpt.text => {
                annotations.push(annotation);
            }
            _ => snippets.push((excerpt.line, excerpt.text, vec![annotation])),
        }
    }
    snippets
        .into_iter()
        .map(|(line, text, annotations)| Snippet::source(text).line_start(line).annotations(annotations))
        .collect()
}

/// Cuts out the line in which a place starts; a place that goes on behind its line is shown up to the line's end.
fn excerpt(problems: &Problems, place: Place) -> Excerpt {
    let text = &problems.text;
    let from = place.from.min(text.len());
    let line_from = text[..from].rfind('\n').map_or(0, |newline| newline + 1);
    let line_to = text[from..].find('\n').map_or(text.len(), |newline| from + newline);
    let to = place.to.clamp(from, line_to);
    let cut_from = floor(text, from.saturating_sub(AROUND).max(line_from));
    // A long place is shown by its beginning.
    let to = floor(text, to.min(from + 2 * AROUND)).max(from);
    let cut_to = floor(text, (to + AROUND).min(line_to));
    let (before, inside, after) = (&text[cut_from..from], &text[from..to], &text[to..cut_to.max(to)]);
    let mut shown = String::new();
    if cut_from > line_from {
        shown.push('…');
    }
    shown.push_str(&printable(before));
    let place_from = shown.len();
    shown.push_str(&printable(inside));
    let place_to = shown.len();
    shown.push_str(&printable(after.trim_end_matches('\r')));
    if cut_to < line_to {
        shown.push('…');
    }
    // Nothing to underline: the mark stands behind what is there.
    if place_from == place_to && place_to == shown.len() {
        shown.push(' ');
    }
    let place = place_from..shown.len().min(place_to.max(place_from + next_width(&shown, place_from)));
    Excerpt { line: problems.position(from).line, text: shown, place }
}

/// The last character boundary at or before a byte.
fn floor(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|byte| text.is_char_boundary(*byte)).unwrap_or(0)
}

fn next_width(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
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
