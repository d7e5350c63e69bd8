//! Builds the tests of a package, and lists them.

use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use shakedown_scenarios::experiment::Engine;

use crate::child::{self, Ended};
use crate::{Request, tsan};

/// Why nothing was played.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No cargo.
    #[error("cannot run cargo, which builds the models: {0}")]
    NoCargo(#[source] io::Error),
    /// Cargo could not make sense of the manifest.
    #[error("cargo does not accept the package: {0}")]
    Manifest(String),
    /// ThreadSanitizer cannot be had.
    #[error("ThreadSanitizer needs {0}")]
    Tsan(String),
    /// The tests do not build; cargo has told why.
    #[error("the tests do not build with {flags}; cargo has told why")]
    Failed {
        /// How they were built.
        flags: String,
    },
    /// A test program does not list its tests.
    #[error("expected {program} to list its tests, found: {found}")]
    List {
        /// The program.
        program: PathBuf,
        /// What it said instead.
        found: String,
    },
    /// There is no place for interleavings.
    #[error("cannot keep interleavings in {folder}: {why}")]
    Keep {
        /// The folder.
        folder: PathBuf,
        /// Why.
        why: String,
    },
}

/// Tests, built.
#[derive(Debug)]
pub(crate) struct Build {
    /// The target folder of the lane.
    pub(crate) target: PathBuf,
    /// The programs in the order in which cargo made them.
    pub(crate) programs: Vec<Program>,
    /// Whether loom can keep interleavings in files.
    pub(crate) keeps_checkpoints: bool,
}

/// A test program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The name of the test, or of the library or binary whose tests these are.
    pub(crate) name: String,
    /// The program.
    pub(crate) path: PathBuf,
    /// The folder that its tests expect to run in.
    pub(crate) folder: PathBuf,
}

/// The part of cargo's messages that matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    executable: Option<PathBuf>,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    target: Target,
    #[serde(default)]
    profile: Profile,
}

#[derive(Default, Deserialize)]
struct Target {
    #[serde(default)]
    name: String,
}

#[derive(Default, Deserialize)]
struct Profile {
    #[serde(default)]
    test: bool,
}

#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

/// What makes loom keep an interleaving in a file.
const CHECKPOINT: &str = "loom/checkpoint";
/// A program that lists its tests has hardly anything to do.
const LISTING: Duration = Duration::from_secs(60);

/// Builds the tests that are asked for, in a target folder of the lane's own: another configuration in the usual one would
/// make each build begin anew.
pub(crate) fn build(request: &Request) -> Result<Build, BuildError> {
    let is_watched = request.engine == Engine::Tsan;
    if is_watched && let Some(missing) = tsan::missing(toolchain(request)) {
        return Err(BuildError::Tsan(missing));
    }
    let target = target(request)?.join("races");
    // A package that has loom by another name, or not of its own, builds without.
    let keeps_checkpoints = request.engine == Engine::Loom && accepts_checkpoint(request)?;
    let mut command = cargo(request, "test");
    command.args(["--no-run", "--message-format", "json-render-diagnostics", "--target-dir"]).arg(&target);
    if keeps_checkpoints {
        command.args(["--features", CHECKPOINT]);
    }
    for test in &request.tests {
        command.args(["--test", test]);
    }
    if request.release {
        command.arg("--release");
    }
    if is_watched {
        let host = tsan::host(toolchain(request)).map_err(BuildError::NoCargo)?;
        command.args(["-Zbuild-std", "--target", &host]);
    }
    let sanitizer = is_watched.then(|| "-Zsanitizer=thread".to_owned());
    let present = std::env::var("RUSTFLAGS").ok();
    let flags = flags(present.into_iter().chain(sanitizer), request.cfg.as_deref());
    command.env("RUSTFLAGS", &flags).env_remove("CARGO_ENCODED_RUSTFLAGS");
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(BuildError::NoCargo)?;
    let mut programs = Vec::new();
    if let Some(out) = child.stdout.take() {
        // A line that is no message of cargo's is none of ours.
        let messages = BufReader::new(out).lines().map_while(Result::ok);
        programs.extend(messages.filter_map(|line| program(&line)));
    }
    let status = child.wait().map_err(BuildError::NoCargo)?;
    if !status.success() {
        let flags = if flags.is_empty() { "no flags".to_owned() } else { format!("`{flags}`") };
        return Err(BuildError::Failed { flags });
    }
    Ok(Build { target, programs, keeps_checkpoints })
}

