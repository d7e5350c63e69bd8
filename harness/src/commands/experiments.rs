//! `check` and `plan`: reading experiments and telling what they would do.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use shakedown_link_faults::Vocabulary;
use shakedown_scenarios::experiment::Experiment;
use shakedown_scenarios::library::{self, Companion, LIBRARY};
use shakedown_scenarios::plan::{self, Plan};
use shakedown_scenarios::read;

use crate::authorities;
use crate::cli::Chance;
use crate::clock;
use crate::console::{put, say, wants_color};
use crate::exit::{Exit, Refused, Wrong};
use crate::traces::{self, Folder};

/// An experiment's text and where it came from.
pub struct Source {
    /// How messages name it.
    pub name: String,
    /// The text.
    pub text: String,
    /// The folder relative paths in it start from.
    pub base: PathBuf,
    /// Files that it names and that came along with it; others are looked for in `base`.
    pub files: &'static [Companion],
}

/// `shakedown check`.
pub fn check(files: &[PathBuf], set: &[(String, String)]) -> Exit {
    let mut exit = Exit::Pass;
    for file in files {
        match open(file).and_then(|source| read(&source, set).map(|experiment| (source, experiment))) {
            Ok((source, experiment)) => say(&format!("{}: right ({})", source.name, in_short(&experiment))),
            Err(error) => {
                super::tell_error(&error);
                exit = Exit::Usage;
            }
        }
    }
    exit
}

/// `shakedown plan`.
pub fn plan(file: &Path, chance: &Chance, set: &[(String, String)], ron: bool) -> Result<Exit> {
    let experiment = read(&open(file)?, set)?;
    let plan = fix(&experiment, chance)?;
    put(&if ron { plan.to_ron() } else { plan.timeline() })?;
    Ok(Exit::Pass)
}

/// Fixes every moment of an experiment.
pub fn fix(experiment: &Experiment, chance: &Chance) -> Result<Plan> {
    let seed = chance.seed.map_or_else(clock::fresh_seed, Ok)?;
    plan::plan(experiment, seed, chance.rehearse).map_err(|error| Refused(error.to_string()).into())
}

/// Reads a file, or the library's experiment of that name where there is no such file.
pub fn open(file: &Path) -> Result<Source> {
    /// What `shakedown-scenarios` reads at the most; a larger file is not even loaded.
    const LARGEST: u64 = 1 << 20;
    let name = file.display().to_string();
    let refused = |error: io::Error| Refused(format!("cannot read {name}: {error}"));
    if let Ok(metadata) = fs::metadata(file) {
        if !metadata.is_file() {
            return Err(Refused(format!("cannot read {name}: it is no file")).into());
        }
        if metadata.len() > LARGEST {
            return Err(Refused(format!("cannot read {name}: it is larger than 1 MiB")).into());
        }
        let bytes = fs::read(file).map_err(refused)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            Refused(format!(
                "cannot read {name}: no UTF-8 text from byte {}",
                error.utf8_error().valid_up_to()
            ))
        })?;
        let base = file.canonicalize().map_err(refused)?;
        let base = base.parent().unwrap_or(Path::new("/")).to_owned();
        return Ok(Source { name, text, base, files: &[] });
    }
    match library::find(&name) {
        Some(entry) => {
            let base = std::env::current_dir()?;
            Ok(Source { name, text: entry.text.to_owned(), base, files: entry.files })
        }
        None => {
            let names: Vec<_> = LIBRARY.iter().map(|entry| entry.name).collect();
            let names = names.join(", ");
            Err(Refused(format!(
                "no file {name}, and no experiment of that name comes along (there are {names})"
            ))
            .into())
        }
    }
}

/// Reads and checks, reads the files that load is made of, and looks at the certificates that are to be trusted; the
/// error is the whole text for people.
pub fn read(source: &Source, set: &[(String, String)]) -> Result<Experiment> {
    let mut experiment = read::read_with(&source.name, &source.text, set, &Vocabulary)
        .map_err(|problems| Wrong(problems.render(wants_color()).trim_end().to_owned()))?;
    let folder = Folder { base: &source.base, files: source.files };
    traces::read_into(&mut experiment, folder).map_err(|problems| of_files(source, &problems))?;
    authorities::look_at(&experiment, &source.base).map_err(|problems| of_files(source, &problems))?;
    Ok(experiment)
}

/// What is wrong with the files that an experiment names, told as what is wrong with its text is.
fn of_files(source: &Source, problems: &[impl Display]) -> Wrong {
    let name = &source.name;
    let mut told: Vec<String> =
        problems.iter().map(|problem| format!("error: {problem}\n  --> {name}\n")).collect();
    let noun = if problems.len() == 1 { "problem" } else { "problems" };
    told.push(format!("{} {noun} in {name}", problems.len()));
    Wrong(told.join("\n"))
}

fn in_short(experiment: &Experiment) -> String {
    let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    [
        count(experiment.targets.len(), "target"),
        count(experiment.workloads.len(), "workload"),
        count(experiment.faults.len(), "fault"),
        count(experiment.gates.len(), "gate"),
        experiment.phases.total().to_string(),
    ]
    .join(", ")
}
