//! `shakedown races`: the models of races of a package, each played in a process of its own.

use std::io::{self, IsTerminal as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Mutex;

use anyhow::Result;
use serde_json::{Value, json};
use shakedown_races::{Limits, Model, Races, Request, play};
use shakedown_reports::journal::{ModelOutcome, ModelPlayed};
use shakedown_reports::show;
use shakedown_scenarios::experiment::{Engine, Races as OfExperiment};

use crate::cli::RacesOptions;
use crate::clock;
use crate::console::{printable, put, tell};
use crate::exit::{Exit, Refused};

/// Builds, plays and tells. On a terminal each model is told as it ends, and what failed once more with its interleaving.
pub fn races(options: &RacesOptions) -> Result<Exit> {
    check(options)?;
    let seed = options.seed.map_or_else(clock::fresh_seed, Ok)?;
    let as_json = options.json || !io::stdout().is_terminal();
    // The first output that fails; models are told by several threads.
    let failed: Mutex<Option<io::Error>> = Mutex::new(None);
    let progress = |model: &Model| {
        if !as_json
            && let Err(error) = put(&line(model))
            && let Ok(mut failed) = failed.lock()
        {
            failed.get_or_insert(error);
        }
    };
    let races =
        play(&request(options, seed), &progress).map_err(|error| Refused(printable(&error.to_string())))?;
    if let Ok(Some(error)) = failed.into_inner() {
        return Err(error.into());
    }
    if races.models.is_empty() {
        let named = if options.filters.is_empty() { "" } else { " with such a name" };
        tell(&format!("expected at least one model{named}, found none: {}", first_step(options.engine)));
        return Ok(Exit::Usage);
    }
    put(&if as_json { format!("{}\n", answer(&races)) } else { told(&races) })?;
    Ok(exit(&races))
}

/// Plays the models that an experiment names, before anything of it begins: building them would disturb its load.
pub(super) fn of_experiment(races: &[OfExperiment], base: &Path, seed: u64) -> Result<Vec<ModelPlayed>> {
    let mut models = Vec::new();
    for races in races {
        tell(&format!("playing the models of {}", printable(&races.manifest)));
        let request = Request {
            manifest: Some(base.join(&races.manifest)),
            engine: races.engine,
            toolchain: None,
            seed,
            package: races.package.clone(),
            tests: races.tests.clone(),
            features: Vec::new(),
            release: races.release,
            cfg: races.cfg.clone(),
            filters: races.only.clone(),
            limits: Limits {
                preemptions: races.preemptions,
                time: races.time.duration(),
                ..Limits::default()
            },
            jobs: cores(),
            keep: None,
        };
        let found = play(&request, &|_| {})
            .map_err(|error| Refused(format!("races: {}", printable(&error.to_string()))))?;
        if found.models.is_empty() {
            return Err(Refused(format!(
                "races: {} has no model that is asked for",
                printable(&races.manifest)
            ))
            .into());
        }
        models.extend(found.models.into_iter().map(on_record));
    }
    Ok(models)
}

fn on_record(model: Model) -> ModelPlayed {
    let Model { name, engine, outcome, iterations, preemptions, why, place, interleaving, replay, .. } =
        model;
    ModelPlayed { name, engine, outcome, iterations, preemptions, why, place, interleaving, replay }
}

fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// What to write where there is no model yet.
const fn first_step(engine: Engine) -> &'static str {
    match engine {
        Engine::Loom => "write a test that calls `loom::model` below `#[cfg(loom)]`",
        Engine::Shuttle => {
            "write a test that calls `shuttle::check_random` or `shuttle::check_pct` below `#[cfg(shuttle)]`"
        }
        Engine::Tsan => "write a test in which threads share something",
    }
}

/// An option that the engine has no use for would be believed to have had one.
fn check(options: &RacesOptions) -> Result<()> {
    let of = |engine: Engine, name: &'static str, is_given: bool| {
        (is_given && options.engine != engine).then(|| (engine.word(), name))
    };
    let idle = [
        of(Engine::Loom, "--preemptions", options.preemptions.is_some()),
        of(Engine::Loom, "--permutations", options.permutations.is_some()),
        of(Engine::Shuttle, "--seed", options.seed.is_some()),
        of(Engine::Tsan, "--toolchain", options.toolchain.is_some()),
    ];
    match idle.into_iter().flatten().next() {
        Some((engine, name)) => {
            let found = options.engine.word();
            Err(Refused(format!("{name} is for --engine {engine}, found --engine {found}: leave it out"))
                .into())
        }
        None => Ok(()),
    }
}

