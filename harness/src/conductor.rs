//! The conductor: what happens next. It is pure: it takes a moment and an input, and returns commands.
//!
//! It knows the plan and what it was told; it knows no process, socket or clock. The runner carries its commands out and
//! brings their outcomes back as inputs. It does not judge: gates and findings are the report's business. It stops a run
//! only for what the experiment's guard names, for a baseline that never was steady, for a signal, or because part of
//! the harness itself is gone.

pub mod guard;

use std::collections::BTreeMap;

use shakedown_reports::journal::{Ending, What};
use shakedown_scenarios::experiment::Phase;
use shakedown_scenarios::guard::StopOn;
use shakedown_scenarios::plan::Plan;
use shakedown_scenarios::units::Span;

use self::guard::{Sight, Watch};

/// How long closing may take before the run ends without having heard from everybody.
pub const CLOSING_LIMIT: Span = Span::secs(30);

/// Something the conductor is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Only time has passed.
    Tick,
    /// Every target serves.
    AllReady,
    /// A target could not be started, or did not become ready.
    StartFailed(String),
    /// A fault holds (or is done, if it is instant).
    Injected(u32),
    /// A fault could not be injected.
    InjectionFailed(u32),
    /// A fault is healed, or healing it was given up; the runner has journaled which.
    Over(u32),
    /// One second of a workload.
    Window {
        /// The workload.
        workload: String,
        /// Completed requests, right and wrong.
        done: u64,
        /// Wrong ones.
        failed: u64,
    },
    /// A probe's answer.
    Probed {
        /// The probe.
        probe: String,
        /// In tolerance?
        ok: bool,
        /// What came.
        found: String,
    },
    /// A target's resident memory.
    Rss {
        /// The target.
        target: String,
        /// Bytes.
        bytes: u64,
    },
    /// The host's available memory in bytes.
    Available(u64),
    /// A leak that a gate asks for is certain.
    CertainLeak(String),
    /// A signal asks for an end.
    Signal(i32),
    /// Part of the harness itself is gone (guardian, load thread): go no further.
    Broken(String),
    /// Every workload has ended.
    LoadEnded,
    /// Every target is down.
    TargetsStopped,
}

/// Something the runner is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Write this down.
    Record(What),
    /// Start workloads and probes; the load's zero is now.
    StartLoad,
    /// Inject the cue of this number.
    Inject(u32),
    /// Heal the cue of this number.
    Heal(u32),
    /// No new arrivals; what is in flight may end.
    StopLoad,
    /// End the targets; politely, or at once.
    StopTargets {
        /// Give them their grace.
        politely: bool,
    },
    /// The run is over; end without waiting further.
    Finish(Ending),
}

/// Decides what happens next.
#[derive(Debug)]
pub struct Conductor {
    plan: Plan,
    state: State,
    phase: Option<Phase>,
    cues: Vec<CueState>,
    watch: Watch,
    probes: BTreeMap<String, (bool, String)>,
    impatient: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    Starting,
    Loading { zero: Span },
    Closing(Closing),
    Done,
}

#[derive(Clone, Debug, PartialEq)]
struct Closing {
    since: Span,
    ending: Ending,
    load_ended: bool,
    targets_asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CueState {
    Waiting,
    Injecting,
    Holding,
    Healing,
    Over,
}

// === impl Conductor ===

impl Conductor {
    /// A conductor that waits for its targets.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let cues = vec![CueState::Waiting; plan.cues.len()];
        let watch = Watch::new(&plan.experiment.guard.stop_if);
        Self {
            plan,
            state: State::Starting,
            phase: None,
            cues,
            watch,
            probes: BTreeMap::new(),
            impatient: false,
        }
    }

    /// Takes one input in at a moment (since the start of the run) and says what to do.
    pub fn step(&mut self, now: Span, input: Input, out: &mut Vec<Command>) {
        match input {
            Input::Tick => {}
            Input::AllReady => self.start(now, out),
            Input::StartFailed(why) | Input::Broken(why) => self.close(now, Ending::Aborted { why }, out),
            Input::Injected(cue) => self.injected(cue),
            Input::InjectionFailed(cue) | Input::Over(cue) => self.set(cue, CueState::Over),
            Input::Window { workload, done, failed } => {
                self.see(now, Sight::Window { workload: &workload, done, failed }, out);
            }
            Input::Probed { probe, ok, found } => {
                self.see(now, Sight::Probe { name: &probe, ok, found: &found }, out);
                self.probes.insert(probe, (ok, found));
            }
            Input::Rss { target, bytes } => self.see(now, Sight::Rss { target: &target, bytes }, out),
            Input::Available(bytes) => self.see(now, Sight::Available(bytes), out),
            Input::CertainLeak(found) => self.certain_leak(now, found, out),
            Input::Signal(signal) => self.signal(now, signal, out),
            Input::LoadEnded => self.load_ended(now, out),
            Input::TargetsStopped => self.targets_stopped(out),
        }
        self.advance(now, out);
    }

