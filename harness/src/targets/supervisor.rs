//! The supervisor: one task that owns one process from its first start to the end of the run.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shakedown_faults::process::{self, Identity, Kin};
use shakedown_scenarios::target::Restart;
use shakedown_scenarios::units::Span;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::block_in_place;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::{Ground, Notice, Order, Status};
use crate::clock::Clock;

/// Owns one process.
pub struct Supervisor {
    ground: Arc<Ground>,
    orders: mpsc::Receiver<Order>,
    status: watch::Sender<Status>,
    notices: mpsc::Sender<Notice>,
    backoff: Option<Backoff>,
    clock: Clock,
    first_limit: Instant,
    ready_once: bool,
}

/// What comes after a process.
enum Next {
    Start,
    StartAfter(Span),
    Down,
    Over,
}

/// Why a process is being ended by us, if it is.
enum Intent {
    None,
    Killed,
    Restart(Option<oneshot::Sender<()>>),
    Stop,
}

// === impl Supervisor ===

impl Supervisor {
    pub fn new(
        ground: Arc<Ground>,
        orders: mpsc::Receiver<Order>,
        status: watch::Sender<Status>,
        notices: mpsc::Sender<Notice>,
    ) -> Self {
        let backoff = match ground.process.restart {
            Restart::Never => None,
            Restart::OnExit { from, to } => Some(Backoff::new(from, to)),
        };
        let clock = Clock::start();
        let first_limit = Instant::from_std(clock.instant(Span::ZERO));
        Self { ground, orders, status, notices, backoff, clock, first_limit, ready_once: false }
    }

    pub async fn run(mut self) {
        let mut next = self.asleep().await;
        let within = self.clock.now().plus(self.ground.process.ready_within);
        self.first_limit = Instant::from_std(self.clock.instant(within));
        if let (Next::Start, Err(error)) = (&next, block_in_place(|| self.ground.lay())) {
            self.fail(format!("its files cannot be written: {error}")).await;
            next = Next::Down;
        }
        loop {
            next = match next {
                Next::Start => self.live().await,
                Next::StartAfter(delay) => self.pause(delay).await,
                Next::Down => self.down().await,
                Next::Over => break,
            };
        }
        self.status.send_replace(Status::Down);
    }

