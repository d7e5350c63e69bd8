//! Rows of a file, and the texts they are put into: that every name stands for something.

use crate::check::Checker;
use crate::places::Path;
use crate::suggest;
use crate::syntax::shortened;
use crate::workload::feeder::Feeder;
use crate::workload::phrase::{Piece, is_name, pieces};
use crate::workload::{HttpRequest, HttpWorkload};

/// The most columns of one file that are used.
const COLUMNS_MAX: usize = 20;
/// What can be a name.
pub(super) const NAMES: &str =
    "write letters, digits, `-` and `_`, a letter first, once each; `n` is the number that is drawn";
/// The number that is drawn for each request or journey.
pub(super) const NUMBER: &str = "n";

/// That a file is named, and columns that can be names; what names there are thereby.
pub(super) fn rules<'e>(checker: &mut Checker<'_>, path: &Path, feeder: Option<&'e Feeder>) -> Vec<&'e str> {
    let mut known = vec![NUMBER];
    if let Some(feeder) = feeder {
        file(checker, &path.then("file"), &feeder.file, "users.csv");
        columns(checker, &path.then("columns"), &feeder.columns);
        known.extend(feeder.columns.iter().map(String::as_str));
    }
    known
}

/// The same for a mix of requests. Where there is no data, what stands in braces is text; a path has no such text.
pub(super) fn of_http(checker: &mut Checker<'_>, path: &Path, http: &HttpWorkload) {
    let known = rules(checker, &path.then("data"), http.data.as_ref());
    if http.data.is_none() {
        for (index, request) in http.requests.iter().enumerate() {
            let path = path.then("requests").then(index).then("path");
            for name in unknown(&request.path, &known) {
                let message = format!("`{{{}}}` stands for nothing", shortened(name));
                let help = "write `{n}` for the number that is drawn, or name `data` with such a column";
                checker.tell(&path, message, help);
            }
        }
        return;
    }
    for (index, request) in http.requests.iter().enumerate() {
        names(checker, &path.then("requests").then(index), request, &known, "");
    }
}

/// That every brace of a path belongs to a name: no path has a brace of its own (RFC 3986, appendix A).
pub(super) fn braces(checker: &mut Checker<'_>, path: &Path, text: &str) {
    let is_stray = |piece: &Piece<'_>| match piece {
        Piece::Name(_) => false,
        // `{{name}}` is the text `{name}`, and meant so.
        Piece::Text(text) => {
            let name = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
            text.contains(['{', '}']) && !name.is_some_and(is_name)
        }
    };
    if pieces(text).iter().any(is_stray) {
        let help = "write `{n}` for the number that is drawn, and `%7B` and `%7D` for braces";
        checker.tell(path, "a brace of this path belongs to no name", help);
    }
}

/// That a file has a name, such as this one.
pub(super) fn file(checker: &mut Checker<'_>, path: &Path, file: &str, example: &str) {
    if file.is_empty() {
        checker.tell(path, "there is no file without a name", format!("write one such as `\"{example}\"`"));
    }
}

fn columns(checker: &mut Checker<'_>, path: &Path, columns: &[String]) {
    let count = columns.len();
    if count == 0 || count > COLUMNS_MAX {
        let message = format!("{count} columns cannot be used");
        let help = format!("name 1 to {COLUMNS_MAX} of those that the file's first line has");
        checker.tell(path, message, help);
    }
    for (index, column) in columns.iter().enumerate() {
        let is_twice = columns[..index].contains(column);
        if !is_name(column) || column == NUMBER || is_twice {
            let why = if is_twice { "is named twice" } else { "cannot be the name of a column" };
            checker.tell(&path.then(index), format!("`{}` {why}", shortened(column)), NAMES);
        }
    }
}

/// That every name in the texts of a request is known; `elsewhere` says where others would come from.
pub(super) fn names(
    checker: &mut Checker<'_>,
    path: &Path,
    request: &HttpRequest,
    known: &[&str],
    elsewhere: &str,
) {
    let headers = request.headers.iter().map(|(name, value)| (path.then("headers").then(name), value));
    let texts = [(path.then("path"), &request.path), (path.then("body"), &request.body)];
    for (path, text) in texts.into_iter().chain(headers) {
        for name in unknown(text, known) {
            let shown = shortened(name);
            let message = format!("`{{{shown}}}` stands for nothing here");
            let names = suggest::help(name, "names", known.iter().copied());
            let help = format!("{names}; {elsewhere}for the text itself write `{{{{{shown}}}}}`");
            checker.tell(&path, message, help);
        }
    }
}

/// The names in a text that stand for nothing.
fn unknown<'t>(text: &'t str, known: &[&str]) -> impl Iterator<Item = &'t str> {
    pieces(text).into_iter().filter_map(move |piece| match piece {
        Piece::Name(name) if !known.contains(&name) => Some(name),
        Piece::Name(_) | Piece::Text(_) => None,
    })
}
