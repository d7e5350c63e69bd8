//! Runs the models of races of a package and tells what they found.
//!
//! [loom](https://docs.rs/loom) plays a small concurrent program in every order in which its threads can run, and with every
//! value that a load may see. A model is a test that a build with `--cfg loom` holds. This lane builds the tests of a package
//! that way, finds the models among them, plays **each in a process of its own** (a model that deadlocks aborts), and turns
//! how each ended into an [`ModelOutcome`]. What failed is played twice more: once to keep the very interleaving that failed in a
//! file, once from that file to tell it step by step.
//!
//! A model that was not played to its end is no pass: [`ModelOutcome::Limit`] is inconclusive.
//!
//! [shuttle](https://docs.rs/shuttle) plays models that are too large for that in many random orders, and ThreadSanitizer
//! watches any test while it runs once. What they find is real; that they find nothing proves nothing, so each model says
//! which [`Engine`] played it.

mod cargo;
mod child;
mod model;
mod outcome;
mod shuttle;
mod trace;
mod tsan;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use shakedown_reports::journal::ModelOutcome;
use shakedown_scenarios::experiment::Engine;

pub use cargo::BuildError;
pub use tsan::missing as missing_for_tsan;

/// What is to be played, and how far.
#[derive(Clone, Debug)]
pub struct Request {
    /// What plays the models.
    pub engine: Engine,
    /// The toolchain that builds for ThreadSanitizer, as rustup names it; `None`: `nightly`. Others are built with the
    /// present one.
    pub toolchain: Option<String>,
    /// Where shuttle's chance comes from.
    pub seed: u64,
    /// A package's `Cargo.toml`; `None`: that of the present folder.
    pub manifest: Option<PathBuf>,
    /// A package of that workspace.
    pub package: Option<String>,
    /// Only these integration tests (`tests/NAME.rs`); empty: all test programs.
    pub tests: Vec<String>,
    /// Features to build with, as cargo takes them.
    pub features: Vec<String>,
    /// Build with optimisation: building takes longer, playing is some ten times as fast.
    pub release: bool,
    /// What the build is configured with beside the usual, as [`Engine::cfg`] has it for nearly everybody; `None` for models
    /// that need nothing.
    pub cfg: Option<String>,
    /// Only models whose name holds one of these; empty: all.
    pub filters: Vec<String>,
    /// How far each is played.
    pub limits: Limits,
    /// Models played at once.
    pub jobs: NonZeroUsize,
    /// Where the interleavings of failures are kept; `None`: in `races` within the target folder.
    pub keep: Option<PathBuf>,
}

/// How far a model is played. What passes any of these is [`ModelOutcome::Limit`], but for `preemptions`, which makes the space
/// itself smaller and is told with a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How often a thread may be interrupted where it could have gone on; `None`: as often as it can. Most races need two
    /// (Musuvathi and Qadeer, "Iterative context bounding", 2007).
    pub preemptions: Option<u8>,
    /// Switches in one interleaving. A thread that spins passes any limit.
    pub branches: usize,
    /// Interleavings; `None`: no limit.
    pub permutations: Option<u64>,
    /// Time for each model.
    pub time: Duration,
}

/// What came of one model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Model {
    /// The test program and the test: `pairs::lock_order::buggy`.
    pub name: String,
    /// What played it.
    pub engine: Engine,
    /// How it ended.
    pub outcome: ModelOutcome,
    /// Interleavings that were played, the failing one included; `None`: the model does not tell (it does not go through
    /// `loom::model`).
    pub iterations: Option<u64>,
    /// How often a thread could be interrupted at most, where that was limited.
    pub preemptions: Option<u8>,
    /// What was wrong, in one line; for a pass nothing.
    pub why: Option<String>,
    /// Where: `src/pool.rs:18:43`, as the compiler names it.
    pub place: Option<String>,
    /// The failing interleaving, a step a line.
    pub interleaving: Vec<String>,
    /// Where the failing interleaving is kept.
    pub checkpoint: Option<PathBuf>,
    /// The command that plays exactly that interleaving again; with ThreadSanitizer, the test.
    pub replay: Option<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// What came of all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Races {
    /// In the order of their programs and tests.
    pub models: Vec<Model>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { preemptions: None, branches: 10_000, permutations: None, time: Duration::from_secs(60) }
    }
}

/// Builds, finds and plays the models. `progress` hears of each as it ends.
///
/// # Errors
///
/// If the tests cannot be built or listed, or no file can be kept.
pub fn play(request: &Request, progress: &(dyn Fn(&Model) + Sync)) -> Result<Races, BuildError> {
    let build = cargo::build(request)?;
    let keep = request.keep.clone().unwrap_or_else(|| build.target.join("races"));
    std::fs::create_dir_all(&keep)
        .map_err(|error| BuildError::Keep { folder: keep.clone(), why: error.to_string() })?;
    let mut tests = Vec::new();
    for program in &build.programs {
        let listed = cargo::list(program)?;
        let named = listed.into_iter().map(|test| model::Test { program, name: test, keep: &keep });
        tests.extend(named.filter(|test| is_asked_for(&test.full_name(), &request.filters)));
    }
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, Model)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..request.jobs.get().min(tests.len()) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(test) = tests.get(number) else { return };
                    if let Some(model) = test.play(request, build.keeps_checkpoints) {
                        progress(&model);
                        found.lock().unwrap_or_else(PoisonError::into_inner).push((number, model));
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(number, _)| *number);
    Ok(Races { models: found.into_iter().map(|(_, model)| model).collect() })
}

fn is_asked_for(name: &str, filters: &[String]) -> bool {
    filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
}
