//! Targets: the processes that a run starts, watches, restarts and ends.
//!
//! Each process has a supervisor task that owns it; others see its [`Status`] and send it [`Order`]s. What a process
//! prints goes to `target-NAME.log` in the run folder, straight from the process, so that nothing is lost when the
//! harness dies.

pub mod backoff;
pub mod start;
mod supervisor;

use std::collections::BTreeMap;
use std::sync::Arc;

use shakedown_faults::process::Identity;
use shakedown_scenarios::experiment::Experiment;
use shakedown_scenarios::placeholder::{self, Placeholder};
use shakedown_scenarios::target::{Link, Process, Target};
use shakedown_scenarios::units::Span;
use tokio::sync::{mpsc, oneshot, watch};

pub use self::start::Ground;
use self::supervisor::Supervisor;

/// What a process is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not running, and nothing is going to start it.
    Down,
    /// Not running yet, or about to be started again.
    Waiting,
    /// Running, not serving yet.
    Starting(Identity),
    /// Serving.
    Ready(Identity),
}

/// What a supervisor tells the runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A process was started.
    Started {
        /// The target.
        target: String,
        /// Its main process; its number alone if it was gone before it could be looked at.
        pid: i32,
        /// Who that is.
        identity: Option<Identity>,
    },
    /// It serves.
    Ready {
        /// The target.
        target: String,
        /// From its start.
        after: Span,
    },
    /// It ended.
    Exited {
        /// The target.
        target: String,
        /// Its process id.
        pid: i32,
        /// How, for people.
        status: String,
        /// Whether a fault or the end of the run ended it.
        expected: bool,
    },
    /// It could not be started, or did not become ready in time.
    Failed {
        /// The target.
        target: String,
        /// Why, for people.
        why: String,
    },
}

/// What a supervisor is told to do.
#[derive(Debug)]
pub enum Order {
    /// Start the process for the first time.
    Start,
    /// SIGKILL to the whole tree; answered with how many processes got it.
    Kill(oneshot::Sender<usize>),
    /// SIGTERM, grace, SIGKILL, and a new start; answered once the old process is gone.
    Restart(oneshot::Sender<()>),
    /// The end of the run.
    Stop {
        /// Give it its grace.
        politely: bool,
    },
}

/// One supervised process, seen from outside.
#[derive(Clone, Debug)]
pub struct Handle {
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<Status>,
    /// What the experiment says of it.
    pub process: Process,
}

/// All targets of a run.
#[derive(Debug, Default)]
pub struct Targets {
    handles: BTreeMap<String, Handle>,
    attached: BTreeMap<String, Identity>,
}

// === impl Status ===

impl Status {
    /// The running process.
    #[must_use]
    pub const fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Starting(identity) | Self::Ready(identity) => Some(identity),
            Self::Down | Self::Waiting => None,
        }
    }
}

// === impl Handle ===

impl Handle {
    /// What it is doing now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Sends an order; `false`: the supervisor is gone.
    pub async fn order(&self, order: Order) -> bool {
        self.orders.send(order).await.is_ok()
    }

    /// Waits until `wanted` holds; `None`: the supervisor ended first.
    pub async fn wait(&self, wanted: impl FnMut(&Status) -> bool) -> Option<Status> {
        self.status.clone().wait_for(wanted).await.ok().map(|status| status.clone())
    }
}

// === impl Targets ===

impl Targets {
    /// Takes a target in that runs already.
    pub fn attach(&mut self, name: &str, identity: Identity) {
        self.attached.insert(name.to_owned(), identity);
    }

    /// Starts the supervisor of one process; the process itself starts with [`Order::Start`].
    pub fn supervise(&mut self, ground: Arc<Ground>, notices: mpsc::Sender<Notice>) {
        let (orders, inbox) = mpsc::channel(16);
        let (status, seen) = watch::channel(Status::Waiting);
        let handle = Handle { orders, status: seen, process: ground.process.clone() };
        self.handles.insert(ground.name.clone(), handle);
        tokio::spawn(Supervisor::new(ground, inbox, status, notices).run());
    }

