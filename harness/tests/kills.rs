//! No fault outlives its run: the harness is killed in the middle of faults, and everything is undone without it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/voyage.rs"]
mod voyage;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use voyage::{Voyage, eventually, process_state};

const UNDONE_WITHIN: Duration = Duration::from_secs(2);

/// Two targets of ours, one that runs already, load through a link; chaos begins two seconds in.
fn experiment(fault: &str) -> String {
    format!(
        r#"Experiment(
            name: "killed",
            variables: {{ "pid": "1234" }},
            targets: {{
                "store": Process(argv: ["{{shakedown}}", "demo", "--role", "store", "--port", "{{port}}"]),
                "shop": Process(argv: ["{{shakedown}}", "demo", "--port", "{{port}}", "--db", "{{link:shop-store}}"]),
                "neighbour": Pid(pid: "${{pid}}"),
            }},
            links: {{ "shop-store": Tcp(to: "store"), "clients-shop": Tcp(to: "shop") }},
            workloads: {{ "browse": Http(to: Link("clients-shop"), arrivals: Poisson("50/s"), requests: [(get: "/items/{{n}}")]) }},
            phases: (warmup: "0s", baseline: "2s", chaos: "40s", recovery: "1s"),
            faults: [(name: "the fault", at: "200ms", hold: "30s", do: {fault})],
            gates: [ErrorRatio(of: "browse", below: "1%", over: Baseline)],
        )"#
    )
}

/// A process that is not the harness's, ended with the test.
struct Neighbour(Child);

impl Neighbour {
    fn start() -> Self {
        Self(Command::new("sleep").arg("300").stdin(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs until the fault holds, kills the harness, and sees that nothing is left.
fn kill_amid(fault: &str) -> (Voyage, Neighbour) {
    let voyage = Voyage::new(&experiment(fault));
    let neighbour = Neighbour::start();
    let mut run = voyage.start(&["--set", &format!("pid={}", neighbour.pid())]);
    voyage.wait_for(&mut run, "inject    the fault");
    if fault.contains("neighbour") {
        assert!(eventually(UNDONE_WITHIN, || process_state(neighbour.pid()) == Some('T')));
    }
    assert!(!voyage.left_over().is_empty(), "the targets carry the marker");
    run.murder();
    let clean = || voyage.left_over().is_empty() && process_state(neighbour.pid()) == Some('S');
    assert!(eventually(UNDONE_WITHIN, clean), "left: {:?}", voyage.left_over());
    (voyage, neighbour)
}

fn the_report_says_that_it_was_cut(voyage: &Voyage) {
    let report = voyage.report();
    assert_eq!(report.status.code(), Some(2), "{}", voyage::all(&report));
    assert!(voyage::all(&report).contains("the guardian undid"), "{}", voyage::all(&report));
    let text = voyage.read("report.md");
    assert!(text.contains("cut"), "{text}");
    assert!(voyage.read("report.html").contains("the fault"));
}

#[test]
fn a_stop_is_undone_when_the_harness_is_killed() {
    let (voyage, _neighbour) = kill_amid(r#"Stop(target: "neighbour")"#);
    the_report_says_that_it_was_cut(&voyage);
}

#[test]
fn a_black_hole_is_undone_when_the_harness_is_killed() {
    let (voyage, _neighbour) = kill_amid(r#"Blackhole(link: "shop-store")"#);
    the_report_says_that_it_was_cut(&voyage);
}

#[test]
fn pressure_is_undone_when_the_harness_is_killed() {
    kill_amid(r#"MemoryPressure(size: "64MiB")"#);
    kill_amid(r#"CpuPressure(workers: 1, load: "20%")"#);
}

#[test]
fn a_stop_of_an_own_target_leaves_no_child() {
    kill_amid(r#"Stop(target: "shop")"#);
}

#[test]
fn a_signal_heals_and_writes_the_report() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let voyage = Voyage::new(&experiment(r#"Stop(target: "neighbour")"#));
        let neighbour = Neighbour::start();
        let mut run = voyage.start(&["--set", &format!("pid={}", neighbour.pid())]);
        voyage.wait_for(&mut run, "inject    the fault");
        run.signal(signal);
        let healed = eventually(Duration::from_secs(5), || process_state(neighbour.pid()) == Some('S'));
        assert!(healed, "{}", voyage.stderr());
        let (exit, _) = run.end();
        assert_eq!(exit, Some(code), "{}", voyage.stderr());
        assert!(voyage.left_over().is_empty());
        assert!(voyage.read("report.md").contains("the fault"));
    }
}

#[test]
fn the_guardian_undoes_a_fault_whose_time_is_over_though_the_harness_stands() {
    let text = experiment(r#"Stop(target: "neighbour")"#).replace("hold: \"30s\"", "hold: \"1s\"");
    let voyage = Voyage::new(&text);
    let neighbour = Neighbour::start();
    let mut run = voyage.start(&["--set", &format!("pid={}", neighbour.pid())]);
    voyage.wait_for(&mut run, "inject    the fault");
    run.signal(Signal::SIGSTOP);
    // Its hold of one second and the guardian's five of patience.
    let undone = eventually(Duration::from_secs(15), || process_state(neighbour.pid()) == Some('S'));
    run.signal(Signal::SIGCONT);
    assert!(undone);
}

#[test]
fn recover_undoes_what_a_dead_guardian_left() {
    let voyage = Voyage::new(&experiment(r#"Stop(target: "neighbour")"#));
    let neighbour = Neighbour::start();
    let mut run = voyage.start(&["--set", &format!("pid={}", neighbour.pid())]);
    voyage.wait_for(&mut run, "inject    the fault");
    let guardian = guardian_of(run.pid());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(guardian), Signal::SIGKILL).unwrap();
    run.signal(Signal::SIGSTOP);
    run.murder();
    assert_eq!(process_state(neighbour.pid()), Some('T'), "nobody is left to undo it");
    let again =
        voyage.shakedown(&["run", "experiment.ron", "--set", "pid=1", "--out", "other"]).output().unwrap();
    assert_eq!(again.status.code(), Some(64), "a wrong pid is told before anything else");
    let pid = format!("pid={}", neighbour.pid());
    let again =
        voyage.shakedown(&["run", "experiment.ron", "--set", &pid, "--out", "other"]).output().unwrap();
    assert_eq!(again.status.code(), Some(64), "{}", voyage::all(&again));
    assert!(voyage::all(&again).contains("shakedown recover"), "{}", voyage::all(&again));
    let recover = voyage.shakedown(&["recover"]).output().unwrap();
    assert_eq!(recover.status.code(), Some(0), "{}", voyage::all(&recover));
    assert_eq!(process_state(neighbour.pid()), Some('S'));
    assert!(voyage.left_over().is_empty());
    let twice = voyage.shakedown(&["recover"]).output().unwrap();
    assert_eq!(twice.status.code(), Some(0), "undoing twice is no error");
}

/// The child of a harness that runs as its guardian.
fn guardian_of(harness: i32) -> i32 {
    let is_guardian = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<i32>().ok());
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        parent == Some(harness) && line.split(|byte| *byte == 0).any(|word| word == b"guardian")
    };
    voyage::processes().into_iter().find(is_guardian).expect("a run has a guardian")
}
