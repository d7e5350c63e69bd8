//! One test: whether it is a model, how it ends, and the interleaving in which it failed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use shakedown_reports::journal::ModelOutcome;
use shakedown_scenarios::experiment::Engine;

use crate::cargo::Program;
use crate::child::{self, Said};
use crate::outcome::outcome;
use crate::trace;
use crate::{Limits, Model, Request, shuttle, tsan};

/// A test of a program that may be a model.
#[derive(Debug)]
pub(crate) struct Test<'a> {
    pub(crate) program: &'a Program,
    /// The test's name within its program.
    pub(crate) name: String,
    /// The folder for interleavings.
    pub(crate) keep: &'a Path,
}

/// A model says no to this number before it does anything else, and no other test ever looks at it.
pub(crate) const PROBE: &str = "probe";
/// So that a test that is no model and takes long does not hold the lane up.
pub(crate) const PROBING: Duration = Duration::from_secs(10);
/// An interleaving is kept so often while a model is played, so that the one that failed is found again soon.
const INTERVAL: u64 = 1_000;
/// The variables of loom, shuttle and ThreadSanitizer, of which none may come from outside.
const VARIABLES: [&str; 10] = [
    shuttle::SEED,
    tsan::OPTIONS,
    "LOOM_MAX_BRANCHES",
    "LOOM_MAX_PREEMPTIONS",
    "LOOM_MAX_PERMUTATIONS",
    "LOOM_MAX_DURATION",
    "LOOM_CHECKPOINT_FILE",
    "LOOM_CHECKPOINT_INTERVAL",
    "LOOM_LOG",
    "LOOM_LOCATION",
];

// === impl Test ===