    /// A started process by name.
    #[must_use]
    pub fn handle(&self, name: &str) -> Option<&Handle> {
        self.handles.get(name)
    }

    /// The main process of a target, if it runs and is ours to see.
    #[must_use]
    pub fn identity(&self, name: &str) -> Option<Identity> {
        let started = self.handles.get(name).and_then(|handle| handle.status().identity().cloned());
        started.or_else(|| self.attached.get(name).cloned())
    }

    /// Every target with a process, and its main process where it runs.
    #[must_use]
    pub fn roots(&self) -> Vec<(String, Option<Identity>)> {
        self.handles
            .keys()
            .chain(self.attached.keys())
            .map(|name| (name.clone(), self.identity(name)))
            .collect()
    }

    /// Ends all processes and waits until every supervisor is done.
    pub async fn stop(&self, politely: bool) {
        for handle in self.handles.values() {
            handle.order(Order::Stop { politely }).await;
        }
        for handle in self.handles.values() {
            handle.orders.closed().await;
        }
    }

    /// Starts the processes one after the other, each once those before it serve; `false`: one went down.
    pub async fn start(&self, order: &[String]) -> bool {
        for handle in order.iter().filter_map(|name| self.handles.get(name)) {
            handle.order(Order::Start).await;
            let settled = handle.wait(|status| matches!(status, Status::Ready(_) | Status::Down)).await;
            if !matches!(settled, Some(Status::Ready(_))) {
                return false;
            }
        }
        true
    }
}

/// The process targets of an experiment in an order in which each comes after those that it names in its placeholders.
/// Targets that name each other come in the order of their names.
#[must_use]
pub fn start_order(experiment: &Experiment) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    let mut open: Vec<&String> = Vec::new();
    for (name, target) in &experiment.targets {
        if matches!(target, Target::Process(_)) {
            visit(experiment, name, &mut open, &mut order);
        }
    }
    order
}

fn visit<'a>(
    experiment: &'a Experiment,
    name: &'a String,
    open: &mut Vec<&'a String>,
    order: &mut Vec<String>,
) {
    if order.contains(name) || open.contains(&name) {
        return;
    }
    open.push(name);
    for needed in needs(experiment, name) {
        visit(experiment, needed, open, order);
    }
    open.pop();
    order.push(name.clone());
}

/// The process targets that a target names, by itself or through a link.
fn needs<'a>(experiment: &'a Experiment, name: &str) -> Vec<&'a String> {
    let Some(Target::Process(process)) = experiment.targets.get(name) else { return Vec::new() };
    let texts = process.argv.iter().chain(process.env.values()).chain(process.files.values());
    let named: Vec<Placeholder> =
        texts.flat_map(|text| placeholder::find(text)).filter_map(|found| found.meaning).collect();
    let leads_to = |placeholder: &Placeholder| match placeholder {
        Placeholder::Target(target) | Placeholder::TargetPort(target) => Some(target.clone()),
        Placeholder::Link(link) | Placeholder::LinkPort(link) | Placeholder::LinkCa(link) => {
            experiment.links.get(link).and_then(Link::to).cloned()
        }
        Placeholder::Port | Placeholder::Dir | Placeholder::Shakedown => None,
    };
    let needed: Vec<String> = named.iter().filter_map(leads_to).collect();
    let is_process = |target: &Target| matches!(target, Target::Process(_));
    let targets =
        experiment.targets.iter().filter(|(other, target)| needed.contains(other) && is_process(target));
    targets.map(|(other, _)| other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_starts_after_those_it_names() {
        let text = r#"Experiment(
            name: "order",
            targets: {
                "a": Process(argv: ["a", "{port}", "{link:to-c}"]),
                "b": Process(argv: ["b", "{port}"], env: {"A": "{target:a}"}),
                "c": Process(argv: ["c", "{port}"]),
            },
            links: { "to-c": Tcp(to: "c") },
            phases: (chaos: "1s"),
            hypothesis: [Tcp(target: "a")],
        )"#;
        let experiment = shakedown_scenarios::read::read("order.ron", text, &[]).expect("a right experiment");
        assert_eq!(start_order(&experiment), ["c", "a", "b"]);
    }
}
