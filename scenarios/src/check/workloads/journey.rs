//! Journeys: that every name in a request stands for something by then, and that captures can be found.

use super::data::{self, NAMES, NUMBER};
use super::{filled, http, is_token, request};
use crate::check::Checker;
use crate::places::{Path, Step};
use crate::syntax::shortened;
use crate::workload::journey::{Capture, JourneyStep, JourneyWorkload};
use crate::workload::phrase::is_name;

/// The most steps of one journey: each has a row in the report.
const STEPS_MAX: usize = 50;
/// The most captures of one step.
const CAPTURES_MAX: usize = 20;

pub(super) fn rules(checker: &mut Checker<'_>, path: &Path, journey: &JourneyWorkload) {
    http::auth(checker, &path.then("auth"), journey.auth.as_ref());
    let steps = path.then("steps");
    filled(checker, &steps, journey.steps.len(), "steps: [(get: \"/\")]");
    if journey.steps.len() > STEPS_MAX {
        let message = format!("a journey of {} steps is too long", journey.steps.len());
        checker.tell(&steps, message, format!("allowed: 1 to {STEPS_MAX}"));
    }
    let requests = journey.steps.iter().map(|step| &step.request);
    http::version(checker, path, (journey.version, "steps"), requests);
    let mut known = data::rules(checker, &path.then("data"), journey.data.as_ref());
    for (index, step) in journey.steps.iter().enumerate() {
        let path = steps.then(index);
        request(checker, &path, &step.request);
        let elsewhere = "a step before this one captures others; ";
        data::names(checker, &path, &step.request, &known, elsewhere);
        captures(checker, &path.then("capture"), step);
        known.extend(step.capture.iter().map(|(name, _)| name.as_str()));
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