/// The tests of a program.
pub(crate) fn list(program: &Program) -> Result<Vec<String>, BuildError> {
    let mut command = Command::new(&program.path);
    command.args(["--list", "--format", "terse"]).current_dir(&program.folder);
    let wrong = |found: String| BuildError::List { program: program.path.clone(), found };
    let said = child::run(&mut command, LISTING).map_err(|error| wrong(error.to_string()))?;
    if said.ended != Ended::Code(0) {
        return Err(wrong(said.text.lines().take(5).collect::<Vec<_>>().join("; ")));
    }
    Ok(said.text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

fn program(line: &str) -> Option<Program> {
    let message: Message = serde_json::from_str(line).ok()?;
    let path =
        message.executable.filter(|_| message.reason == "compiler-artifact" && message.profile.test)?;
    let folder = message.manifest_path.parent().map(Path::to_owned).unwrap_or_default();
    Some(Program { name: message.target.name.replace('-', "_"), path, folder })
}

fn cargo(request: &Request, what: &str) -> Command {
    let is_watched = request.engine == Engine::Tsan;
    // Only rustup's own cargo, the one of the search path, knows of toolchains.
    let present = std::env::var_os("CARGO").filter(|_| !is_watched);
    let mut command = Command::new(present.unwrap_or_else(|| "cargo".into()));
    if is_watched {
        command.arg(format!("+{}", toolchain(request)));
    }
    command.arg(what);
    if let Some(manifest) = &request.manifest {
        command.arg("--manifest-path").arg(manifest);
    }
    if what != "metadata" {
        if let Some(package) = &request.package {
            command.args(["--package", package]);
        }
        for features in &request.features {
            command.args(["--features", features]);
        }
    }
    command
}

fn toolchain(request: &Request) -> &str {
    request.toolchain.as_deref().unwrap_or("nightly")
}

fn target(request: &Request) -> Result<PathBuf, BuildError> {
    let mut command = cargo(request, "metadata");
    command.args(["--no-deps", "--format-version", "1"]).stdin(Stdio::null());
    let output = command.output().map_err(BuildError::NoCargo)?;
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if !output.status.success() {
        return Err(BuildError::Manifest(told));
    }
    let read: Result<Metadata, _> = serde_json::from_slice(&output.stdout);
    read.map(|read| read.target_directory).map_err(|error| BuildError::Manifest(error.to_string()))
}

fn accepts_checkpoint(request: &Request) -> Result<bool, BuildError> {
    let mut command = cargo(request, "tree");
    command.args(["--features", CHECKPOINT, "--depth", "0"]);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.map(|status| status.success()).map_err(BuildError::NoCargo)
}

fn flags(present: impl IntoIterator<Item = String>, cfg: Option<&str>) -> String {
    let parts = present.into_iter().chain(cfg.map(|cfg| format!("--cfg {cfg}")));
    parts.filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_added_to_those_that_are_there() {
        assert_eq!(flags([], Some("loom")), "--cfg loom");
        assert_eq!(flags(["-Dwarnings".into()], Some("loom")), "-Dwarnings --cfg loom");
        assert_eq!(flags([" ".into()], None), "");
    }

    #[test]
    fn only_test_programs_are_taken() {
        let line = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","target":{{"name":"a-b"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let taken = program(&line(true, r#""/t/a""#)).unwrap();
        assert_eq!((taken.name.as_str(), taken.folder.as_path()), ("a_b", Path::new("/p")));
        assert!(program(&line(false, r#""/t/a""#)).is_none());
        assert!(program(&line(true, "null")).is_none());
        assert!(program("Compiling x").is_none());
    }
}
