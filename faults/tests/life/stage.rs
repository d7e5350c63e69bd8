//! Where the parts are played: folders, processes that are ended whatever happens, and a look at `/proc` that owes
//! nothing to the code under test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shakedown_faults::ledger::Registry;
use shakedown_faults::process::{self, Identity, Kin};
use tempfile::TempDir;

use crate::parts::{SCRIPT, Step};

/// What is promised: nothing is left two seconds after the harness died.
pub const CLEAN_WITHIN: Duration = Duration::from_secs(2);

/// For what nothing is promised but that it happens.
pub const SOON: Duration = Duration::from_secs(20);

/// A run folder, a state folder and a harness. All that carries its marker is ended when this is dropped.
pub struct Stage {
    pub folder: TempDir,
    pub registry: Registry,
    pub run: String,
    pub victim: Playing,
}

/// A process of ours.
pub struct Playing(pub Child);

/// What a harness says when it has come to its step.
pub struct Scene {
    pub harness: Playing,
    pub guardian: Identity,
}

impl Stage {
    pub fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::at(&folder.path().join("state")).unwrap();
        let run = format!("life-{}-{name}", std::process::id());
        let victim = Playing::start(&["sleeper"], &[]);
        Self { folder, registry, run, victim }
    }

    pub fn victim(&self) -> Identity {
        process::identify(self.victim.0.id() as i32).unwrap()
    }

    pub fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    /// Lets a harness play up to a step, and stay there.
    pub fn play(&self, last: Step) -> Scene {
        let step = SCRIPT.iter().position(|step| *step == last).unwrap().to_string();
        let folder = self.folder.path().to_str().unwrap();
        let victim = self.victim.0.id().to_string();
        let mut harness = Playing::start(&["harness", folder, &self.run, &step, &victim], &[]);
        let mut lines = BufReader::new(harness.0.stdout.take().unwrap()).lines();
        let said = lines.next().expect("the harness ended before its step").unwrap();
        let guardian = process::identify(said.parse().unwrap()).unwrap();
        Scene { harness, guardian }
    }

    /// Whether nothing is left of the run, by a scan of our own.
    pub fn is_clean(&self) -> bool {
        let marker = format!("SHAKEDOWN_RUN={}", self.run);
        pids().all(|pid| !carries(pid, &marker)) && state(self.victim.0.id() as i32) != Some('T')
    }

    /// Waits until nothing is left, for as long as is promised; a failure tells what is.
    pub fn wait_until_clean(&self) {
        let began = now();
        while !(self.is_clean() && self.is_settled()) {
            assert!(began.elapsed() < CLEAN_WITHIN, "left after {CLEAN_WITHIN:?}: {}", self.left());
            tick();
        }
    }

    fn left(&self) -> String {
        let marker = format!("SHAKEDOWN_RUN={}", self.run);
        let marked = pids().filter(|pid| carries(*pid, &marker)).map(|pid| {
            let argv = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            format!("{pid} {:?} {}", state(pid), argv.replace('\0', " "))
        });
        let marked: Vec<String> = marked.collect();
        let victim = state(self.victim.0.id() as i32);
        let (open, log) = (self.registry.open_ledgers(), self.log());
        format!("marked {marked:#?}\nvictim {victim:?}\nregistry {open:?}\nlog\n{log}")
    }

    pub fn is_settled(&self) -> bool {
        self.registry.open_ledgers().unwrap().is_empty()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("guardian.log")).unwrap_or_default()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let marker = process::run_marker(&self.run);
        let _ = process::kill_all(&Kin { roots: &[], groups: false, marker: Some(&marker) });
    }
}

impl Playing {
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments).envs(environment.iter().copied());
        // A group of its own: a test may kill all of it.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
        Self(command.spawn().unwrap())
    }

    /// SIGKILL, and no wait: what comes after must not depend on it.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something holds.
pub fn wait_until(what: &str, longest: Duration, mut holds: impl FnMut() -> bool) {
    let began = now();
    while !holds() {
        assert!(began.elapsed() < longest, "{what} took longer than {longest:?}");
        tick();
    }
}

pub fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The state letter of a process; `None` if there is none, or it has ended.
pub fn state(pid: i32) -> Option<char> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let letter = status.lines().find_map(|line| line.strip_prefix("State:"))?.trim().chars().next()?;
    (!"ZX".contains(letter)).then_some(letter)
}

fn carries(pid: i32, marker: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|entry| entry == marker.as_bytes()) && state(pid).is_some()
}

#[expect(clippy::disallowed_methods, reason = "tests of real processes wait in real time")]
pub fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "waits for states in /proc, which nothing announces")]
pub fn tick() {
    std::thread::sleep(Duration::from_millis(1));
}
