//! A TCP proxy for one link, and the toxics on it.
//!
//! Without toxics it is faithful: half-closes pass, a reset on one side arrives as a reset on the other, what one side
//! does not read slows the other down. Where it cannot be faithful it says so here: it accepts before the target does,
//! so a target that cannot be reached shows as a connection that is reset right after it was accepted.
//!
//! Control never waits for data: [`Proxy::inject`] and [`Proxy::heal`] publish a new set of rules and return. Every
//! connection looks at the newest set before it moves a chunk, so a change holds for all of them from its first byte on.
//!
//! What it does not know: HTTP, names of hosts, more than one upstream.

mod accept;
mod connection;
mod door;
mod flow;
mod joined;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::Span;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::alarm::{Alarm, Clock};
use crate::proof::Healed;
use crate::toxic::{Evidence, Rule, Rules, RulesError, Tally, Toxic};
use accept::Acceptor;
use door::Door;

/// A running proxy. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    rules: watch::Sender<Arc<Rules>>,
    injections: Mutex<Injections>,
    acceptor: AbortHandle,
}

/// What passed through a proxy, cumulative but for `open`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Bytes handed on from clients to the target.
    pub up: u64,
    /// Bytes handed on from the target to clients.
    pub down: u64,
    /// Connections that were reset because the target could not be reached.
    pub dial_failures: u64,
}

/// Why a toxic could not be injected.
#[derive(Debug, thiserror::Error)]
pub enum InjectError {
    /// The number is in use.
    #[error(transparent)]
    Taken(#[from] RulesError),
    /// The port could not be shut.
    #[error("the kernel does not let {address} be shut")]
    Shut {
        /// The proxy's address.
        address: SocketAddr,
        /// What it said.
        source: io::Error,
    },
}

/// What tasks of a proxy have in common.
#[derive(Debug)]
struct Shared {
    door: Door,
    upstream: SocketAddr,
    streams: Streams,
    clock: Clock,
    alarm: Alarm,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    open: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
    dial_failures: AtomicU64,
}

/// What injections did, kept after their heal. It grows by a few words with each injection, which are as many as the
/// plan has cues.
#[derive(Debug, Default)]
struct Injections {
    tallies: BTreeMap<u32, (Toxic, Arc<Tally>)>,
}

/// How long `stop` waits for connections to end.
const STOP_WITHIN: Span = Span::secs(2);

// === impl Proxy ===

impl Proxy {
    /// Starts a proxy that listens on `listen` (port 0: a free one) and connects to `upstream` for each connection it
    /// accepts. Chance comes from `seed`, with a stream for each connection in the order of acceptance.
    ///
    /// It must be called within a tokio runtime that has IO enabled.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub fn start(listen: SocketAddr, upstream: SocketAddr, seed: u64) -> io::Result<Self> {
        let door = Door::open_at(listen)?;
        let clock = Clock::start();
        let alarm = Alarm::start(clock)?;
        let streams = Streams::new(seed);
        let shared =
            Arc::new(Shared { door, upstream, streams, clock, alarm, counters: Counters::default() });
        let (rules, watching) = watch::channel(Arc::new(Rules::default()));
        let acceptor = tokio::spawn(Acceptor::new(Arc::clone(&shared), watching).run()).abort_handle();
        Ok(Self { shared, rules, injections: Mutex::default(), acceptor })
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.door.address()
    }

    /// Where it connects to.
    #[must_use]
    pub fn upstream(&self) -> SocketAddr {
        self.shared.upstream
    }

