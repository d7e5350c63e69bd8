//! A run of the real program in a folder of its own, ended whatever happens.

#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its own part; a test may panic")]

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Runs load two cores; tests that run load take turns.
static TURN: Mutex<()> = Mutex::new(());

/// A place for one run: an experiment file, a run folder, a state folder of its own.
pub struct Voyage {
    dir: TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// A run under way.
pub struct Running {
    child: Child,
}

impl Voyage {
    pub fn new(experiment: &str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::Builder::new().prefix("shakedown-test-").tempdir().unwrap();
        fs::write(dir.path().join("experiment.ron"), experiment).unwrap();
        Self { dir, _turn: turn }
    }

    pub fn file(&self) -> PathBuf {
        self.dir.path().join("experiment.ron")
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// The program, with its state in this voyage's folder.
    pub fn shakedown(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shakedown"));
        command.args(arguments).env("SHAKEDOWN_STATE_DIR", self.dir.path().join("state"));
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    /// `run` of an experiment, file or library name.
    pub fn command(&self, file: &str, more: &[&str]) -> Command {
        let folder = self.folder();
        let mut arguments = vec!["run", file, "--seed", "7", "--out", folder.to_str().unwrap()];
        arguments.extend(more);
        self.shakedown(&arguments)
    }

    /// Runs to the end.
    pub fn sail(&self, more: &[&str]) -> Output {
        self.command("experiment.ron", more).output().unwrap()
    }

    /// Starts a run and returns.
    pub fn start(&self, more: &[&str]) -> Running {
        let log = fs::File::create(self.dir.path().join("stderr")).unwrap();
        let child = self.command("experiment.ron", more).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        Running { child }
    }

    /// What a started run wrote to standard error so far.
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.dir.path().join("stderr")).unwrap_or_default()
    }

    /// Waits until a started run has written this.
    pub fn wait_for(&self, run: &mut Running, text: &str) {
        let seen = || self.stderr().contains(text);
        // A run that ended says nothing more.
        eventually(Duration::from_secs(30), || seen() || run.child.try_wait().unwrap().is_some());
        assert!(seen(), "`{text}` was never written; what was: {}", self.stderr());
    }

    pub fn report(&self) -> Output {
        self.shakedown(&["report", self.folder().to_str().unwrap()]).output().unwrap()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn summary(&self) -> serde_json::Value {
        serde_json::from_str(&self.read("summary.json")).unwrap()
    }

    /// All processes that carry this run's marker.
    pub fn left_over(&self) -> Vec<i32> {
        let state = format!("SHAKEDOWN_STATE_DIR={}", self.dir.path().join("state").display());
        processes()
            .into_iter()
            .filter(|pid| {
                let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                let has = |start: &str| {
                    environ.split(|byte| *byte == 0).any(|entry| entry.starts_with(start.as_bytes()))
                };
                // Other tests have runs of the same name; the state folder tells ours from theirs.
                has("SHAKEDOWN_RUN=") && has(&state) && process_state(*pid) != Some('Z')
            })
            .collect()
    }
}

impl Running {
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// SIGKILL, and wait until it is gone.
    pub fn murder(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end; the exit code and standard output.
    pub fn end(mut self) -> (Option<i32>, String) {
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap().code(), out)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A run that a failed assertion left behind: its guardian cleans up after it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn processes() -> Vec<i32> {
    let names = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).collect()
}

/// The state letter of a process.
pub fn process_state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Waits until something holds.
#[allow(clippy::disallowed_methods, reason = "a test waits in real time for other processes")]
pub fn eventually(within: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + within;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Text of both streams, for an assertion's message.
pub fn all(output: &Output) -> String {
    format!(
        "exit {:?}\n{}\n{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