impl Test<'_> {
    /// The program and the test.
    pub(crate) fn full_name(&self) -> String {
        format!("{}::{}", self.program.name, self.name)
    }

    /// Plays it; `None`: it is no model.
    #[expect(clippy::disallowed_methods, reason = "how long it took is told, and nothing is decided by it")]
    pub(crate) fn play(&self, request: &Request, keeps_checkpoints: bool) -> Option<Model> {
        let is_model = match request.engine {
            Engine::Loom => self.is_loom_model(),
            Engine::Shuttle => shuttle::is_model(self),
            Engine::Tsan => true,
        };
        if !is_model {
            return None;
        }
        let limits = &request.limits;
        let begun = Instant::now();
        let mut model = Model {
            name: self.full_name(),
            engine: request.engine,
            outcome: ModelOutcome::Assertion,
            iterations: None,
            preemptions: limits.preemptions,
            why: None,
            place: None,
            interleaving: Vec::new(),
            checkpoint: None,
            replay: None,
            seconds: 0.0,
        };
        let played = match request.engine {
            Engine::Loom => self.explore(&mut model, limits, keeps_checkpoints),
            Engine::Shuttle => shuttle::play(self, &mut model, limits.time, request.seed),
            Engine::Tsan => tsan::play(self, &mut model, limits.time),
        };
        if let Err(error) = played {
            model.why = Some(format!("it cannot be played: {error}"));
        }
        model.seconds = begun.elapsed().as_secs_f64();
        Some(model)
    }

    fn is_loom_model(&self) -> bool {
        let probe = self.run(&[("LOOM_MAX_BRANCHES", PROBE.into())], PROBING);
        probe.is_ok_and(|said| said.text.contains("invalid value for `LOOM_MAX_BRANCHES`"))
    }

    /// A file of this test's for an interleaving, of which there is none yet.
    pub(crate) fn file(&self, ending: &str) -> PathBuf {
        let file = self.keep.join(format!("{}.{ending}", self.full_name().replace("::", "-")));
        // One of an earlier time would be gone on from.
        let _ = fs::remove_file(&file);
        file
    }

    fn explore(&self, model: &mut Model, limits: &Limits, keeps_checkpoints: bool) -> io::Result<()> {
        let checkpoint = keeps_checkpoints.then(|| self.file("json"));
        let interval = limits.permutations.map_or(INTERVAL, |most| most.clamp(1, INTERVAL));
        let mut settings = bounds(limits);
        settings.push(("LOOM_LOG", "info".into()));
        settings.push(("LOOM_CHECKPOINT_INTERVAL", interval.to_string()));
        settings.extend(limits.permutations.map(|most| ("LOOM_MAX_PERMUTATIONS", most.to_string())));
        settings.extend(checkpoint.as_deref().map(|file| ("LOOM_CHECKPOINT_FILE", path(file))));
        let said = self.run(&settings, limits.time)?;
        (model.outcome, model.why) = outcome(&said, limits.permutations);
        model.iterations = said.completed().or_else(|| said.iterations());
        model.place = said.panic().and_then(|panic| panic.place()).filter(|_| model.outcome.is_failure());
        let base = said.iterations();
        match checkpoint {
            Some(file) if model.outcome.is_failure() => self.locate(model, limits, file, base),
            Some(file) => {
                // Nothing is to be played again.
                let _ = fs::remove_file(file);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Goes on from the last interleaving that was kept, keeping each, up to the one that fails; then plays that one aloud.
    fn locate(&self, model: &mut Model, limits: &Limits, file: PathBuf, base: Option<u64>) -> io::Result<()> {
        let mut settings = bounds(limits);
        settings.push(("LOOM_LOG", "info".into()));
        settings.push(("LOOM_CHECKPOINT_INTERVAL", "1".into()));
        settings.push(("LOOM_CHECKPOINT_FILE", path(&file)));
        let said = self.run(&settings, limits.time)?;
        if !outcome(&said, None).0.is_failure() {
            model.did_not_fail_again();
            return Ok(());
        }
        model.iterations = said.iterations().map(|count| base.map_or(count, |base| base + count - 1));
        let aloud = replay(&file);
        let said = self.run(&[bounds(limits), aloud.clone()].concat(), limits.time)?;
        self.tell(model, &said);
        model.replay = Some(self.command(&[bounds(limits), aloud].concat()));
        model.checkpoint = Some(file);
        Ok(())
    }

    fn tell(&self, model: &mut Model, said: &Said) {
        model.interleaving = trace::interleaving(&said.text);
        let (found, why) = outcome(said, None);
        // With places this time.
        model.place = said.panic().and_then(|panic| panic.place()).or_else(|| model.place.take());
        model.why = match found {
            ModelOutcome::Deadlock if trace::is_lost_wake_up(&said.text) => {
                Some("a lost wake-up: no thread can go on, and none waits for a lock".to_owned())
            }
            ModelOutcome::Deadlock => Some("no thread can go on, and some wait for locks".to_owned()),
            _ => why.or_else(|| model.why.take()),
        };
    }

    /// Runs the test once, with these variables and no others of an engine's.
    pub(crate) fn run(&self, settings: &[(&str, String)], time: Duration) -> io::Result<Said> {
        let mut command = Command::new(&self.program.path);
        command.args(["--exact", &self.name, "--nocapture", "--test-threads", "1"]);
        // A model may be marked as ignored, so that usual runs do not take so long.
        command.arg("--include-ignored").current_dir(&self.program.folder);
        VARIABLES.iter().for_each(|name| {
            command.env_remove(name);
        });
        command.env("NO_COLOR", "1").env("RUST_BACKTRACE", "0");
        command.envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
        child::run(&mut command, time)
    }

    /// What people type to have the same.
    pub(crate) fn command(&self, settings: &[(&str, String)]) -> String {
        let settings = settings.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let program = quoted(&path(&self.program.path));
        let run = format!("{program} --exact {} --include-ignored --nocapture", quoted(&self.name));
        format!(
            "(cd {} && {} {run})",
            quoted(&path(&self.program.folder)),
            settings.collect::<Vec<_>>().join(" ")
        )
    }
}

// === impl Model ===

impl Model {
    /// The interleaving that failed did not when it was played again.
    pub(crate) fn did_not_fail_again(&mut self) {
        let why = self.why.take().unwrap_or_default();
        let more = "played again it did not fail: it depends on more than the order of its threads";
        self.why = Some(format!("{why}; {more}"));
    }
}

/// The bounds of the space itself, which every playing of a model must share.
fn bounds(limits: &Limits) -> Vec<(&'static str, String)> {
    let branches = ("LOOM_MAX_BRANCHES", limits.branches.to_string());
    let preemptions = limits.preemptions.map(|most| ("LOOM_MAX_PREEMPTIONS", most.to_string()));
    [branches].into_iter().chain(preemptions).collect()
}

/// One interleaving from a file, which stays as it is, aloud.
fn replay(file: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("LOOM_CHECKPOINT_FILE", path(file)),
        ("LOOM_CHECKPOINT_INTERVAL", u64::MAX.to_string()),
        ("LOOM_LOG", "trace".into()),
        ("LOOM_LOCATION", "1".into()),
    ]
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// As a shell reads it back.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-:=+,".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_quoted_where_it_must_be() {
        assert_eq!(quoted("/t/a-1.json"), "/t/a-1.json");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        assert_eq!(quoted(""), "''");
    }
}