    /// Makes a toxic hold, for open and new connections alike, from the return of this call on at the latest.
    ///
    /// # Errors
    /// If the number names an injection that holds, or the kernel does not let the port be shut. Nothing is changed then.
    pub fn inject(&self, id: u32, toxic: Toxic) -> Result<(), InjectError> {
        let mut injections = self.injections();
        let before = Arc::clone(&self.rules.borrow());
        let after = before.with(id, toxic)?;
        if toxic == Toxic::Refuse && !before.refuses() {
            let address = self.address();
            self.shared.door.shut().map_err(|source| InjectError::Shut { address, source })?;
        }
        let tally = after.iter().find(|rule| rule.id == id).map(|rule| Arc::clone(&rule.tally));
        self.rules.send_replace(Arc::new(after));
        if let Some(tally) = tally {
            self.prove_refusal(toxic, &tally);
            injections.tallies.insert(id, (toxic, tally));
        }
        Ok(())
    }

    /// Ends an injection and says what is seen of it. Ending one that does not hold is no error: healing is idempotent.
    pub fn heal(&self, id: u32) -> Healed {
        // Held throughout, so that two heals cannot both think that the other one opens the port.
        let _injections = self.injections();
        let before = Arc::clone(&self.rules.borrow());
        let Some((after, rule)) = before.without(id) else {
            return Healed::proven(format!("injection {id} does not hold on this link"));
        };
        let door = self.reopen(&rule, &after);
        self.rules.send_replace(Arc::new(after));
        match door {
            Ok(()) => self.heal_seen(id, &rule),
            Err(error) => Healed::unproven(format!("cannot listen on {} again: {error}", self.address())),
        }
    }

    /// What an injection did so far, or had done when it was healed; `None` for a number that was never used.
    #[must_use]
    pub fn evidence(&self, id: u32) -> Option<Evidence> {
        let injections = self.injections();
        let (toxic, tally) = injections.tallies.get(&id)?;
        Some(tally.evidence(*toxic))
    }

    /// What passed through so far.
    #[must_use]
    pub fn counters(&self) -> LinkCounters {
        let counters = &self.shared.counters;
        LinkCounters {
            accepted: counters.accepted.load(Relaxed),
            open: counters.open.load(Relaxed),
            up: counters.up.load(Relaxed),
            down: counters.down.load(Relaxed),
            dial_failures: counters.dial_failures.load(Relaxed),
        }
    }

    /// Stops listening, ends all connections, and returns when they are gone (after two seconds at the latest).
    pub async fn stop(self) {
        let shared = Arc::clone(&self.shared);
        drop(self);
        let give_up = shared.clock.now().plus(STOP_WITHIN);
        let mut look = shared.clock.now();
        while shared.counters.open.load(Relaxed) > 0 && look < give_up {
            look = shared.clock.now().plus(Span::millis(1));
            shared.alarm.until(look).await;
        }
    }

    fn injections(&self) -> MutexGuard<'_, Injections> {
        // Nothing panics while it is held; if something did, the map would still be whole.
        self.injections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refused connects of others are invisible here, so we try one of our own.
    fn prove_refusal(&self, toxic: Toxic, tally: &Tally) {
        if toxic == Toxic::Refuse && self.shared.door.refuses() {
            tally.connect_refused();
        }
    }

    fn reopen(&self, gone: &Rule, left: &Rules) -> io::Result<()> {
        let opens = gone.toxic == Toxic::Refuse && !left.refuses();
        if opens { self.shared.door.open() } else { Ok(()) }
    }

    /// Reads back what the rules and the kernel say.
    fn heal_seen(&self, id: u32, rule: &Rule) -> Healed {
        let rules = self.rules.borrow();
        let address = self.address();
        if rules.holds(id) {
            return Healed::unproven(format!("injection {id} is still among the rules of {address}"));
        }
        if rule.toxic != Toxic::Refuse || rules.refuses() {
            return Healed::proven(format!(
                "{address} passes bytes without it since change {}",
                rules.version()
            ));
        }
        match self.shared.door.is_open() {
            true => Healed::proven(format!("{address} listens again")),
            false => Healed::unproven(format!("{address} does not listen")),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.acceptor.abort();
        // Connections end when they see that nobody makes rules any longer. The port goes at once, not with the last
        // of them.
        let _ = self.shared.door.shut();
    }
}
