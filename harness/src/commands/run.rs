//! `run`: an experiment from its file to its report.

use std::path::Path;

use anyhow::{Context as _, Result};
use shakedown_faults::ledger::Registry;
use shakedown_reports::journal::{FORMAT, Meta, Writer};
use shakedown_scenarios::plan::Plan;

use super::conclude::conclude;
use super::{experiments, races};
use crate::cli::Chance;
use crate::clock::{self, Clock};
use crate::console::{chain, tell};
use crate::exit::{Exit, Refused};
use crate::run_folder::RunFolder;
use crate::runner::Runner;
use crate::setup::{Prepared, Start};
use crate::{host, limits, preflight};

/// Where run folders stand unless `--out` names one.
const RUNS: &str = "runs";

/// `shakedown run`.
pub fn run(file: &Path, chance: &Chance, set: &[(String, String)], out: Option<&Path>) -> Result<Exit> {
    let source = experiments::open(file)?;
    let experiment = experiments::read(&source, set)?;
    let plan = experiments::fix(&experiment, chance)?;
    let registry = Registry::of_this_user().context("cannot use the state folder")?;
    preflight::check(&plan, &source.base, &registry)?;
    let models = races::of_experiment(&plan.experiment.races, &source.base, plan.seed)?;
    let folder = make_folder(&plan, out)?;
    let wall = clock::wall();
    let meta = Meta {
        format: FORMAT,
        run: folder.id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: wall.to_string(),
        again: again(&source.name, &plan, set),
        host: host::facts(),
    };
    folder.write_plan(&plan).with_context(|| format!("cannot write in {}", folder.path().display()))?;
    let journal = Writer::create(folder.path(), &meta)
        .with_context(|| format!("cannot keep a journal in {}", folder.path().display()))?;
    announce(&plan, &folder);
    limits::raise();
    let program = std::env::current_exe().context("cannot find this program")?;
    let start = Start { plan, folder: folder.clone(), base: source.base, program, registry };
    let outcome = super::runtime()?.block_on(async {
        let prepared = Prepared::new(start).map_err(|error| {
            let _ = journal.finish();
            folder.abandon();
            Refused(chain(&error))
        });
        let (prepared, keeper) = prepared?;
        let (mut runner, inbox) = Runner::new(prepared, keeper, journal, Clock::start());
        runner.note_models(models);
        anyhow::Ok(runner.run(inbox).await)
    })?;
    let judging = Clock::start();
    let analysis = shakedown_reports::report(folder.path(), &|| judging.now())?;
    conclude(folder.path(), &analysis);
    if let Some(why) = outcome.internal {
        tell(&format!("internal error: {why}"));
        return Ok(Exit::Internal);
    }
    Ok(Exit::from_code(analysis.exit_code()))
}

fn make_folder(plan: &Plan, out: Option<&Path>) -> Result<RunFolder> {
    let made = match out {
        Some(path) => RunFolder::create(path),
        None => {
            let time = clock::wall().strftime("%Y%m%d-%H%M%S").to_string();
            RunFolder::create_below(Path::new(RUNS), &plan.experiment.name, &time)
        }
    };
    made.map_err(|error| Refused(error.to_string()).into())
}

fn announce(plan: &Plan, folder: &RunFolder) {
    let total = plan.experiment.phases.total();
    tell(&format!("{}: {total}, seed {}, in {}", plan.experiment.name, plan.seed, folder.path().display()));
    if plan.rehearse > 1.0 {
        tell(&format!("a rehearsal: all durations divided by {}", plan.rehearse));
    }
}

/// The command that runs the same thing again.
fn again(file: &str, plan: &Plan, set: &[(String, String)]) -> Vec<String> {
    let mut argv = ["shakedown", "run", file, "--seed"].map(str::to_owned).to_vec();
    argv.push(plan.seed.to_string());
    if plan.rehearse > 1.0 {
        argv.extend(["--rehearse".to_owned(), plan.rehearse.to_string()]);
    }
    for (key, value) in set {
        argv.extend(["--set".to_owned(), format!("{key}={value}")]);
    }
    argv
}
