//! The course of a run: what its events say about phases, injections and the end, and what held at a moment.

use std::collections::VecDeque;

use shakedown_scenarios::experiment::Phase;
use shakedown_scenarios::fault::Act;
use shakedown_scenarios::plan::{Cue, Plan};

use super::finding::{EventLine, Events, Proof};
use crate::journal::{Ending, Event, HistoryKept, ModelOutcome, ModelPlayed, What};
use crate::show;

/// What is known so far.
#[derive(Debug)]
pub struct Course<'p> {
    plan: &'p Plan,
    /// Real starts of the phases, in the order of [`Phase::ALL`].
    pub phases: [Option<i64>; 4],
    /// One for each planned cue.
    pub cues: Vec<CueState>,
    /// Cues that hold now or healed a moment ago.
    holding: Vec<usize>,
    last_healed: Option<(usize, i64)>,
    /// How the run ended, and when.
    pub ended: Option<(i64, Ending)>,
    /// The stop condition that was met.
    pub guard: Option<(i64, String)>,
    /// What the harness said it could not do; bounded.
    pub degraded: Vec<String>,
    /// The loom models that were played; bounded.
    pub models: Vec<ModelPlayed>,
    /// What is said of the histories of workloads, one for each at the most.
    pub histories: Vec<HistoryKept>,
    /// The latest moment of anything in the journal.
    pub last_us: i64,
    first_lines: Vec<EventLine>,
    last_lines: VecDeque<EventLine>,
    left_out: u64,
}

/// What became of one cue.
#[derive(Clone, Debug, Default)]
pub struct CueState {
    pub injecting: Option<i64>,
    pub injected: Option<i64>,
    pub healed: Option<i64>,
    pub bit: Option<Proof>,
    pub heal: Option<Proof>,
    pub failed: Option<String>,
}

/// What held over a stretch of time, for those who sort measurements by it.
#[derive(Debug)]
pub struct Place<'p> {
    /// Its middle, in microseconds.
    pub middle_us: i64,
    /// The phase of its middle.
    pub phase: Option<Phase>,
    /// Indices into the experiment's faults, ascending, each once.
    pub faults: Vec<usize>,
    /// Their names, or what ended shortly before.
    pub during: During<'p>,
}

