//! The runner: one `select!` that feeds the conductor and carries its commands out.
//!
//! Every source (targets, load, probes, samples, injections, signals) becomes a [`Happening`]; what the conductor must
//! know of it becomes an `Input`, what the report must know of it a journal record. It judges nothing.

mod early;
mod loads;
mod panics;
mod sampling;
mod signals;
mod take;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shakedown_faults::process::RUN_VARIABLE;
use shakedown_load::{HistoryPlace, Load, LoadEnd, Stopper};
use shakedown_reports::HISTORIES;
use shakedown_reports::journal::{
    Ending, Event, ExportSample, HostSample, ModelPlayed, Record, Sample, What, Window, Writer,
};
use shakedown_scenarios::probe::Ask;
use shakedown_scenarios::units::Span;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::early::Early;
use self::sampling::Sampling;
use crate::authorities;
use crate::clock::Clock;
use crate::conductor::{Command, Conductor, Input};
use crate::console;
use crate::display::Display;
use crate::exports;
use crate::injections::{Active, Healed, Injector};
use crate::keeper::Keeper;
use crate::links;
use crate::placeholders::Own;
use crate::probes::{self, Answer, Question};
use crate::setup::Prepared;
use crate::targets::{self, Notice, Targets};

/// How many happenings may wait for the runner. They come a few times a second each; a full channel holds their
/// senders back, never the load's pace.
const WAITING: usize = 1024;

/// How often the display moves and the guardian is looked at.
const TICK: Span = Span::millis(250);

/// Something that happened, from any source.
#[derive(Debug)]
pub enum Happening {
    /// A supervisor tells of its process.
    Target(Notice),
    /// All targets serve.
    AllReady,
    /// One second of a workload.
    Window(Box<Window>),
    /// A probe was answered.
    Answer(Answer),
    /// Resources were sampled.
    Samples(Vec<Sample>, HostSample),
    /// Resources could not be sampled.
    Unsampled(String),
    /// A page with figures was fetched, or missed.
    Exported(ExportSample),
    /// An injection was tried.
    Injected(u32, Result<Active, String>),
    /// An injection was healed, or given up.
    Healed(u32, Healed),
    /// A signal came.
    Signal(i32),
    /// A part of the harness is gone.
    Broken(String),
    /// All workloads ended.
    LoadEnded(Vec<(String, LoadEnd)>),
    /// All targets are down.
    TargetsStopped,
}

/// How a run ended, beside what the journal says.
#[derive(Debug)]
pub struct Outcome {
    /// As the journal has it.
    pub ending: Ending,
    /// The harness itself failed in some part; the exit code says so.
    pub internal: Option<String>,
}

/// A run under way.
pub struct Runner {
    clock: Clock,
    conductor: Conductor,
    journal: Writer,
    display: Display,
    prepared: Prepared,
    injector: Arc<Injector>,
    targets: Arc<Targets>,
    stops: Vec<Stopper>,
    active: BTreeMap<u32, Active>,
    sampling: Option<Sampling>,
    early_verdict: Early,
    happenings: mpsc::Sender<Happening>,
    tasks: JoinSet<()>,
    probes: JoinSet<()>,
    /// When the load began.
    zero: Option<Span>,
    /// Events from before the load; they get their (negative) moments when its zero is known.
    early: Vec<(Span, What)>,
    degraded: Option<String>,
    /// Links of which it is told that they had no room for somebody.
    crowded: BTreeSet<String>,
    ending: Option<Ending>,
    internal: Option<String>,
}

// === impl Runner ===

