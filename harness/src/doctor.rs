//! What this machine can do for an experiment, and what to do about what it cannot.
//!
//! Every check looks at one thing and never changes any, but for a file that it makes in the state folder and takes away
//! again. It does not know a particular experiment: `shakedown check` says what one of those needs.

use std::fmt::Write as _;

use crate::console::printable;

mod machine;
mod places;
mod programs;
mod toolchain;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it is about.
    pub name: &'static str,
    /// How well it serves.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do, or what will not work; empty where all is well.
    pub advice: String,
}

/// How well something serves. The worse is the larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Good,
    /// It works, with less than there could be.
    Limited,
    /// What needs it does not work here.
    Missing,
}

/// Looks at everything. Takes less than a second; programs that do not answer are given up after two.
#[must_use]
pub fn examine() -> Vec<Check> {
    let mut checks = machine::examine();
    checks.extend(places::examine());
    checks.extend(programs::examine());
    checks.extend(toolchain::examine());
    checks
}

/// The checks as a table for people, with a line that sums them up.
#[must_use]
pub fn print(checks: &[Check]) -> String {
    let mut text = String::new();
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    for Check { name, state, found, advice } in checks {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{state:>7}  {name:<width$}  {found}",
            state = state.word(),
            found = printable(found)
        );
        if !advice.is_empty() {
            let _ = writeln!(text, "{:>7}  {:<width$}  → {}", "", "", printable(advice));
        }
    }
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    let (good, limited, missing) = (count(State::Good), count(State::Limited), count(State::Missing));
    let _ = writeln!(text, "\n{good} good, {limited} limited, {missing} missing");
    text
}

// === impl Check ===

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Good, found: found.into(), advice: String::new() }
    }

    fn limited(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, state: State::Limited, found: found.into(), advice: advice.into() }
    }

    fn missing(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, state: State::Missing, found: found.into(), advice: advice.into() }
    }
}

// === impl State ===

impl State {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Limited => "limited",
            Self::Missing => "missing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_stands_below_what_it_is_about() {
        let checks =
            [Check::good("cores", "2"), Check::missing("nginx", "not found\u{1b}[2J", "install nginx")];
        assert_eq!(
            print(&checks),
            "   good  cores  2\nmissing  nginx  not found\\u{1b}[2J\n                → install nginx\n\n1 good, 0 limited, 1 missing\n"
        );
    }

    #[test]
    fn this_machine_is_examined_whole() {
        let checks = examine();
        for name in [
            "kernel",
            "cores",
            "memory",
            "descriptors",
            "pidfd",
            "timers",
            "state folder",
            "open ledgers",
            "nginx",
            "postgresql",
            "cargo",
            "thread sanitizer",
        ] {
            assert!(checks.iter().any(|check| check.name == name), "{name}: {checks:?}");
        }
        for check in &checks {
            assert!(!check.found.is_empty(), "{check:?}");
            assert_eq!(check.state == State::Good, check.advice.is_empty(), "{check:?}");
        }
    }
}
