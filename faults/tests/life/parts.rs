//! The parts: a harness that stops at a step, a guardian, an injector, targets.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use shakedown_faults::guardian::{self, Guardian};
use shakedown_faults::ledger::{Ledger, Registry, Undo};
use shakedown_faults::pressure::{self, Pressure, Spec};
use shakedown_faults::process::{self, Kin};
use shakedown_scenarios::units::{Ratio, Span};

pub type Part = fn(&[String]);

/// No part plays for longer, whatever becomes of its test.
const CURTAIN: Duration = Duration::from_secs(60);

/// The steps of a run, in order: those after which a harness may die.
pub const SCRIPT: [Step; 13] = [
    Step::LedgerCreated,
    Step::GuardianStarted,
    Step::MarkedOpened,
    Step::TargetStarted,
    Step::TreeStarted,
    Step::StopOpened,
    Step::Stopped,
    Step::Resumed,
    Step::StopClosed,
    Step::PressureArmed,
    Step::PressureOpened,
    Step::Pressing,
    Step::Healed,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    LedgerCreated,
    GuardianStarted,
    MarkedOpened,
    TargetStarted,
    TreeStarted,
    StopOpened,
    Stopped,
    Resumed,
    StopClosed,
    PressureArmed,
    PressureOpened,
    Pressing,
    Healed,
}

pub fn find(name: &str) -> Option<Part> {
    let parts: [(&str, Part); 5] = [
        ("guardian", play_guardian),
        ("injector", play_injector),
        ("harness", play_harness),
        ("sleeper", |_| wait_for_the_curtain()),
        ("target", play_target),
    ];
    parts.into_iter().find(|(part, _)| *part == name).map(|(_, part)| part)
}

fn play_guardian(arguments: &[String]) {
    guardian::run(Path::new(&arguments[0]), std::io::stdin()).unwrap();
}

fn play_injector(arguments: &[String]) {
    pressure::run(&Spec::parse(&arguments[0]).unwrap()).unwrap();
}

/// A target with a child, and a grandchild in a session of its own whose parent is gone.
fn play_target(arguments: &[String]) {
    if let [detached] = arguments {
        assert_eq!(detached, "detached");
        nix::unistd::setsid().unwrap();
        start_another(&["sleeper"]);
        return;
    }
    start_another(&["sleeper"]);
    // It ends at once, so that what it started belongs to nobody; it may stay unwaited for.
    start_another(&["target", "detached"]);
    wait_for_the_curtain();
}

fn start_another(arguments: &[&str]) -> i32 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().unwrap().id() as i32
}

#[expect(clippy::disallowed_methods, reason = "a part that waits to be ended")]
fn wait_for_the_curtain() {
    std::thread::sleep(CURTAIN);
}

#[expect(clippy::zombie_processes, reason = "a harness that is about to be killed waits for nobody")]
/// Plays a run: `folder run last-step victim`. Says the guardian's pid when it has come to its last step, and stays there.
fn play_harness(arguments: &[String]) {
    let [folder, run, last, victim] = arguments else { panic!("{arguments:?}") };
    let last = SCRIPT[last.parse::<usize>().unwrap()];
    let folder = Path::new(folder);
    let registry = Registry::at(&folder.join("state")).unwrap();
    let victim = process::identify(victim.parse().unwrap()).unwrap();
    let program = std::env::current_exe().unwrap();

    let mut ledger = Ledger::create(folder, run, &registry).unwrap();
    if last == Step::LedgerCreated {
        reached(0);
    }
    let mut guardian = Guardian::start(&program, ledger.path()).unwrap();
    let watching = guardian.identity().pid;
    let at = |step| {
        if step == last {
            reached(watching);
        }
    };
    at(Step::GuardianStarted);
    ledger.open(Undo::Marked { marker: run.clone() }, None).unwrap();
    at(Step::MarkedOpened);
    let mut target = Command::new(&program);
    target.arg("target").env(process::RUN_VARIABLE, run).stdin(Stdio::null()).stdout(Stdio::null());
    let target = target.process_group(0).spawn().unwrap();
    at(Step::TargetStarted);
    let target = process::identify(target.id() as i32).unwrap();
    let marker = process::run_marker(run);
    let all = Kin { roots: std::slice::from_ref(&target), groups: true, marker: Some(&marker) };
    // The target itself, its child, and the detached one.
    while process::kin(&all).len() < 3 {
        crate::stage::tick();
    }
    at(Step::TreeStarted);

    let mut identities = process::kin(&all);
    identities.push(victim.clone());
    let hold = Span::secs(30);
    let stop = ledger
        .open(Undo::Resume { identities: identities.clone(), marker: Some(marker.clone()) }, Some(hold));
    let stop = stop.unwrap();
    guardian.opened(stop, hold).unwrap();
    at(Step::StopOpened);
    let _ = process::stop(&identities).unwrap();
    at(Step::Stopped);
    let _ = process::resume(&identities).unwrap();
    at(Step::Resumed);
    guardian.closed(stop).unwrap();
    ledger.close(stop).unwrap();
    at(Step::StopClosed);

    let load = Ratio::new(0.2).unwrap();
    let spec = Spec::Cpu { workers: 1, load, hold };
    let mut pressure = Pressure::arm(&program, &spec, run).unwrap();
    at(Step::PressureArmed);
    let entry = ledger.open(Undo::End { identity: pressure.identity().clone() }, Some(hold)).unwrap();
    guardian.opened(entry, hold).unwrap();
    at(Step::PressureOpened);
    pressure.press().unwrap();
    at(Step::Pressing);
    assert!(pressure.heal().proven);
    guardian.closed(entry).unwrap();
    ledger.close(entry).unwrap();
    at(Step::Healed);
}

/// Says so, and stays until somebody ends us.
fn reached(guardian: i32) {
    // Without a guardian the victim's place is taken by the harness itself: somebody must be named.
    let pid = if guardian == 0 { std::process::id() as i32 } else { guardian };
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{pid}").unwrap();
    stdout.flush().unwrap();
    wait_for_the_curtain();
}