    /// One process, from start to end.
    async fn live(&mut self) -> Next {
        let started = self.clock.now();
        let mut child = match self.ground.spawn() {
            Ok(child) => child,
            Err(error) => {
                let program = self.ground.process.argv.first().cloned().unwrap_or_default();
                self.fail(format!("cannot start `{program}`: {error}")).await;
                return Next::Down;
            }
        };
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0);
        let identity = process::identify(pid).ok();
        self.notify(Notice::Started { target: self.ground.name.clone(), pid, identity: identity.clone() })
            .await;
        if let Some(identity) = &identity {
            self.status.send_replace(Status::Starting(identity.clone()));
        }
        let (status, intent) = self.watch(&mut child, identity.as_ref(), started).await;
        identity.as_ref().map(end_kin);
        self.status.send_replace(Status::Waiting);
        self.after(pid, status, intent, self.clock.now().minus(started)).await
    }

    /// Watches a running process until it ends.
    async fn watch(
        &mut self,
        child: &mut Child,
        identity: Option<&Identity>,
        started: Span,
    ) -> (String, Intent) {
        let ground = Arc::clone(&self.ground);
        let seen = Mutex::new("nothing was asked yet".to_owned());
        let serves = ground.serves(&seen);
        tokio::pin!(serves);
        let limit = if self.ready_once {
            Instant::from_std(self.clock.instant(started.plus(ground.process.ready_within)))
        } else {
            self.first_limit
        };
        let (mut ready, mut late) = (false, false);
        let mut intent = Intent::None;
        let mut kill_at: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                ended = child.wait() => return (ended.map_or_else(|error| error.to_string(), describe), intent),
                () = &mut serves, if !ready => {
                    ready = true;
                    self.became_ready(identity, started).await;
                }
                () = tokio::time::sleep_until(limit), if !ready && !late => {
                    late = true;
                    let within = self.ground.process.ready_within;
                    let words = self.ground.last_words();
                    let found = seen.lock().map_or_else(|poison| poison.into_inner().clone(), |seen| seen.clone());
                    self.fail(format!("not ready within {within}: {found}; {words}")).await;
                }
                () = tokio::time::sleep_until(kill_at.unwrap_or(limit)), if kill_at.is_some() => {
                    kill_at = None;
                    end_all(child, identity);
                }
                order = self.orders.recv() => {
                    kill_at = self.obey(order, child, identity, &mut intent);
                }
            }
        }
    }

    /// Begins to carry an order out; returns when patience ends.
    fn obey(
        &self,
        order: Option<Order>,
        child: &Child,
        identity: Option<&Identity>,
        intent: &mut Intent,
    ) -> Option<Instant> {
        let grace = Instant::from_std(self.clock.instant(self.clock.now().plus(self.ground.process.grace)));
        match order {
            Some(Order::Start) => None,
            Some(Order::Kill(reply)) => {
                *intent = Intent::Killed;
                let _ = reply.send(end_all(child, identity));
                None
            }
            Some(Order::Restart(reply)) => {
                *intent = Intent::Restart(Some(reply));
                terminate(child);
                Some(grace)
            }
            Some(Order::Stop { politely: true }) => {
                *intent = Intent::Stop;
                terminate(child);
                Some(grace)
            }
            Some(Order::Stop { politely: false }) | None => {
                *intent = Intent::Stop;
                end_all(child, identity);
                None
            }
        }
    }

    async fn became_ready(&mut self, identity: Option<&Identity>, started: Span) {
        self.ready_once = true;
        if let Some(identity) = identity {
            self.status.send_replace(Status::Ready(identity.clone()));
        }
        let after = self.clock.now().minus(started);
        self.notify(Notice::Ready { target: self.ground.name.clone(), after }).await;
    }

    /// Tells that the process ended, and decides what comes next.
    async fn after(&mut self, pid: i32, status: String, intent: Intent, lived: Span) -> Next {
        let expected = !matches!(intent, Intent::None);
        let exited =
            Notice::Exited { target: self.ground.name.clone(), pid, status: status.clone(), expected };
        self.notify(exited).await;
        match intent {
            Intent::Stop => Next::Over,
            Intent::Restart(reply) => {
                reply.map(|reply| reply.send(()));
                Next::Start
            }
            Intent::None | Intent::Killed => match &mut self.backoff {
                Some(backoff)
                    if self.ready_once
                        || Instant::from_std(self.clock.instant(self.clock.now())) < self.first_limit =>
                {
                    Next::StartAfter(backoff.after(lived))
                }
                _ if !self.ready_once => {
                    let words = self.ground.last_words();
                    self.fail(format!("ended ({status}) before it was ready; {words}")).await;
                    Next::Down
                }
                _ => Next::Down,
            },
        }
    }

    /// Waits out the back-off.
    async fn pause(&mut self, delay: Span) -> Next {
        let until = Instant::from_std(self.clock.instant(self.clock.now().plus(delay)));
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return Next::Start,
                order = self.orders.recv() => if let Some(next) = without_process(order) { return next },
            }
        }
    }

    /// Waits for an order that changes something.
    async fn asleep(&mut self) -> Next {
        loop {
            if let Some(next) = without_process(self.orders.recv().await) {
                return next;
            }
        }
    }

    /// Stays down until somebody wants it otherwise.
    async fn down(&mut self) -> Next {
        self.status.send_replace(Status::Down);
        self.asleep().await
    }

    async fn fail(&self, why: String) {
        self.notify(Notice::Failed { target: self.ground.name.clone(), why }).await;
    }

    async fn notify(&self, notice: Notice) {
        // Without a runner there is nobody to tell, and the orders' channel closes next.
        let _ = self.notices.send(notice).await;
    }
}

/// What an order means while no process runs; `None`: go on waiting.
fn without_process(order: Option<Order>) -> Option<Next> {
    match order {
        Some(Order::Start) => Some(Next::Start),
        Some(Order::Kill(reply)) => {
            let _ = reply.send(0);
            None
        }
        Some(Order::Restart(reply)) => {
            let _ = reply.send(());
            Some(Next::Start)
        }
        Some(Order::Stop { .. }) | None => Some(Next::Over),
    }
}

/// SIGTERM to the main process; its own children are its own to end.
fn terminate(child: &Child) {
    // The id is there only until the child was waited for: it cannot be somebody else's.
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

/// SIGKILL to the main process and everything that belongs to it; how many are gone by it.
fn end_all(child: &Child, identity: Option<&Identity>) -> usize {
    let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) else { return 0 };
    let kin = identity.map_or(0, end_kin);
    // Whatever became of the search, the main process itself is ours until it was waited for.
    let main = kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok();
    kin.max(usize::from(main))
}

/// Ends all that is left of a process's descendants and session, also after its own end: what it leaves behind would
/// hold its port and its files.
fn end_kin(identity: &Identity) -> usize {
    let of = Kin { roots: std::slice::from_ref(identity), groups: true, marker: None };
    block_in_place(|| process::kill_all(&of)).map_or(0, |signalled| signalled.done.len())
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(number)) => {
            let name = Signal::try_from(number).map_or("unknown", Signal::as_str);
            format!("signal {number} ({name})")
        }
        (None, None) => "unknown".to_owned(),
    }
}
