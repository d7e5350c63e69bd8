//! The one binary. Everything it can do is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use shakedown::cli::{self, Cli};
use shakedown::{commands, exit};

fn main() -> ExitCode {
    match Cli::try_parse_from(cli::normalized(std::env::args_os())) {
        Ok(cli) => commands::dispatch(cli).into(),
        Err(error) => {
            let _ = error.print();
            if error.use_stderr() { exit::Exit::Usage.into() } else { ExitCode::SUCCESS }
        }
    }
}
