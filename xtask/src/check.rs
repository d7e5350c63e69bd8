//! `cargo xtask check`: everything about the source that a program can judge. All steps run, whatever fails.

use std::process::Stdio;

use crate::project::{self, cargo};
use crate::say::say;
use crate::{floors, tidy};

/// A package that is not of the workspace.
const DRIVERS: &str = "harness/tests/clients/rust/Cargo.toml";

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Skipped(&'static str),
}

/// What it is called, and what carries it out.
type Step = (&'static str, fn() -> Outcome);

/// Runs all steps; true if none failed.
pub fn run() -> bool {
    let steps: [Step; 6] = [
        ("format", || cargo_step(&["fmt", "--all", "--check"])),
        ("format of the clients' drivers", || cargo_step(&["fmt", "--manifest-path", DRIVERS, "--check"])),
        ("tidy", rules),
        ("clippy", || cargo_step(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        ("documentation", documentation),
        ("licences and advisories", deny),
    ];
    let outcomes: Vec<(&str, Outcome)> =
        steps.into_iter().map(|(name, step)| (name, announced(name, step))).collect();
    say("");
    for (name, outcome) in &outcomes {
        match outcome {
            Outcome::Passed => say(&format!("check: {name}: passed")),
            Outcome::Failed => say(&format!("check: {name}: FAILED")),
            Outcome::Skipped(why) => say(&format!("check: {name}: skipped: {why}")),
        }
    }
    outcomes.iter().all(|(_, outcome)| *outcome != Outcome::Failed)
}

fn announced(name: &str, step: fn() -> Outcome) -> Outcome {
    say(&format!("check: {name}"));
    step()
}

fn cargo_step(arguments: &[&str]) -> Outcome {
    outcome(cargo().args(arguments).stdin(Stdio::null()).status().is_ok_and(|status| status.success()))
}

fn documentation() -> Outcome {
    let mut command = cargo();
    command.args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings");
    outcome(command.stdin(Stdio::null()).status().is_ok_and(|status| status.success()))
}

fn deny() -> Outcome {
    let mut version = cargo();
    version.args(["deny", "--version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if !version.status().is_ok_and(|status| status.success()) {
        return Outcome::Skipped(
            "cargo-deny is not installed; `cargo install --locked cargo-deny` provides it",
        );
    }
    cargo_step(&["deny", "check"])
}

fn rules() -> Outcome {
    let files = match project::files() {
        Ok(files) => files,
        Err(error) => {
            say(&format!("the project's files: {error}"));
            return Outcome::Failed;
        }
    };
    let mut broken = tidy::broken(&files);
    broken.extend(floors::broken(&files));
    broken.iter().for_each(|rule| say(rule));
    outcome(broken.is_empty())
}

const fn outcome(passed: bool) -> Outcome {
    if passed { Outcome::Passed } else { Outcome::Failed }
}
