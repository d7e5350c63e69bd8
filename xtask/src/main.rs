//! The project's own chores: `cargo xtask test` and `cargo xtask check`.
//!
//! It uses nothing but the standard library, for it is compiled before the first test of a fresh clone runs. It does not
//! know what the tests test: it only counts what they say.

use std::process::ExitCode;

mod check;
mod floors;
mod packages;
mod project;
mod say;
mod tally;
mod test;
mod tidy;

use say::say;

const HELP: &str = "\
cargo xtask test [--no-install] [-- ARGUMENTS OF CARGO TEST]
    Runs every test and ends with a line `N passed, N failed, N skipped`; each skip is named with its reason.
    Debian packages that tests need are installed first where this may be done (as root, with apt-get), and named
    where not. --no-install only names them.

cargo xtask check
    Formatting, clippy, documentation, licences and advisories (where cargo-deny is installed), and the project's own
    rules.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let succeeded = match words[..] {
        ["test", ref options @ ..] => match test::Options::read(options) {
            Ok(options) => test::run(&options),
            Err(unknown) => usage(&format!("expected --no-install or --, found `{unknown}`")),
        },
        ["check"] => check::run(),
        ["help" | "--help" | "-h"] => {
            say(HELP);
            true
        }
        [] => usage("expected test or check"),
        [other, ..] => usage(&format!("expected test or check, found `{other}`")),
    };
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage(why: &str) -> bool {
    say(&format!("{why}\n\n{HELP}"));
    false
}
