//! Injections: each fault is written to the ledger, injected, proven, healed, and proven to be healed.
//!
//! This is the thin shell around `shakedown-faults`: it finds the link, process or host resource that a cue names. It
//! decides nothing about when.

mod groups;
mod protocols;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shakedown_faults::ledger::{EntryId, Undo};
use shakedown_faults::pressure::{self, Pressure};
use shakedown_faults::process::{self, Identity, Kin, Signalled};
use shakedown_faults::proof;
use shakedown_faults::proxy::Proxy;
use shakedown_faults::toxic::Injection;
use shakedown_scenarios::fault::Act;
use shakedown_scenarios::plan::{Cue, Plan};
use shakedown_scenarios::target::Restart;
use shakedown_scenarios::units::Span;
use tokio::sync::{oneshot, watch};
use tokio::task::block_in_place;
use tokio::time::timeout;

use crate::keeper::Keeper;
use crate::links::RunningLink;
use crate::setup::Prepared;
use crate::targets::start::target_marker;
use crate::targets::{Handle, Order, Status, Targets};

/// Injects and heals.
#[derive(Debug)]
pub struct Injector {
    plan: Plan,
    program: PathBuf,
    marker: String,
    links: Arc<BTreeMap<String, RunningLink>>,
    targets: Arc<Targets>,
    keeper: Mutex<Keeper>,
    /// The entries of the targets' processes.
    processes: Mutex<BTreeMap<i32, EntryId>>,
    /// True once the run is closing: nothing waits for a target to come back any more.
    closing: watch::Sender<bool>,
}

/// A fault that holds.
#[derive(Debug)]
pub struct Active {
    entry: Option<EntryId>,
    what: Holding,
}

#[derive(Debug)]
enum Holding {
    /// A toxic on a link.
    Link(String),
    /// Several links that are cut at once.
    Split { links: Vec<String> },
    /// A fault on what a link speaks, and its number there.
    Protocol { link: String, number: u32 },
    /// A stopped tree, and what was seen of its stop.
    Stopped { family: Family, stopped: Signalled },
    /// A child process that presses.
    Pressing(Box<Pressure>),
    /// A target that was ended: how that was seen, and the process that was ended.
    Ended { target: String, bit: (bool, String), before: Option<Identity> },
}

/// A target's processes, as they are found again and again.
#[derive(Debug)]
struct Family {
    root: Identity,
    groups: bool,
    marker: Option<String>,
}

/// What was seen of a fault by its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healed {
    /// Whether it bit, and what shows it.
    pub bit: (bool, String),
    /// Whether it is gone, and what shows it.
    pub healed: (bool, String),
}

// === impl Injector ===

impl Injector {
    /// An injector for a prepared run.
    #[must_use]
    pub fn new(prepared: &Prepared, keeper: Keeper, targets: Arc<Targets>) -> Self {
        Self {
            plan: prepared.start.plan.clone(),
            program: prepared.start.program.clone(),
            marker: prepared.start.folder.marker().to_owned(),
            links: Arc::clone(&prepared.links),
            targets,
            keeper: Mutex::new(keeper),
            processes: Mutex::default(),
            closing: watch::Sender::new(false),
        }
    }

    /// Injects a cue's fault.
    ///
    /// # Errors
    /// Why it could not be, for people. Nothing holds then.
    pub async fn inject(&self, cue: u32) -> Result<Active, String> {
        let (cue, act) = self.find(cue).ok_or("the plan has no such cue")?;
        match &act {
            Act::Toxic { link, .. } => self.inject_toxic(&cue, link, &act),
            Act::Split { between, way } => self.inject_split(&cue, between, *way),
            Act::Protocol { link, protocol, fault } => self.inject_protocol(&cue, link, *protocol, fault),
            Act::Stop { target } => self.inject_stop(&cue, target),
            Act::CpuPressure { .. } | Act::MemoryPressure { .. } => self.inject_pressure(&cue, &act),
            Act::Kill { target } => self.inject_kill(target).await,
            Act::Restart { target } => self.inject_restart(target).await,
        }
    }

