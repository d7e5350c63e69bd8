//! `cargo xtask test`: packages first, then every test program and the documentation's examples, counted as they run.
//!
//! A test that finds that it cannot run here appends a line `NAME<tab>REASON` to the file named by the environment
//! variable `SHAKEDOWN_SKIPS` and returns. Tests keep their open ledgers in a state folder below `target`, so that
//! neither they nor a real run of the same user are in each other's way.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use crate::packages;
use crate::project::{cargo, root};
use crate::say::say;
use crate::tally::Tally;

/// What the command line asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    install: bool,
    more: Vec<String>,
}

impl Options {
    /// Reads the arguments after `test`.
    ///
    /// # Errors
    /// The first argument that is not known.
    pub fn read(arguments: &[&str]) -> Result<Self, String> {
        let mut options = Self { install: true, more: Vec::new() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match *argument {
                "--no-install" => options.install = false,
                "--" => options.more = rest.by_ref().map(|it| (*it).to_owned()).collect(),
                unknown => return Err(unknown.to_owned()),
            }
        }
        Ok(options)
    }
}

/// Runs everything; true if nothing failed.
pub fn run(options: &Options) -> bool {
    packages::provide(options.install);
    let mut tally = Tally::default();
    let skips = match prepare() {
        Ok(skips) => skips,
        Err(error) => {
            say(&format!("cannot prepare {}: {error}", own_folder().display()));
            return false;
        }
    };
    // Examples in the documentation are their own kind of target to cargo.
    for (what, kind) in [("tests", "--all-targets"), ("documentation tests", "--doc")] {
        let succeeded = count(kind, &options.more, &skips, &mut tally);
        tally.end(what, succeeded.unwrap_or_else(|error| report(what, &error)));
    }
    tally.read_skips(&fs::read_to_string(&skips).unwrap_or_default());
    say(&format!("\n{}", tally.summary()));
    tally.is_green()
}

fn own_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("xtask")
}

/// An empty file for the names of tests that could not run.
fn prepare() -> io::Result<PathBuf> {
    fs::create_dir_all(own_folder().join("state"))?;
    let skips = own_folder().join("skips");
    fs::write(&skips, "")?;
    Ok(skips)
}

fn count(kind: &str, more: &[String], skips: &PathBuf, tally: &mut Tally) -> io::Result<bool> {
    let mut child = cargo()
        .args(["test", "--workspace", "--no-fail-fast", kind])
        .args(more)
        .env("SHAKEDOWN_SKIPS", skips)
        .env("SHAKEDOWN_STATE_DIR", own_folder().join("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = BufReader::new(child.stdout.take().expect("it was asked to be piped"));
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches('\n');
        say(text);
        tally.read(text);
        line.clear();
    }
    Ok(child.wait()?.success())
}

fn report(what: &str, error: &io::Error) -> bool {
    say(&format!("{what}: {error}"));
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_unknown_ones_named() {
        assert_eq!(Options::read(&[]), Ok(Options { install: true, more: vec![] }));
        let more = vec!["--release".to_owned(), "--no-install".to_owned()];
        assert_eq!(
            Options::read(&["--no-install", "--", "--release", "--no-install"]),
            Ok(Options { install: false, more })
        );
        assert_eq!(Options::read(&["--instal"]), Err("--instal".to_owned()));
    }
}
