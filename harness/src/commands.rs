//! What the commands do. Each returns the exit code; what goes wrong before there is one becomes a message and a code
//! in [`dispatch`].

mod conclude;
mod experiments;
mod history;
mod leaks;
mod proxy;
mod races;
mod recover;
mod run;
mod schema;

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use shakedown_faults::{guardian, pressure};
use shakedown_scenarios::library::{self, LIBRARY};
use shakedown_scenarios::template::{self, TEMPLATES};

use crate::cli::{Cli, Command};
use crate::clock::Clock;
use crate::console::{chain, put, say, tell};
use crate::exit::{Exit, Refused, Wrong};
use crate::{demo, doctor, postgres};

/// Carries a command out.
#[must_use]
pub fn dispatch(cli: Cli) -> Exit {
    match carry_out(cli.command) {
        Ok(exit) => exit,
        Err(error) => {
            tell_error(&error);
            if error.is::<Refused>() || error.is::<Wrong>() { Exit::Usage } else { Exit::Internal }
        }
    }
}

/// Writes an error to standard error. A wrong experiment's text is whole as it is.
fn tell_error(error: &anyhow::Error) {
    tell(&if error.is::<Wrong>() { error.to_string() } else { format!("error: {error:#}") });
}

fn carry_out(command: Command) -> Result<Exit> {
    match command {
        Command::Check { files, variables } => Ok(experiments::check(&files, &variables.set)),
        Command::Plan { file, chance, variables, ron } => {
            experiments::plan(&file, &chance, &variables.set, ron)
        }
        Command::Run { file, chance, variables, out } => {
            run::run(&file, &chance, &variables.set, out.as_deref())
        }
        Command::Report { run } => report(&run),
        Command::Proxy(options) => proxy::proxy(&options),
        Command::Leaks(options) => leaks::leaks(&options),
        Command::Races(options) => races::races(&options),
        Command::History(options) => history::history(&options),
        Command::Recover => recover::recover(),
        Command::Doctor => doctor(),
        Command::List { name } => list(name.as_deref()),
        Command::New { template } => new(template.as_deref()),
        Command::Schema { words, all } => schema::schema(&words, all),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "shakedown", &mut script);
            put(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Pass)
        }
        Command::Postgres(options) => match postgres::become_server(&options)? {},
        Command::Demo(options) => Ok(runtime()?.block_on(demo::serve(options)).map(|()| Exit::Pass)?),
        Command::Guardian { ledger } => Ok(guardian::run(&ledger, std::io::stdin()).map(|()| Exit::Pass)?),
        Command::Injector { spec } => Ok(pressure::run(&pressure::Spec::parse(&spec)?).map(|()| Exit::Pass)?),
    }
}

/// The runtime of everything that is not load: two threads are enough for proxies and bookkeeping.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

fn report(run: &Path) -> Result<Exit> {
    let clock = Clock::start();
    let analysis = shakedown_reports::report(run, &|| clock.now()).map_err(|error| Refused(chain(&error)))?;
    conclude::conclude(run, &analysis);
    conclude::tell_ledger(run);
    Ok(Exit::from_code(analysis.exit_code()))
}

fn doctor() -> Result<Exit> {
    put(&doctor::print(&doctor::examine()))?;
    Ok(Exit::Pass)
}

fn list(name: Option<&str>) -> Result<Exit> {
    let Some(name) = name else {
        for entry in LIBRARY {
            say(&format!("{:<22} {}", entry.name, entry.about()));
        }
        say("\nRun one with `shakedown run NAME`; print its text with `shakedown list NAME`.");
        return Ok(Exit::Pass);
    };
    let text = library::find(name).map(|entry| entry.text);
    let text = text.or_else(|| library::find_file(name).map(|file| file.text));
    let text =
        text.ok_or_else(|| unknown("library experiment", name, LIBRARY.iter().map(|entry| entry.name)))?;
    put(text)?;
    Ok(Exit::Pass)
}

fn new(name: Option<&str>) -> Result<Exit> {
    let Some(name) = name else {
        for template in TEMPLATES {
            say(&format!("{:<16} {}", template.name, template.about));
        }
        say("\nPrint one with `shakedown new NAME > mine.ron`.");
        return Ok(Exit::Pass);
    };
    let template = template::find(name);
    let template =
        template.ok_or_else(|| unknown("template", name, TEMPLATES.iter().map(|template| template.name)))?;
    put(template.text)?;
    Ok(Exit::Pass)
}

fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> anyhow::Error {
    let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
    Refused(format!("no {kind} `{name}`; there are {}", known.join(", "))).into()
}