impl Runner {
    /// A runner for what is prepared, writing to this journal.
    #[must_use]
    pub fn new(
        prepared: Prepared,
        keeper: Keeper,
        journal: Writer,
        clock: Clock,
    ) -> (Self, mpsc::Receiver<Happening>) {
        let (happenings, inbox) = mpsc::channel(WAITING);
        let plan = prepared.start.plan.clone();
        let mut targets = Targets::default();
        let (notices, told) = mpsc::channel(WAITING);
        for name in plan.experiment.targets.keys() {
            if let Some(ground) = prepared.ground(name) {
                targets.supervise(Arc::new(ground), notices.clone());
            }
        }
        for (name, identity) in &prepared.attached {
            targets.attach(name, identity.clone());
        }
        let targets = Arc::new(targets);
        let injector = Arc::new(Injector::new(&prepared, keeper, Arc::clone(&targets)));
        let mut runner = Self {
            clock,
            conductor: Conductor::new(plan.clone()),
            journal,
            display: Display::new(&plan),
            prepared,
            injector,
            targets,
            stops: Vec::new(),
            active: BTreeMap::new(),
            sampling: None,
            early_verdict: Early::of(&plan),
            happenings,
            tasks: JoinSet::new(),
            probes: JoinSet::new(),
            zero: None,
            early: Vec::new(),
            degraded: None,
            crowded: BTreeSet::new(),
            ending: None,
            internal: None,
        };
        runner.forward(told, Happening::Target);
        (runner, inbox)
    }

    /// Writes down what was played before the run.
    pub fn note_models(&mut self, models: Vec<ModelPlayed>) {
        models.into_iter().for_each(|model| self.record(What::Model(model)));
    }