    /// The next moment at which `step` must be called though nothing else happened.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Span> {
        match &self.state {
            State::Starting | State::Done => None,
            State::Closing(closing) => Some(closing.since.plus(CLOSING_LIMIT)),
            State::Loading { zero } => {
                let phases = &self.plan.experiment.phases;
                let phase_end = self.phase.map_or(Span::ZERO, |phase| phases.bounds(phase).1);
                let cue = |(cue, state): (&_, &_)| deadline(cue, *state);
                let cue_next = self.plan.cues.iter().zip(&self.cues).filter_map(cue).min();
                Some(zero.plus(cue_next.map_or(phase_end, |at| at.min(phase_end))))
            }
        }
    }

    /// Whether the run is over.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The phase of the moment.
    #[must_use]
    pub const fn phase(&self) -> Option<Phase> {
        self.phase
    }

    fn start(&mut self, now: Span, out: &mut Vec<Command>) {
        if self.state == State::Starting {
            self.state = State::Loading { zero: now };
            out.push(Command::StartLoad);
        }
    }

    fn set(&mut self, cue: u32, to: CueState) {
        if let Some(state) = self.cues.get_mut(cue as usize) {
            *state = to;
        }
    }

    fn injected(&mut self, cue: u32) {
        if self.cues.get(cue as usize) == Some(&CueState::Injecting) {
            self.set(cue, CueState::Holding);
        }
    }

    fn see(&mut self, now: Span, sight: Sight<'_>, out: &mut Vec<Command>) {
        if !matches!(self.state, State::Loading { .. }) {
            return;
        }
        if let Some(why) = self.watch.see(now, sight) {
            out.push(Command::Record(What::GuardTripped { why }));
            self.close(now, Ending::Guard, out);
        }
    }

    fn certain_leak(&mut self, now: Span, found: String, out: &mut Vec<Command>) {
        let ends = self.plan.experiment.guard.stop_on.contains(&StopOn::CertainLeak);
        if ends && matches!(self.state, State::Loading { .. }) {
            self.close(now, Ending::CertainLeak { found }, out);
        }
    }

    fn signal(&mut self, now: Span, signal: i32, out: &mut Vec<Command>) {
        if let State::Closing(closing) = &mut self.state {
            self.impatient = true;
            if closing.targets_asked {
                out.push(Command::StopTargets { politely: false });
            }
        } else {
            self.close(now, Ending::Signal { signal }, out);
        }
    }

    fn close(&mut self, now: Span, ending: Ending, out: &mut Vec<Command>) {
        let load_ended = match self.state {
            State::Starting => true,
            State::Loading { .. } => false,
            State::Closing(_) | State::Done => return,
        };
        self.state = State::Closing(Closing { since: now, ending, load_ended, targets_asked: false });
        for (cue, state) in self.plan.cues.iter().zip(&mut self.cues) {
            if *state == CueState::Holding {
                *state = CueState::Healing;
                out.push(Command::Heal(cue.id));
            } else if *state == CueState::Waiting {
                *state = CueState::Over;
            }
        }
        if !load_ended {
            out.push(Command::StopLoad);
        }
    }

    fn load_ended(&mut self, now: Span, out: &mut Vec<Command>) {
        if matches!(self.state, State::Loading { .. }) {
            // Workloads end by themselves at the planned end; sooner, something of ours is gone.
            if now < self.end() {
                let why = "the load ended before its time".to_owned();
                self.close(now, Ending::Aborted { why }, out);
            } else {
                self.close(now, Ending::Completed, out);
            }
        }
        if let State::Closing(closing) = &mut self.state {
            closing.load_ended = true;
        }
    }

    fn targets_stopped(&mut self, out: &mut Vec<Command>) {
        if let State::Closing(closing) = &self.state {
            let ending = closing.ending.clone();
            self.finish(ending, out);
        }
    }

    fn finish(&mut self, ending: Ending, out: &mut Vec<Command>) {
        self.state = State::Done;
        out.push(Command::Record(What::Ended { how: ending.clone() }));
        out.push(Command::Finish(ending));
    }

    fn end(&self) -> Span {
        match self.state {
            State::Loading { zero } => zero.plus(self.plan.experiment.phases.total()),
            _ => Span::ZERO,
        }
    }

    /// Does what the moment itself asks for.
    fn advance(&mut self, now: Span, out: &mut Vec<Command>) {
        if let State::Loading { zero } = self.state {
            let moment = now.minus(zero);
            self.enter_phases(now, moment, out);
            self.play_cues(moment, out);
            if matches!(self.state, State::Loading { .. }) && now >= self.end() {
                self.close(now, Ending::Completed, out);
            }
        }
        if let State::Closing(closing) = self.state.clone() {
            self.advance_closing(now, closing, out);
        }
    }

    fn enter_phases(&mut self, now: Span, moment: Span, out: &mut Vec<Command>) {
        let here = self.plan.experiment.phases.at(moment);
        for phase in Phase::ALL {
            let (from, to) = self.plan.experiment.phases.bounds(phase);
            let due = self.phase.is_none_or(|current| phase > current) && phase <= here && from < to;
            if !due {
                continue;
            }
            if phase == Phase::Chaos
                && let Some(why) = self.unsteady()
            {
                self.close(now, Ending::Aborted { why }, out);
                return;
            }
            self.phase = Some(phase);
            out.push(Command::Record(What::PhaseStarted { phase }));
        }
    }

    /// Why the steady-state hypothesis does not hold at this moment.
    fn unsteady(&self) -> Option<String> {
        let answers =
            self.plan.experiment.hypothesis.iter().map(|probe| (&probe.name, self.probes.get(&probe.name)));
        let mut wrong = answers.filter_map(|(name, answer)| match answer {
            Some((true, _)) => None,
            Some((false, found)) => Some(format!("probe `{name}` found {found}")),
            None => Some(format!("probe `{name}` was never answered")),
        });
        let first = wrong.next()?;
        let rest: Vec<_> = std::iter::once(first).chain(wrong).collect();
        Some(format!("the steady state did not hold before chaos: {}", rest.join("; ")))
    }

    fn play_cues(&mut self, moment: Span, out: &mut Vec<Command>) {
        if !matches!(self.state, State::Loading { .. }) {
            return;
        }
        for (cue, state) in self.plan.cues.iter().zip(&mut self.cues) {
            match *state {
                CueState::Waiting if cue.from <= moment => {
                    *state = CueState::Injecting;
                    out.push(Command::Inject(cue.id));
                }
                CueState::Holding if cue.to <= moment => {
                    *state = CueState::Healing;
                    out.push(Command::Heal(cue.id));
                }
                _ => {}
            }
        }
    }

    fn advance_closing(&mut self, now: Span, mut closing: Closing, out: &mut Vec<Command>) {
        for (cue, state) in self.plan.cues.iter().zip(&mut self.cues) {
            // An injection that was under way when the run began to close.
            if *state == CueState::Holding {
                *state = CueState::Healing;
                out.push(Command::Heal(cue.id));
            }
        }
        if now >= closing.since.plus(CLOSING_LIMIT) {
            let why = format!("closing the run took longer than {CLOSING_LIMIT}; the guardian cleans up");
            out.push(Command::Record(What::Degraded { why }));
            self.finish(closing.ending, out);
            return;
        }
        let healed = self.cues.iter().all(|state| *state == CueState::Over);
        if healed && closing.load_ended && !closing.targets_asked {
            closing.targets_asked = true;
            out.push(Command::StopTargets { politely: !self.impatient });
        }
        self.state = State::Closing(closing);
    }
}

/// When a cue must be looked at again.
fn deadline(cue: &shakedown_scenarios::plan::Cue, state: CueState) -> Option<Span> {
    match state {
        CueState::Waiting => Some(cue.from),
        CueState::Holding => Some(cue.to),
        CueState::Injecting | CueState::Healing | CueState::Over => None,
    }
}

#[cfg(test)]
mod tests;
