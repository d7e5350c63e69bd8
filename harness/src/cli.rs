//! The command line: its words and their help. What the commands do is in [`crate::commands`].

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueHint};
use clap_complete::Shell;

/// A way to see it work at once, and the exit codes, below every long help.
const AFTER_HELP: &str = "\
First steps:
  shakedown list                              the experiments that come along
  shakedown run quickstart                    load and break a demonstration server, about a minute
  shakedown new http > mine.ron               a first experiment of your own, with comments
  shakedown check mine.ron && shakedown plan mine.ron && shakedown run mine.ron

Exit codes:
  0 pass   1 fail (gate, hypothesis or finding)   2 inconclusive   3 stopped by the guard
  4 a fault could not be undone   64 bad experiment or usage   70 internal error   130/143 signalled";

/// Load a server, break what is around it, and see what it does.
///
/// shakedown reads an experiment (a RON file), starts the targets in it, drives load through a fault-injecting proxy,
/// injects faults on a fixed timeline, and writes a report with a verdict. Every fault is undone whatever happens.
#[derive(Debug, Parser)]
#[command(name = "shakedown", version, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read experiments and tell all problems at once, with their places
    #[command(after_help = "Exit codes: 0 all are right; 64 some are not.")]
    Check {
        /// Experiment files, or names from `shakedown list`
        #[arg(required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
        /// Values for its variables
        #[command(flatten)]
        variables: Variables,
    },

    /// Print the timeline of an experiment; touches nothing
    Plan {
        /// Experiment file, or a name from `shakedown list`
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Seed and speed
        #[command(flatten)]
        chance: Chance,
        /// Values for its variables
        #[command(flatten)]
        variables: Variables,
        /// Print the whole plan as RON: what a run folder holds as plan.ron
        #[arg(long)]
        ron: bool,
    },

    /// Run an experiment and write its report
    Run {
        /// Experiment file, or a name from `shakedown list`
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Seed and speed
        #[command(flatten)]
        chance: Chance,
        /// Values for its variables
        #[command(flatten)]
        variables: Variables,
        /// The run folder: must not exist yet, or be empty [default: a new one below runs/]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        out: Option<PathBuf>,
    },

    /// Judge a run again and write its report anew; works on killed runs too
    Report {
        /// The run folder
        #[arg(value_hint = ValueHint::DirPath)]
        run: PathBuf,
    },

    /// Undo what runs left behind whose harness and guardian are both dead
    #[command(after_help = "Exit codes: 0 nothing is left; 4 something could not be undone.")]
    Recover,

    /// Tell what this host can and cannot do, and what is missing
    Doctor,

    /// List the experiments that come along
    List {
        /// Print this one's text instead
        name: Option<String>,
    },

    /// Print a first experiment with comments
    New {
        /// The template; without it, the templates are listed
        template: Option<String>,
    },

    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },

    /// The demonstration target of the quickstart
    #[command(hide = true)]
    Demo(crate::demo::Options),

    /// Undo the faults of a run whose harness dies (started by `run`)
    #[command(hide = true)]
    Guardian {
        /// The ledger to watch over
        ledger: PathBuf,
    },

    /// Press on the host (started by `run`)
    #[command(hide = true)]
    Injector {
        /// What to press, as JSON
        spec: String,
    },
}

/// Values put in for an experiment's variables.
#[derive(Debug, clap::Args)]
pub struct Variables {
    /// Give a variable of the experiment another value
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
}

/// Where chance comes from, and how fast the clock of the plan runs.
#[derive(Debug, clap::Args)]
pub struct Chance {
    /// Everything random comes from this number [default: a new one, printed]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Divide all durations of the timeline by this: a dress rehearsal, stamped as such
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    pub rehearse: f64,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

fn factor(text: &str) -> Result<f64, String> {
    let wrong = || "expected a number from 1 to 100000".to_owned();
    let factor: f64 = text.parse().map_err(|_| wrong())?;
    if (1.0..=100_000.0).contains(&factor) { Ok(factor) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_set_without_a_value_is_refused() {
        assert!(key_value("rate").is_err());
        assert!(key_value("=5").is_err());
        assert_eq!(key_value("a=b=c"), Ok(("a".into(), "b=c".into())));
    }
}
