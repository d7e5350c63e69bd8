use shakedown_scenarios::experiment::{Experiment, Phases};
use shakedown_scenarios::fault::{Act, Fault};
use shakedown_scenarios::guard::Guard;
use shakedown_scenarios::plan::{Cue, FORMAT};
use shakedown_scenarios::probe::{Ask, Probe};
use shakedown_scenarios::workload::Destination;

use super::*;

/// Warm-up 2 s, baseline 3 s, chaos 10 s, recovery 5 s; one stop from second 6 to 9 and one kill at second 12.
fn plan() -> Plan {
    let fault = |name: &str, at, hold, act| Fault {
        name: name.into(),
        at: Span::secs(at),
        hold: Span::secs(hold),
        every: None,
        repeat: None,
        jitter: Span::ZERO,
        act,
    };
    let experiment = Experiment {
        name: "test".into(),
        about: String::new(),
        targets: BTreeMap::new(),
        links: BTreeMap::new(),
        workloads: BTreeMap::new(),
        phases: Phases {
            warmup: Span::secs(2),
            baseline: Span::secs(3),
            chaos: Span::secs(10),
            recovery: Span::secs(5),
        },
        faults: vec![
            fault("stop", 1, 3, Act::Stop { target: "a".into() }),
            fault("kill", 7, 0, Act::Kill { target: "a".into() }),
        ],
        hypothesis: vec![Probe {
            name: "alive".into(),
            ask: Ask::Tcp { to: Destination::Target("a".into()) },
            every: Span::secs(1),
            timeout: Span::secs(1),
        }],
        gates: Vec::new(),
        guard: Guard::default(),
        races: Vec::new(),
        consistency: Vec::new(),
    };
    let cue = |id, fault, from, to| Cue { id, fault, round: 0, from: Span::secs(from), to: Span::secs(to) };
    Plan {
        format: FORMAT,
        seed: 1,
        rehearse: 1.0,
        experiment,
        cues: vec![cue(0, 0, 6, 9), cue(1, 1, 12, 12)],
    }
}

/// A conductor with a short way to ask it; the run's clock starts 100 s before the load.
struct Desk(Conductor);

impl Desk {
    fn new() -> Self {
        Self(Conductor::new(plan()))
    }

    fn loaded() -> Self {
        let mut desk = Self::new();
        desk.at(0.0, Input::AllReady);
        desk
    }

    fn steady() -> Self {
        let mut desk = Self::loaded();
        desk.at(2.0, Input::Tick);
        desk.at(4.0, probed(true));
        desk
    }

    fn at(&mut self, second: f64, input: Input) -> Vec<Command> {
        let mut out = Vec::new();
        self.0.step(Span::secs(100).plus(Span::secs_f64(second)), input, &mut out);
        out
    }

    fn next(&self) -> Option<f64> {
        self.0.next_deadline().map(|at| at.minus(Span::secs(100)).as_secs_f64())
    }
}

fn probed(ok: bool) -> Input {
    Input::Probed { probe: "alive".into(), ok, found: "connection refused".into() }
}

fn phase(phase: Phase) -> Command {
    Command::Record(What::PhaseStarted { phase })
}

#[test]
fn the_load_starts_when_every_target_serves() {
    let mut desk = Desk::new();
    assert_eq!(desk.next(), None);
    assert_eq!(desk.at(0.0, Input::AllReady), [Command::StartLoad, phase(Phase::Warmup)]);
    assert_eq!(desk.next(), Some(2.0));
}

#[test]
fn a_whole_run_goes_through_its_phases_and_cues() {
    let mut desk = Desk::loaded();
    assert_eq!(desk.at(2.0, Input::Tick), [phase(Phase::Baseline)]);
    desk.at(4.0, probed(true));
    assert_eq!(desk.next(), Some(5.0));
    assert_eq!(desk.at(5.0, Input::Tick), [phase(Phase::Chaos)]);
    assert_eq!(desk.next(), Some(6.0));
    assert_eq!(desk.at(6.0, Input::Tick), [Command::Inject(0)]);
    assert_eq!(desk.at(6.1, Input::Injected(0)), []);
    assert_eq!(desk.next(), Some(9.0));
    assert_eq!(desk.at(9.0, Input::Tick), [Command::Heal(0)]);
    assert_eq!(desk.at(9.1, Input::Over(0)), []);
    assert_eq!(desk.at(12.0, Input::Tick), [Command::Inject(1)]);
    assert_eq!(
        desk.at(12.1, Input::Injected(1)),
        [Command::Heal(1)],
        "an instant act heals as soon as it is done"
    );
    assert_eq!(desk.at(15.0, Input::Over(1)), [phase(Phase::Recovery)]);
    assert_eq!(desk.at(20.0, Input::Tick), [Command::StopLoad]);
    assert_eq!(desk.at(20.5, Input::LoadEnded), [Command::StopTargets { politely: true }]);
    let ended = Command::Record(What::Ended { how: Ending::Completed });
    assert_eq!(desk.at(21.0, Input::TargetsStopped), [ended, Command::Finish(Ending::Completed)]);
    assert!(desk.0.is_done());
}