/// Why a moment may have been bad; becomes words only where it is needed.
#[derive(Clone, Debug)]
pub enum During<'p> {
    /// Nothing known.
    Nothing,
    /// These faults held.
    Faults(Vec<&'p str>),
    /// This fault ended so many seconds before.
    After(&'p str, f64),
}

/// Events kept from the start and from the end.
const FIRST_LINES: usize = 300;
const LAST_LINES: usize = 100;
const DEGRADED_MAX: usize = 20;
/// Loom models that are told of one by one.
const MODELS_MAX: usize = 2_000;
/// A bad second up to this long after a heal is told together with that fault.
const AFTERMATH_US: i64 = 30_000_000;
/// Windows may come this much after the events of their second.
const LATE_US: i64 = 5_000_000;

// === impl Course ===

impl<'p> Course<'p> {
    pub fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            phases: [None; 4],
            cues: vec![CueState::default(); plan.cues.len()],
            holding: Vec::new(),
            last_healed: None,
            ended: None,
            guard: None,
            degraded: Vec::new(),
            models: Vec::new(),
            histories: Vec::new(),
            last_us: 0,
            first_lines: Vec::new(),
            last_lines: VecDeque::new(),
            left_out: 0,
        }
    }

    /// Takes an event in.
    pub fn take(&mut self, event: &Event) {
        let at = event.at_us;
        match &event.what {
            What::PhaseStarted { phase } => self.phases[*phase as usize] = Some(at),
            What::GuardTripped { why } => self.guard = Some((at, why.clone())),
            What::Model(model) if self.models.len() < MODELS_MAX => self.models.push(model.clone()),
            What::HistoryKept(kept) if self.histories.len() < self.plan.experiment.consistency.len() => {
                self.histories.push(kept.clone());
            }
            What::Degraded { why } if self.degraded.len() < DEGRADED_MAX => self.degraded.push(why.clone()),
            What::Ended { how } => self.ended = Some((at, how.clone())),
            _ => self.take_cue(at, &event.what),
        }
        if let Some((sort, text)) = self.line(&event.what) {
            self.note(EventLine { at_us: at, sort: sort.into(), text });
        }
    }

    /// Adds a line that no single event makes.
    pub fn note(&mut self, line: EventLine) {
        if self.first_lines.len() < FIRST_LINES {
            self.first_lines.push(line);
            return;
        }
        self.last_lines.push_back(line);
        if self.last_lines.len() > LAST_LINES {
            self.last_lines.pop_front();
            self.left_out += 1;
        }
    }

    /// All lines.
    pub fn events(&mut self) -> Events {
        let mut lines = std::mem::take(&mut self.first_lines);
        lines.extend(self.last_lines.drain(..));
        Events { lines, left_out: self.left_out }
    }

    /// What held from `from_us` to `to_us`; the same moment twice for an instant.
    pub fn place(&mut self, from_us: i64, to_us: i64) -> Place<'p> {
        self.last_us = self.last_us.max(to_us);
        let horizon = self.last_us - LATE_US;
        let cues = &self.cues;
        self.holding.retain(|cue| cues[*cue].healed.is_none_or(|healed| healed >= horizon));
        let middle_us = from_us + (to_us - from_us) / 2;
        let mut faults: Vec<usize> = self
            .holding
            .iter()
            .filter(|cue| self.holds(**cue, from_us, to_us))
            .map(|cue| self.plan.cues[*cue].fault)
            .collect();
        faults.sort_unstable();
        faults.dedup();
        let during = self.during(&faults, from_us, middle_us);
        Place { middle_us, phase: self.phase_at(middle_us), faults, during }
    }

    /// The cues that hold now and have a length of their own, but this one.
    pub fn others_holding(&self, but: usize) -> Vec<usize> {
        let holds =
            |cue: &&usize| **cue != but && self.cues[**cue].healed.is_none() && !self.is_instant(**cue);
        self.holding.iter().filter(holds).copied().collect()
    }

    /// Whether any fault holds now.
    pub fn any_holding(&self) -> bool {
        self.holding.iter().any(|cue| self.cues[*cue].healed.is_none() && !self.is_instant(*cue))
    }

    /// The name of a cue's fault.
    pub fn name(&self, cue: usize) -> &'p str {
        self.plan
            .experiment
            .faults
            .get(self.plan.cues[cue].fault)
            .map_or("unknown", |fault| fault.name.as_str())
    }

    /// Whether a cue's act has no length of its own.
    pub fn is_instant(&self, cue: usize) -> bool {
        self.act(&self.plan.cues[cue]).is_some_and(Act::is_instant)
    }

    /// The index of the cue with this number, if the plan has it.
    pub fn index(&self, cue: u32) -> Option<usize> {
        let same = |index: &usize| self.plan.cues[*index].id == cue;
        let expected = usize::try_from(cue).ok().filter(|index| *index < self.plan.cues.len()).filter(same);
        expected.or_else(|| self.plan.cues.iter().position(|planned| planned.id == cue))
    }

    fn act(&self, cue: &Cue) -> Option<&'p Act> {
        self.plan.experiment.faults.get(cue.fault).map(|fault| &fault.act)
    }

    fn phase_at(&self, at_us: i64) -> Option<Phase> {
        let begun = |phase: &Phase| self.phases[*phase as usize].is_some_and(|from| from <= at_us);
        Phase::ALL.into_iter().rev().find(begun)
    }

    fn holds(&self, cue: usize, from_us: i64, to_us: i64) -> bool {
        let state = &self.cues[cue];
        let Some(from) = state.injecting.or(state.injected) else { return false };
        let until = if self.is_instant(cue) { state.healed.or(state.injected) } else { state.healed };
        from <= to_us && until.is_none_or(|until| until >= from_us)
    }

    fn during(&self, faults: &[usize], from_us: i64, middle_us: i64) -> During<'p> {
        if !faults.is_empty() {
            let names = faults.iter().filter_map(|fault| self.plan.experiment.faults.get(*fault));
            return During::Faults(names.map(|fault| fault.name.as_str()).collect());
        }
        match self.last_healed {
            Some((cue, at)) if (0..=AFTERMATH_US).contains(&(middle_us - at)) => {
                During::After(self.name(cue), (from_us - at).max(0) as f64 / 1e6)
            }
            _ => During::Nothing,
        }
    }

    fn take_cue(&mut self, at: i64, what: &What) {
        let (What::Injecting { cue }
        | What::Injected { cue }
        | What::InjectionFailed { cue, .. }
        | What::Bit { cue, .. }
        | What::Healed { cue, .. }) = what
        else {
            return;
        };
        let Some(index) = self.index(*cue) else { return };
        let instant = self.is_instant(index);
        let state = &mut self.cues[index];
        match what {
            What::Injecting { .. } => {
                state.injecting = Some(at);
                self.holding.push(index);
            }
            What::Injected { .. } => {
                state.injected = Some(at);
                if instant {
                    self.last_healed = Some((index, at));
                }
                if !self.holding.contains(&index) {
                    self.holding.push(index);
                }
            }
            What::InjectionFailed { why, .. } => {
                state.failed = Some(why.clone());
                self.holding.retain(|other| *other != index);
            }
            What::Bit { proven, evidence, .. } => {
                state.bit = Some(Proof { proven: *proven, evidence: evidence.clone() });
            }
            What::Healed { proven, evidence, .. } => {
                state.healed = Some(at);
                state.heal = Some(Proof { proven: *proven, evidence: evidence.clone() });
                self.last_healed = Some((index, at));
            }
            _ => {}
        }
    }

    /// The line of an event, and its sort; probes speak only when they change, which others tell.
    fn line(&self, what: &What) -> Option<(&'static str, String)> {
        let fault = |cue: &u32| {
            self.index(*cue).map_or_else(|| format!("cue {cue}"), |cue| format!("`{}`", self.name(cue)))
        };
        let line = match what {
            What::Listening { kind, name, address } => {
                ("target", format!("{kind} `{name}` listens on {address}"))
            }
            What::TargetStarted { target, pid } => ("target", format!("`{target}` started (pid {pid})")),
            What::TargetReady { target, after_us } => {
                ("target", format!("`{target}` is ready after {}", show::seconds(*after_us as f64 / 1e6)))
            }
            What::TargetExited { target, status, expected } => {
                let why = if *expected { "as meant" } else { "unexpectedly" };
                ("target", format!("`{target}` ended {why}: {status}"))
            }
            What::TargetFailed { target, why } => ("target", format!("`{target}` failed: {why}")),
            What::PhaseStarted { phase } => ("phase", format!("{} begins", phase.word())),
            What::Injecting { .. } | What::Probed { .. } => return None,
            What::Injected { cue } => ("fault", format!("{} holds", fault(cue))),
            What::InjectionFailed { cue, why } => {
                ("fault", format!("{} could not be injected: {why}", fault(cue)))
            }
            What::Bit { cue, proven, evidence } => {
                let word = if *proven { "bit" } else { "is not proven to have bitten" };
                ("fault", format!("{} {word}: {evidence}", fault(cue)))
            }
            What::Healed { cue, proven, evidence } => {
                let word = if *proven { "is healed" } else { "is not proven to be healed" };
                ("fault", format!("{} {word}: {evidence}", fault(cue)))
            }
            What::GuardTripped { why } => ("harness", format!("the guard stops the run: {why}")),
            What::LeakCertain { target, found } => {
                ("target", format!("a leak in `{target}` is certain: {found}"))
            }
            What::Model(model) if model.outcome == ModelOutcome::Pass => return None,
            What::Model(model) => ("race", model_line(model)),
            What::HistoryKept(kept) => {
                let why = kept.cut.as_ref()?;
                ("harness", format!("the history of `{}` ends early: {why}", kept.workload))
            }
            What::Degraded { why } => ("harness", why.clone()),
            What::Ended { how } => ("harness", ending(how)),
        };
        Some(line)
    }
}

fn model_line(model: &ModelPlayed) -> String {
    let why = model.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
    format!("model {}: {}{why}", model.name, model.outcome.word())
}

fn ending(how: &Ending) -> String {
    match how {
        Ending::Completed => "the run ended as planned".into(),
        Ending::Guard => "the run ended by its guard".into(),
        Ending::CertainLeak { found } => format!("the run ended early, since a leak is certain: {found}"),
        Ending::Aborted { why } => format!("the run was given up: {why}"),
        Ending::Signal { signal } => format!("the run was ended by signal {signal}"),
    }
}

// === impl During ===

impl During<'_> {
    /// As words: `during slow db, cut off`, `2 s after crash`, or nothing.
    pub fn words(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Faults(names) => format!("during {}", names.join(", ")),
            Self::After(name, seconds) if *seconds < 0.5 => format!("right after {name}"),
            Self::After(name, seconds) => format!("{} after {name}", show::seconds(seconds.round())),
        }
    }
}
