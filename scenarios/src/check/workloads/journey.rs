//! Journeys: that every name in a request stands for something by then, and that captures can be found.

use super::{filled, http, is_token, request};
use crate::check::Checker;
use crate::places::{Path, Step};
use crate::suggest;
use crate::syntax::shortened;
use crate::workload::feeder::Feeder;
use crate::workload::journey::{Capture, JourneyStep, JourneyWorkload};
use crate::workload::phrase::{Piece, is_name, pieces};

/// The most steps of one journey: each has a row in the report.
const STEPS_MAX: usize = 50;
/// The most captures of one step.
const CAPTURES_MAX: usize = 20;
/// The most columns of one file that are used.
const COLUMNS_MAX: usize = 20;
/// What can be a name.
const NAMES: &str =
    "write letters, digits, `-` and `_`, a letter first, once each; `n` is the number that is drawn";
/// The number that is drawn for each journey.
const NUMBER: &str = "n";

pub(super) fn rules(checker: &mut Checker<'_>, path: &Path, journey: &JourneyWorkload) {
    http::auth(checker, &path.then("auth"), journey.auth.as_ref());
    let steps = path.then("steps");
    filled(checker, &steps, journey.steps.len(), "steps: [(get: \"/\")]");
    if journey.steps.len() > STEPS_MAX {
        let message = format!("a journey of {} steps is too long", journey.steps.len());
        checker.tell(&steps, message, format!("allowed: 1 to {STEPS_MAX}"));
    }
    if let Some(feeder) = &journey.data {
        data(checker, &path.then("data"), feeder);
    }
    let requests = journey.steps.iter().map(|step| &step.request);
    http::version(checker, path, (journey.version, "steps"), requests);
    let mut known = vec![NUMBER];
    known.extend(journey.columns().iter().map(String::as_str));
    for (index, step) in journey.steps.iter().enumerate() {
        let path = steps.then(index);
        request(checker, &path, &step.request);
        names(checker, &path, step, &known);
        captures(checker, &path.then("capture"), step);
        known.extend(step.capture.iter().map(|(name, _)| name.as_str()));
    }
}

/// That a file is named, and columns that can be names.
fn data(checker: &mut Checker<'_>, path: &Path, feeder: &Feeder) {
    if feeder.file.is_empty() {
        checker.tell(
            &path.then("file"),
            "there is no file without a name",
            "write one such as `\"users.csv\"`",
        );
    }
    let count = feeder.columns.len();
    if count == 0 || count > COLUMNS_MAX {
        let message = format!("{count} columns cannot be used");
        let help = format!("name 1 to {COLUMNS_MAX} of those that the file's first line has");
        checker.tell(&path.then("columns"), message, help);
    }
    for (index, column) in feeder.columns.iter().enumerate() {
        let is_twice = feeder.columns[..index].contains(column);
        if !is_name(column) || column == NUMBER || is_twice {
            let why = if is_twice { "is named twice" } else { "cannot be the name of a column" };
            let message = format!("`{}` {why}", shortened(column));
            checker.tell(&path.then("columns").then(index), message, NAMES);
        }
    }
}

/// That every name in the texts of a step is known by then.
fn names(checker: &mut Checker<'_>, path: &Path, step: &JourneyStep, known: &[&str]) {
    let request = &step.request;
    let headers = request.headers.iter().map(|(name, value)| (path.then("headers").then(name), value));
    let texts = [(path.then("path"), &request.path), (path.then("body"), &request.body)];
    for (path, text) in texts.into_iter().chain(headers) {
        for piece in pieces(text) {
            let Piece::Name(name) = piece else { continue };
            if !known.contains(&name) {
                let shown = shortened(name);
                let message = format!("`{{{shown}}}` stands for nothing here");
                let names = suggest::help(name, "names", known.iter().copied());
                let help = format!(
                    "{names}; a step before this one captures others; for the text itself write `{{{{{shown}}}}}`"
                );
                checker.tell(&path, message, help);
            }
        }
    }
}

fn captures(checker: &mut Checker<'_>, path: &Path, step: &JourneyStep) {
    if step.capture.len() > CAPTURES_MAX {
        let message = format!("{} captures of one answer are too many", step.capture.len());
        checker.tell(path, message, format!("allowed: at most {CAPTURES_MAX}"));
    }
    for (name, capture) in &step.capture {
        let at = path.then(name);
        if !is_name(name) || name == NUMBER {
            let message = format!("`{}` cannot be the name of a capture", shortened(name));
            checker.tell(&at.then(Step::Key), message, NAMES);
        }
        can_be_found(checker, &at.then("text"), capture);
    }
}

fn can_be_found(checker: &mut Checker<'_>, path: &Path, capture: &Capture) {
    match capture {
        Capture::Json(pointer) => http::pointer(checker, path, pointer),
        Capture::Matches(text) => {
            let Some(groups) = http::regex(checker, path, text) else { return };
            if groups < 2 {
                let message = "this regular expression has no group to capture";
                checker.tell(path, message, "put parentheses around it: `\"id=([0-9]+)\"`");
            }
        }
        Capture::Header(name) if name.is_empty() || !name.bytes().all(is_token) => {
            let message = format!("`{}` is not the name of a header", shortened(name));
            checker.tell(path, message, "a header's name has letters, digits and `-`, and no `:`");
        }
        Capture::Header(_) => {}
    }
}