fn request(options: &RacesOptions, seed: u64) -> Request {
    let cfg = options.cfg.as_deref().or_else(|| options.engine.cfg());
    Request {
        engine: options.engine,
        toolchain: options.toolchain.clone(),
        seed,
        manifest: options.manifest_path.clone(),
        package: options.package.clone(),
        tests: options.tests.clone(),
        features: options.features.clone(),
        release: options.release,
        cfg: cfg.filter(|cfg| *cfg != "none").map(str::to_owned),
        filters: options.filters.clone(),
        limits: Limits {
            preemptions: options.preemptions,
            branches: options.branches.get(),
            permutations: options.permutations,
            time: options.time.duration(),
        },
        jobs: options.jobs.unwrap_or_else(cores),
        keep: options.keep.clone(),
    }
}

fn exit(races: &Races) -> Exit {
    match verdict(races) {
        "fail" => Exit::Fail,
        "inconclusive" => Exit::Inconclusive,
        _ => Exit::Pass,
    }
}

fn verdict(races: &Races) -> &'static str {
    let any = |is: fn(ModelOutcome) -> bool| races.models.iter().any(|model| is(model.outcome));
    match () {
        () if any(ModelOutcome::is_failure) => "fail",
        () if any(|outcome| outcome == ModelOutcome::Limit) => "inconclusive",
        () => "pass",
    }
}

fn answer(races: &Races) -> Value {
    json!({ "verdict": verdict(races), "models": races.models })
}

fn line(model: &Model) -> String {
    let counted = |count: u64| {
        let bound = model.preemptions.map_or(String::new(), |most| format!(", {most} preemptions at most"));
        format!("{} interleaving{}{bound}", show::count(count as f64), if count == 1 { "" } else { "s" })
    };
    let played = match model.engine {
        Engine::Loom => model.iterations.map_or(String::new(), counted),
        Engine::Shuttle => "random interleavings".to_owned(),
        Engine::Tsan => "one run, watched".to_owned(),
    };
    format!("{:<9}  {}  {played}\n", model.outcome.word(), printable(&model.name))
}

fn told(races: &Races) -> String {
    let mut text = String::new();
    let told = races.models.iter().filter(|model| model.outcome != ModelOutcome::Pass);
    for model in told {
        text.push_str(&format!("\n{}: {}\n", model.outcome.word(), printable(&model.name)));
        for part in model.why.iter().chain(&model.place) {
            text.push_str(&format!("  {}\n", printable(part)));
        }
        for step in &model.interleaving {
            text.push_str(&format!("    {}\n", printable(step)));
        }
        if let Some(replay) = &model.replay {
            text.push_str(&format!("  again: {}\n", printable(replay)));
        }
    }
    let count = |is: fn(ModelOutcome) -> bool| races.models.iter().filter(|model| is(model.outcome)).count();
    let (failed, open) = (count(ModelOutcome::is_failure), count(|outcome| outcome == ModelOutcome::Limit));
    text.push_str(&format!("\n{} models: {failed} failed, {open} at a limit\n", races.models.len()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(outcome: ModelOutcome) -> Model {
        Model {
            name: "pairs::pool".to_owned(),
            engine: Engine::Loom,
            outcome,
            iterations: Some(7),
            preemptions: None,
            why: Some("two\u{1b}[1m".to_owned()),
            place: Some("src/pool.rs:1:2".to_owned()),
            interleaving: vec!["thread 0  load".to_owned()],
            checkpoint: None,
            replay: Some("again".to_owned()),
            seconds: 0.5,
        }
    }

    #[test]
    fn the_worst_model_decides() {
        let races =
            |outcomes: &[ModelOutcome]| Races { models: outcomes.iter().copied().map(model).collect() };
        assert_eq!(exit(&races(&[ModelOutcome::Pass])), Exit::Pass);
        assert_eq!(exit(&races(&[ModelOutcome::Pass, ModelOutcome::Limit])), Exit::Inconclusive);
        assert_eq!(exit(&races(&[ModelOutcome::Limit, ModelOutcome::Race])), Exit::Fail);
        let answer = answer(&races(&[ModelOutcome::Deadlock])).to_string();
        for part in
            [r#""outcome":"deadlock""#, r#""iterations":7"#, r#""replay":"again""#, r#""verdict":"fail""#]
        {
            assert!(answer.contains(part), "{answer}");
        }
    }

    #[test]
    fn what_a_model_says_cannot_move_the_terminal() {
        let text = told(&Races { models: vec![model(ModelOutcome::Race)] });
        assert!(!text.contains('\u{1b}') && text.contains("thread 0  load"), "{text}");
    }
}
