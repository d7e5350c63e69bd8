//! An experiment from its text: every problem at once, each with its place.
//!
//! Four steps: text to tree ([`crate::syntax`]), variables put in, tree to values, and a check of whether the
//! values fit together. Each step goes on after a mistake, so that one look at the output is enough to mend a file.
//! Reading the file itself is the caller's.

use crate::check;
use crate::experiment::Experiment;
use crate::problem::{Problem, Problems};
use crate::syntax::{self, Place};
use crate::words::{Dictionary, NoDictionary};

mod arrivals;
mod context;
mod experiment;
mod export;
mod fault;
mod fields;
mod gate;
mod guard;
mod probe;
mod scalar;
#[cfg(test)]
pub(crate) mod seen;
mod shapes;
mod target;
mod toxic;
mod variables;
mod words;
mod workload;

/// Reads and checks an experiment. `file` is what the text is called in messages; `set` gives variables other values
/// than the experiment does, by name. What is said in the words of protocols is not looked up: see [`read_with`].
///
/// # Errors
///
/// Everything that is wrong with it, in the order of the text.
pub fn read(file: &str, text: &str, set: &[(String, String)]) -> Result<Experiment, Problems> {
    read_with(file, text, set, &NoDictionary)
}

/// The same, with a dictionary that knows the words of protocols.
///
/// # Errors
///
/// Everything that is wrong with it, in the order of the text.
pub fn read_with(
    file: &str,
    text: &str,
    set: &[(String, String)],
    dictionary: &dyn Dictionary,
) -> Result<Experiment, Problems> {
    finished(&mut context::Context::default(), file, text, set, dictionary)
}

/// The whole way, with a context that was made for it.
fn finished(
    cx: &mut context::Context,
    file: &str,
    text: &str,
    set: &[(String, String)],
    dictionary: &dyn Dictionary,
) -> Result<Experiment, Problems> {
    let parsed = syntax::parse(text);
    let mut root = parsed.root;
    variables::put_in(cx, &mut root, set);
    let experiment = experiment::experiment(cx, &root);
    let mut problems = parsed.problems;
    problems.append(&mut cx.problems);
    if let Some(experiment) = &experiment
        && !parsed.lossy
    {
        problems.extend(check::check(experiment, &cx.places));
        problems.extend(check::look_up(experiment, &cx.places, dictionary));
    }
    match (Problems::of(file, text, problems), experiment) {
        (Some(problems), _) => Err(problems),
        (None, Some(experiment)) => Ok(experiment),
        (None, None) => Err(unreadable(file, text)),
    }
}

/// What gave nothing must have told why; should it ever not, that is told instead of a panic.
fn unreadable(file: &str, text: &str) -> Problems {
    let problem = Problem::new(Place::default(), "the experiment could not be read");
    Problems::of(file, text, vec![problem]).expect("one problem was just given")
}