    /// Heals what holds and tells what was seen of it.
    pub async fn heal(&self, cue: u32, active: Active) -> Healed {
        let healed = match active.what {
            Holding::Link(link) => self.heal_toxic(cue, &link),
            Holding::Split { links } => self.heal_split(cue, &links),
            Holding::Protocol { link, number } => self.heal_protocol(&link, number),
            Holding::Stopped { family, stopped } => heal_stop(&family, &stopped),
            Holding::Pressing(pressure) => block_in_place(|| heal_pressure(*pressure)),
            Holding::Ended { target, bit, before } => {
                Healed { bit, healed: self.await_return(&target, before.as_ref()).await }
            }
        };
        match active.entry {
            Some(entry) if healed.healed.0 => self.close(entry, healed),
            _ => healed,
        }
    }

    /// The run is closing: nothing needs to wait for a target to come back any more.
    pub fn hurry(&self) {
        self.closing.send_replace(true);
    }

    /// Whether the guardian died. A run without one must not go on.
    #[must_use]
    pub fn guardian_is_gone(&self) -> bool {
        !self.keeper().guards()
    }

    /// Writes down that a target's process is to be ended with the run. The run's marker says so already, but servers such
    /// as nginx and Redis write their titles over their environment.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn started(&self, identity: &Identity) -> Result<(), String> {
        let undo = Undo::End { identity: identity.clone() };
        block_in_place(|| self.keeper().stand(undo)).map(|entry| {
            self.processes().insert(identity.pid, entry);
        })
    }

    /// Writes down that a target's process is gone, with all that belonged to it.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn exited(&self, pid: i32) -> Result<(), String> {
        let entry = self.processes().remove(&pid);
        entry.map_or(Ok(()), |entry| block_in_place(|| self.keeper().close(entry)))
    }

    fn processes(&self) -> MutexGuard<'_, BTreeMap<i32, EntryId>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Undoes all that still stands, closes the ledger and lets the guardian go.
    ///
    /// # Errors
    /// What could not be undone or written down, for people. The ledger stays open then.
    pub fn finish(&self) -> Result<(), String> {
        block_in_place(|| self.keeper().finish())
    }

    fn find(&self, cue: u32) -> Option<(Cue, Act)> {
        let cue = self.plan.cues.get(cue as usize)?;
        let fault = self.plan.experiment.faults.get(cue.fault)?;
        Some((cue.clone(), fault.act.clone()))
    }

    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        // A panic while it was held has already ended the run; the ledger's own lines are whole at any moment.
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an injection down before it is done.
    fn open(&self, undo: Undo, cue: &Cue) -> Result<EntryId, String> {
        // The guardian adds a moment of patience of its own.
        let lease = cue.to.minus(cue.from);
        block_in_place(|| self.keeper().open(undo, lease))
    }

    fn close(&self, entry: EntryId, mut healed: Healed) -> Healed {
        if let Err(error) = block_in_place(|| self.keeper().close(entry)) {
            healed.healed.1 = format!("{}; the ledger could not be told: {error}", healed.healed.1);
        }
        healed
    }

    fn proxy(&self, link: &str) -> Result<&Proxy, String> {
        self.links.get(link).and_then(RunningLink::tcp).ok_or_else(|| format!("link `{link}` is none of TCP"))
    }

    fn inject_toxic(&self, cue: &Cue, link: &str, act: &Act) -> Result<Active, String> {
        let proxy = self.proxy(link)?;
        let injection = Injection::from_act(&self.stream_of(cue), act).ok_or("this act is no toxic")?;
        let entry = self.open(Undo::Link { name: link.to_owned() }, cue)?;
        proxy.inject(cue.id, injection).map_err(|error| error.to_string())?;
        Ok(Active { entry: Some(entry), what: Holding::Link(link.to_owned()) })
    }

    /// What names a cue's streams of chance: its fault, and which repetition of that it is.
    fn stream_of(&self, cue: &Cue) -> String {
        let earlier = self.plan.cues.iter().filter(|other| other.fault == cue.fault && other.id < cue.id);
        let name = self.plan.experiment.faults.get(cue.fault).map_or("", |fault| fault.name.as_str());
        format!("{name}/{}", earlier.count())
    }

    fn heal_toxic(&self, cue: u32, link: &str) -> Healed {
        let Ok(proxy) = self.proxy(link) else {
            return Healed {
                bit: (false, "the link is gone".into()),
                healed: (true, "the link is gone".into()),
            };
        };
        let healed = proxy.heal(cue);
        let evidence = proxy.evidence(cue);
        let bit =
            evidence.map_or((false, "nothing was counted".to_owned()), |seen| (seen.bit(), seen.to_string()));
        Healed { bit, healed: seen(healed) }
    }

    fn inject_stop(&self, cue: &Cue, target: &str) -> Result<Active, String> {
        let root = self.targets.identity(target).ok_or_else(|| format!("target `{target}` does not run"))?;
        let family = self.family(target, root);
        block_in_place(|| {
            let undo =
                Undo::Resume { identities: process::kin(&family.kin()), marker: family.marker.clone() };
            let entry = self.open(undo, cue)?;
            let stopped = process::stop_all(&family.kin()).map_err(|error| error.to_string())?;
            Ok(Active { entry: Some(entry), what: Holding::Stopped { family, stopped } })
        })
    }

    /// Who belongs to a target. What we started leads groups of its own and carries a marker; of a process that we found
    /// only its descendants are its own.
    fn family(&self, target: &str, root: Identity) -> Family {
        let ours = self.targets.handle(target).is_some();
        Family { root, groups: ours, marker: ours.then(|| target_marker(&self.marker, target)) }
    }

    fn inject_pressure(&self, cue: &Cue, act: &Act) -> Result<Active, String> {
        let hold = cue.to.minus(cue.from);
        // The ramp is part of the hold: the injector's own deadline is the cue's end.
        let full = if let Act::MemoryPressure { ramp, .. } = act { hold.minus(*ramp) } else { hold };
        let keep = self.plan.experiment.guard.keep_available;
        let spec = pressure::Spec::from_act(act, full, keep).ok_or("this act is no pressure")?;
        block_in_place(|| {
            let armed = Pressure::arm(&self.program, &spec, &self.marker);
            let mut pressure = armed.map_err(|error| format!("cannot start the injector: {error}"))?;
            // It presses only at our word, so that its line is on disk first.
            let entry = self.open(Undo::End { identity: pressure.identity().clone() }, cue)?;
            match pressure.press() {
                Ok(()) => Ok(Active { entry: Some(entry), what: Holding::Pressing(Box::new(pressure)) }),
                Err(error) => {
                    let healed = pressure.heal();
                    self.close(entry, Healed { bit: (false, String::new()), healed: seen(healed) });
                    Err(error.to_string())
                }
            }
        })
    }

    async fn inject_kill(&self, target: &str) -> Result<Active, String> {
        let handle = self.handle(target)?;
        let before = handle.status().identity().cloned();
        let (reply, answer) = oneshot::channel();
        handle.order(Order::Kill(reply)).await;
        let killed = answer.await.unwrap_or(0);
        let gone = wait_until_gone(handle, before.as_ref()).await;
        let bit = match (&before, gone) {
            (Some(identity), true) => {
                (killed > 0, format!("pid {} is gone; {} killed", identity.pid, processes(killed)))
            }
            (Some(identity), false) => (false, format!("pid {} is still there", identity.pid)),
            (None, _) => (false, format!("`{target}` was not running")),
        };
        Ok(Active { entry: None, what: Holding::Ended { target: target.to_owned(), bit, before } })
    }

    async fn inject_restart(&self, target: &str) -> Result<Active, String> {
        let handle = self.handle(target)?;
        let before = handle.status().identity().cloned();
        let (reply, answer) = oneshot::channel();
        handle.order(Order::Restart(reply)).await;
        let gone = answer.await.is_ok();
        let bit = match &before {
            Some(identity) if gone => (true, format!("pid {} ended on request", identity.pid)),
            Some(identity) => (false, format!("pid {} is still there", identity.pid)),
            None => (true, "it was down and is started".to_owned()),
        };
        Ok(Active { entry: None, what: Holding::Ended { target: target.to_owned(), bit, before } })
    }

    fn handle(&self, target: &str) -> Result<&Handle, String> {
        self.targets.handle(target).ok_or_else(|| format!("target `{target}` is not ours to end"))
    }

    /// Waits until an ended target serves again, if anything is going to start it.
    async fn await_return(&self, target: &str, before: Option<&Identity>) -> (bool, String) {
        let Ok(handle) = self.handle(target) else { return (true, "nothing to undo".into()) };
        let back = |status: &Status| match status {
            Status::Down => true,
            Status::Ready(identity) => Some(identity) != before,
            Status::Waiting | Status::Starting(_) => false,
        };
        let longest = match handle.process.restart {
            Restart::Never => Span::ZERO,
            Restart::OnExit { to, .. } => to,
        };
        let within = handle.process.ready_within.plus(longest);
        let mut closing = self.closing.subscribe();
        let seen = tokio::select! {
            seen = timeout(within.duration(), handle.wait(back)) => seen.ok().flatten(),
            _ = closing.wait_for(|closing| *closing) => None,
        };
        // A kill leaves nothing that must be undone: whether the target comes back is measured, not healed.
        (
            true,
            match seen {
                Some(Status::Ready(identity)) => format!("serves again as pid {}", identity.pid),
                Some(_) => "stays down: nothing restarts it".to_owned(),
                None => "nothing to undo; it did not serve again while we waited".to_owned(),
            },
        )
    }
}

