//! What is left when harnesses, guardians and injectors die: nothing.
//!
//! This binary plays all parts itself. Called with the name of a part it plays that; otherwise it runs the tests.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod deaths;
mod parts;
mod pressures;
mod stage;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(part) = arguments.get(1).and_then(|name| parts::find(name)) {
        return part(&arguments[2..]);
    }
    let mut trials = deaths::trials();
    trials.extend(pressures::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// A test by the name of its function.
fn trial(name: &str, test: fn()) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}