    /// Runs to the end.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Happening>) -> Outcome {
        self.begin();
        let mut ticks = tokio::time::interval(TICK.duration());
        let mut commands = Vec::new();
        while !self.conductor.is_done() {
            let deadline = self.conductor.next_deadline().map(|at| Instant::from_std(self.clock.instant(at)));
            let input = tokio::select! {
                biased;
                Some(ended) = self.tasks.join_next() => after_task(ended),
                () = until(deadline) => Input::Tick,
                Some(happening) = inbox.recv() => self.take(happening),
                _ = ticks.tick() => self.tick(),
            };
            if let Input::Broken(why) = &input {
                self.internal.get_or_insert_with(|| why.clone());
            }
            self.conductor.step(self.clock.now(), input, &mut commands);
            for command in commands.drain(..) {
                self.obey(command);
            }
        }
        self.end()
    }

    /// Signals, samples and the first processes.
    fn begin(&mut self) {
        panics::watch(&self.happenings);
        self.tell_listening();
        if let Err(error) = signals::watch(&mut self.tasks, &self.happenings) {
            self.record(What::Degraded { why: format!("signals cannot be caught: {error}") });
        }
        let run = self.prepared.start.folder.marker().to_owned();
        match Sampling::start(&run, Arc::clone(&self.targets), self.happenings.clone()) {
            Ok(sampling) => self.sampling = Some(sampling),
            Err(error) => self.record(What::Degraded { why: format!("nothing is sampled: {error}") }),
        }
        let order = targets::start_order(&self.prepared.start.plan.experiment);
        for name in &order {
            self.prepared.reserved.release(name);
        }
        let (targets, happenings) = (Arc::clone(&self.targets), self.happenings.clone());
        self.tasks.spawn(async move {
            // A target that fails tells so by a notice of its own.
            if targets.start(&order).await {
                let _ = happenings.send(Happening::AllReady).await;
            }
        });
    }

    fn tell_listening(&mut self) {
        let places = self.prepared.places.clone();
        let listening = |kind: &str, name: String, address: std::net::SocketAddr| What::Listening {
            kind: kind.to_owned(),
            name,
            address: address.to_string(),
        };
        for (name, address) in places.targets {
            self.record(listening("target", name, address));
        }
        for (name, address) in places.links {
            self.record(listening("link", name, address));
        }
    }

    /// Passes what comes on one channel on to the runner's own.
    fn forward<T: Send + 'static>(&mut self, mut from: mpsc::Receiver<T>, wrap: fn(T) -> Happening) {
        let to = self.happenings.clone();
        self.probes.spawn(async move {
            while let Some(item) = from.recv().await {
                if to.send(wrap(item)).await.is_err() {
                    return;
                }
            }
        });
    }

    fn tick(&mut self) -> Input {
        if let Some(zero) = self.zero {
            self.display.tick(self.clock.now().minus(zero));
        }
        let degraded = self.journal.degraded();
        if degraded != self.degraded {
            if let Some(why) = &degraded {
                self.display.write(&format!("degraded  {why}"));
            }
            self.degraded = degraded;
        }
        if self.injector.guardian_is_gone() {
            return Input::Broken(
                "the guardian is gone: nobody would undo the faults if the harness died".to_owned(),
            );
        }
        Input::Tick
    }

    /// Carries a command out. Nothing here waits: what takes time becomes a task that brings its outcome back.
    fn obey(&mut self, command: Command) {
        match command {
            Command::Record(what) => self.record(what),
            Command::StartLoad => self.start_load(),
            Command::Inject(cue) => self.inject(cue),
            Command::Heal(cue) => self.heal(cue),
            Command::StopLoad => self.stop_load(),
            Command::StopTargets { politely } => self.stop_targets(politely),
            Command::Finish(ending) => self.ending = Some(ending),
        }
    }

    fn start_load(&mut self) {
        let zero = self.clock.now();
        self.zero = Some(zero);
        for (at, what) in std::mem::take(&mut self.early) {
            self.journal.append(Record::Event(Event { at_us: self.at_us(at), what }));
        }
        self.start_probes();
        self.start_exports();
        let plan = &self.prepared.start.plan;
        let (windows, told) = mpsc::channel(WAITING);
        let (mut loads, mut failed) = (BTreeMap::new(), Vec::new());
        for (name, workload) in &plan.experiment.workloads {
            let places = &self.prepared.places;
            let Some(address) = links::destination(workload.to(), &places.targets, &places.links) else {
                continue;
            };
            let mut workload = workload.clone();
            authorities::place(&mut workload, places, &self.prepared.start.base);
            let start = shakedown_load::Start {
                name: name.clone(),
                host: authorities::host(&workload, address),
                workload,
                address,
                seed: plan.seed,
                start: self.clock.instant(zero),
                duration: plan.experiment.phases.total(),
                history: self.history_of(name),
            };
            match shakedown_load::start(start, windows.clone()) {
                Ok(load) => {
                    loads.insert(name.clone(), load);
                }
                Err(error) => failed.push(format!("workload `{name}` cannot start: {error}")),
            }
        }
        self.watch_load(loads, told);
        for why in failed {
            self.internal.get_or_insert_with(|| why.clone());
            self.step_aside(Input::Broken(why));
        }
    }

    /// Where the history of a workload is kept, if the experiment asks about it.
    fn history_of(&self, workload: &str) -> Option<HistoryPlace> {
        let start = &self.prepared.start;
        let is_asked = start.plan.experiment.consistency.iter().any(|asked| asked.of == workload);
        is_asked.then(|| HistoryPlace {
            folder: start.folder.path().join(HISTORIES),
            run: start.folder.marker().to_owned(),
        })
    }

    fn start_probes(&mut self) {
        let (answers, told) = mpsc::channel(WAITING);
        let Prepared { start, places, .. } = &self.prepared;
        let mut questions = Vec::new();
        for probe in &start.plan.experiment.hypothesis {
            let mut probe = probe.clone();
            if let Ask::Exec { argv, .. } = &mut probe.ask {
                *argv = places.fill_all(argv, &Own::default());
            }
            let address = links::asked(&probe.ask)
                .and_then(|to| links::destination(to, &places.targets, &places.links));
            let envs = vec![(RUN_VARIABLE.to_owned(), start.folder.marker().to_owned())];
            questions.push(Question { probe, address, envs });
        }
        for question in questions {
            self.probes.spawn(probes::ask_on(question, self.clock, answers.clone()));
        }
        self.forward(told, Happening::Answer);
    }

    fn start_exports(&mut self) {
        let (samples, told) = mpsc::channel(WAITING);
        for source in exports::sources(&self.prepared.start.plan.experiment, &self.prepared.places) {
            self.probes.spawn(exports::fetch_on(source, samples.clone()));
        }
        self.forward(told, Happening::Exported);
    }

    /// Waits for all workloads to end, and passes their windows on.
    fn watch_load(&mut self, loads: BTreeMap<String, Load>, windows: mpsc::Receiver<Window>) {
        self.stops = loads.values().map(Load::stopper).collect();
        if loads.is_empty() {
            // A run that only watches goes on to its planned end; `stop_load` says when.
            return;
        }
        let joining =
            loads.into_iter().map(|(name, load)| async move { (name, load.join().await) }).collect();
        self.tasks.spawn(loads::follow(joining, windows, self.happenings.clone()));
    }

    fn inject(&mut self, cue: u32) {
        self.record(What::Injecting { cue });
        let (injector, happenings) = (Arc::clone(&self.injector), self.happenings.clone());
        self.tasks.spawn(async move {
            let result = injector.inject(cue).await;
            let _ = happenings.send(Happening::Injected(cue, result)).await;
        });
    }

    fn heal(&mut self, cue: u32) {
        let Some(active) = self.active.remove(&cue) else { return };
        let (injector, happenings) = (Arc::clone(&self.injector), self.happenings.clone());
        self.tasks.spawn(async move {
            let healed = injector.heal(cue, active).await;
            let _ = happenings.send(Happening::Healed(cue, healed)).await;
        });
    }

    fn stop_load(&mut self) {
        self.injector.hurry();
        for stop in &self.stops {
            stop.stop();
        }
        if self.stops.is_empty() {
            let happenings = self.happenings.clone();
            self.tasks.spawn(async move {
                let _ = happenings.send(Happening::LoadEnded(Vec::new())).await;
            });
        }
    }

    fn stop_targets(&mut self, politely: bool) {
        // A probe of a target that is being ended on purpose would tell nothing.
        self.probes.abort_all();
        let (targets, happenings) = (Arc::clone(&self.targets), self.happenings.clone());
        self.tasks.spawn(async move {
            targets.stop(politely).await;
            let _ = happenings.send(Happening::TargetsStopped).await;
        });
    }

    /// Writes an event down, and shows it.
    fn record(&mut self, what: What) {
        let now = self.clock.now();
        self.display.event(now.minus(self.zero.unwrap_or(now)), &what);
        match self.zero {
            Some(_) => self.journal.append(Record::Event(Event { at_us: self.at_us(now), what })),
            None => self.early.push((now, what)),
        }
    }

    /// A moment of the run as the journal counts it: from the start of the load.
    fn at_us(&self, moment: Span) -> i64 {
        let zero = self.zero.unwrap_or(moment);
        let micros = |span: Span| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        micros(moment) - micros(zero)
    }

    /// What remains to be done once the conductor is done.
    fn end(mut self) -> Outcome {
        self.display.end();
        let now = self.clock.now();
        self.zero.get_or_insert(now);
        for (at, what) in std::mem::take(&mut self.early) {
            self.journal.append(Record::Event(Event { at_us: self.at_us(at), what }));
        }
        if let Err(error) = self.journal.finish() {
            console::tell(&format!("the journal is not whole: {error}"));
        }
        if let Err(error) = self.injector.finish() {
            self.internal.get_or_insert(format!("the run could not be cleaned up: {error}"));
        }
        let ending = self.ending.unwrap_or(Ending::Completed);
        Outcome { ending, internal: self.internal }
    }
}

/// What the end of a task means. Tasks end by themselves; one that panicked is a part of the harness that is gone.
fn after_task(ended: Result<(), tokio::task::JoinError>) -> Input {
    match ended {
        Ok(()) => Input::Tick,
        Err(error) if error.is_cancelled() => Input::Tick,
        Err(error) => Input::Broken(format!("a task of the harness panicked: {error}")),
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