// === impl Family ===

impl Family {
    fn kin(&self) -> Kin<'_> {
        Kin { roots: std::slice::from_ref(&self.root), groups: self.groups, marker: self.marker.as_deref() }
    }
}

async fn wait_until_gone(handle: &Handle, before: Option<&Identity>) -> bool {
    const WITHIN: Span = Span::secs(5);
    let gone = |status: &Status| status.identity() != before;
    matches!(timeout(WITHIN.duration(), handle.wait(gone)).await, Ok(Some(_)))
}

fn heal_stop(family: &Family, stopped: &Signalled) -> Healed {
    let (done, failed) = (stopped.done.len(), stopped.failed.len());
    let bit = match failed {
        0 => (done > 0, format!("{} stood still", processes(done))),
        _ => (false, format!("{failed} of {} did not stop", processes(done + failed))),
    };
    // By descent again: what was forked while the stop was under way stands, too.
    let healed = match block_in_place(|| process::resume_all(&family.kin())) {
        Ok(resumed) if !resumed.failed.is_empty() => {
            (false, format!("{} still stopped", processes(resumed.failed.len())))
        }
        Ok(resumed) if resumed.done.is_empty() => (true, "nothing is stopped any more".to_owned()),
        Ok(resumed) => (true, format!("{} continued", processes(resumed.done.len()))),
        Err(error) => (false, error.to_string()),
    };
    Healed { bit, healed }
}

fn heal_pressure(mut pressure: Pressure) -> Healed {
    let healed = pressure.heal();
    let bit = pressure
        .evidence()
        .map_or((false, "it told nothing".to_owned()), |seen| (seen.bit(), seen.to_string()));
    Healed { bit, healed: seen(healed) }
}

fn processes(count: usize) -> String {
    if count == 1 { "1 process".to_owned() } else { format!("{count} processes") }
}

fn seen(healed: proof::Healed) -> (bool, String) {
    (healed.proven, healed.evidence)
}