#[test]
fn chaos_does_not_start_on_an_unsteady_baseline() {
    for answer in [None, Some(probed(false))] {
        let mut desk = Desk::loaded();
        desk.at(2.0, Input::Tick);
        if let Some(answer) = answer {
            desk.at(4.0, answer);
        }
        assert_eq!(desk.at(5.0, Input::Tick), [Command::StopLoad]);
        desk.at(5.1, Input::LoadEnded);
        let last = desk.at(5.2, Input::TargetsStopped).pop();
        assert!(
            matches!(&last, Some(Command::Finish(Ending::Aborted { why })) if why.contains("before chaos: probe `alive`")),
            "{last:?}"
        );
    }
}

#[test]
fn a_signal_heals_at_once_what_holds_and_injects_nothing_more() {
    let mut desk = Desk::steady();
    desk.at(6.0, Input::Tick);
    desk.at(6.1, Input::Injected(0));
    assert_eq!(desk.at(7.0, Input::Signal(15)), [Command::Heal(0), Command::StopLoad]);
    assert_eq!(desk.at(7.1, Input::LoadEnded), [], "targets stay until everything is healed");
    assert_eq!(desk.at(7.2, Input::Over(0)), [Command::StopTargets { politely: true }]);
    assert_eq!(desk.at(13.0, Input::Tick), [], "the kill is never played");
    assert_eq!(desk.at(13.1, Input::Signal(2)), [Command::StopTargets { politely: false }]);
}

#[test]
fn an_injection_under_way_is_healed_as_soon_as_it_holds() {
    let mut desk = Desk::steady();
    desk.at(6.0, Input::Tick);
    assert_eq!(desk.at(6.5, Input::Signal(2)), [Command::StopLoad]);
    assert_eq!(desk.at(6.6, Input::Injected(0)), [Command::Heal(0)]);
}

#[test]
fn a_failed_injection_is_over() {
    let mut desk = Desk::steady();
    desk.at(6.0, Input::Tick);
    desk.at(6.1, Input::InjectionFailed(0));
    assert_eq!(desk.next(), Some(12.0));
}

#[test]
fn closing_does_not_wait_for_ever() {
    let mut desk = Desk::steady();
    desk.at(6.0, Input::Tick);
    desk.at(6.1, Input::Injected(0));
    desk.at(7.0, Input::Signal(15));
    assert_eq!(desk.next(), Some(37.0));
    let out = desk.at(37.0, Input::Tick);
    assert_eq!(out.last(), Some(&Command::Finish(Ending::Signal { signal: 15 })));
}

#[test]
fn a_broken_harness_goes_no_further() {
    let mut desk = Desk::steady();
    let out = desk.at(5.5, Input::Broken("the guardian is gone".into()));
    assert_eq!(out, [Command::StopLoad]);
}

#[test]
fn a_target_that_never_starts_ends_the_run_without_load() {
    let mut desk = Desk::new();
    let out = desk.at(0.0, Input::StartFailed("`a` exited".into()));
    assert_eq!(out, [Command::StopTargets { politely: true }]);
}

#[test]
fn load_that_ends_too_soon_is_told() {
    let mut desk = Desk::steady();
    desk.at(5.5, Input::LoadEnded);
    let last = desk.at(5.6, Input::TargetsStopped).pop();
    assert!(matches!(last, Some(Command::Finish(Ending::Aborted { .. }))));
}

#[test]
fn phases_of_no_length_are_left_out() {
    let mut plan = plan();
    plan.experiment.phases.warmup = Span::ZERO;
    let mut out = Vec::new();
    Conductor::new(plan).step(Span::ZERO, Input::AllReady, &mut out);
    assert_eq!(out, [Command::StartLoad, phase(Phase::Baseline)]);
}
