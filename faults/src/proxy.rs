//! A TCP proxy for one link, and the toxics on it.
//!
//! Without toxics it is faithful: half-closes pass, a reset on one side arrives as a reset on the other, what one side
//! does not read slows the other down. Where it cannot be faithful it says so here: it accepts before the target does,
//! so a target that cannot be reached shows as a connection that is reset right after it was accepted.
//!
//! Control never waits for data: [`Proxy::inject`], [`Proxy::update`] and [`Proxy::heal`] publish a new set of rules and
//! return. Every connection looks at the newest set before it moves a chunk, so a change holds for all of them from its
//! first byte on.
//!
//! Read in this order: [`Proxy`] (the handle), `shared`, `published`, `turns` and `hold` (what threads have in common), `engine`, `inbox`,
//! `worker`, `load` and `handover` (the threads that move bytes), `connection` and `dial` (one connection), `flow` (one way of it), `peer` and
//! `transit` (sockets and kernel pipes), `door` (the listening socket), `upstream` (names), `timers`, `busy_poll` and
//! `arrival` (being exact about moments). No async runtime is needed: the threads are its own.
//!
//! What it does not know: HTTP, more than one upstream.
//!
//! # In a test
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::{TcpListener, TcpStream};
//!
//! use shakedown_faults::proxy::Proxy;
//! use shakedown_faults::toxic::{Injection, Toxic};
//! use shakedown_scenarios::target::Way;
//! use shakedown_scenarios::units::Span;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = TcpListener::bind("127.0.0.1:0")?;
//! let proxy = Proxy::start("127.0.0.1:0".parse()?, server.local_addr()?, 42)?;
//!
//! let mut client = TcpStream::connect(proxy.address())?;
//! let (mut served, _) = server.accept()?;
//!
//! // From here on every answer is 30 ms late.
//! proxy.inject(1, Injection::new(Toxic::latency(Span::millis(30)), Way::Downstream))?;
//! served.write_all(b"pong")?;
//! client.read_exact(&mut [0; 4])?;
//! let seen = proxy.evidence(1).expect("it was injected");
//! assert!(seen.bit() && seen.mean_delay >= Span::millis(30), "{seen}");
//!
//! assert!(proxy.heal(1).proven);
//! assert_eq!(proxy.counters().down, 4);
//! # Ok(())
//! # }
//! ```

mod arrival;
mod busy_poll;
mod connection;
mod dial;
mod door;
mod engine;
mod flow;
mod hold;
mod inbox;
mod load;
mod peer;
mod published;
mod shared;
mod sync;
mod timers;
mod transit;
mod turns;
mod upstream;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shakedown_scenarios::units::Span;

use crate::proof::Healed;
use crate::toxic::{Evidence, Injection, Rule, Rules, RulesError, Tally, Toxic};
use door::Door;
use engine::{Inbox, Order};
use shared::{Hold, Shared};
pub use transit::TRANSIT;
pub use upstream::Upstream;

/// A running proxy. Dropping it ends it without waiting: when the drop is over nobody connects, nothing is handed on, and
/// the port is free for whoever shares addresses (`SO_REUSEADDR`, which servers and this proxy do). Its connections are
/// closed by its workers, a moment later; [`Proxy::stop`] waits for that.
#[derive(Debug)]
pub struct Proxy {
    shared: Hold,
    worker: Arc<Inbox>,
    injections: Mutex<Injections>,
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
    /// Bytes read from clients, whatever became of them: those that a toxic lost or holds are among them, those in the
    /// kernel's buffers are not.
    pub up_received: u64,
    /// Bytes read from the target, in the same way.
    pub down_received: u64,
    /// Connections that were ended because the target could not be reached.
    pub dial_failures: u64,
}

/// What passed through a connection that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionCounters {
    /// Its number in the order of acceptance, from 0.
    pub number: u64,
    /// Who it is from.
    pub client: SocketAddr,
    /// Bytes handed on from the client to the target.
    pub up: u64,
    /// Bytes handed on from the target to the client.
    pub down: u64,
    /// How long it has been open.
    pub age: Span,
}

/// Why a toxic could not be injected.
#[derive(Debug, thiserror::Error)]
pub enum InjectError {
    /// The number is in use, or nothing of it holds, or it cannot be meant.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The port could not be shut or opened.
    #[error("the kernel does not let {address} be shut or opened")]
    Door {
        /// The proxy's address.
        address: SocketAddr,
        /// What it said.
        source: io::Error,
    },
}

/// What injections did, kept after their heal. It grows by a few words with each injection, which are as many as the
/// plan has cues; of those that healed only the newest are kept.
#[derive(Debug, Default)]
struct Injections {
    tallies: BTreeMap<u32, (Toxic, Arc<Tally>)>,
}

/// How many injections' evidence is kept.
const MOST_TALLIES: usize = 100_000;

/// How long `stop` waits for connections to end.
const STOP_WITHIN: Span = Span::secs(2);

// === impl Proxy ===

impl Proxy {
    /// Starts a proxy that listens on `listen` (port 0: a free one) and connects to `upstream` for each connection it
    /// accepts. Chance comes from `seed`, with streams for each connection in the order of acceptance.
    ///
    /// # Errors
    /// If the address cannot be listened on, or the system has no thread for it.
    pub fn start(listen: SocketAddr, upstream: impl Into<Upstream>, seed: u64) -> io::Result<Self> {
        Self::start_with(listen, upstream, seed, Vec::new())
    }

    /// The same, with toxics that hold from the first connection on.
    ///
    /// # Errors
    /// If the address cannot be listened on, a toxic cannot be injected, or the system has no thread for it.
    pub fn start_with(
        listen: SocketAddr,
        upstream: impl Into<Upstream>,
        seed: u64,
        injections: Vec<(u32, Injection)>,
    ) -> io::Result<Self> {
        let mut rules = Rules::default();
        for (id, injection) in injections {
            rules = rules.with(id, injection, 0).map_err(io::Error::other)?;
        }
        let (home, worker) = engine::worker()?;
        let door = Door::open_at(listen)?;
        let known = rules.iter().map(|rule| (rule.id, (rule.toxic().clone(), Arc::clone(&rule.tally))));
        let injections = Mutex::new(Injections { tallies: known.collect() });
        let shared = Shared::new(home, door, upstream.into(), seed, rules).hold();
        let proxy = Self { shared, worker, injections };
        let rules = proxy.shared.rules();
        let dead = proxy.move_door(&Rules::default(), &rules)?;
        rules.iter().for_each(|rule| proxy.try_the_door(rule, dead));
        proxy.worker.tell(Order::Adopt(proxy.shared.clone()));
        Ok(proxy)
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.door.address()
    }

    /// Where it connects to.
    #[must_use]
    pub fn upstream(&self) -> &Upstream {
        &self.shared.upstream
    }

    /// Makes a toxic hold, for open and new connections alike, from the return of this call on at the latest.
    ///
    /// # Errors
    /// If the number names an injection that holds, the toxic cannot be meant, or the kernel does not let the port be
    /// shut. Nothing is changed then.
    pub fn inject(&self, id: u32, injection: Injection) -> Result<(), InjectError> {
        let mut injections = self.injections();
        let before = self.shared.rules();
        let begun = self.shared.counters.accepted.load(Relaxed);
        let after = before.with(id, injection, begun)?;
        self.change(&mut injections, &before, after, id)
    }

    /// Gives a toxic another form. What it knows of connections stays known (so many bytes have passed, say), its
    /// toxicity is drawn anew.
    ///
    /// # Errors
    /// If the number names no injection that holds, or as for [`Proxy::inject`]. Nothing is changed then.
    pub fn update(&self, id: u32, injection: Injection) -> Result<(), InjectError> {
        let mut injections = self.injections();
        let before = self.shared.rules();
        let after = before.updated(id, injection)?;
        self.change(&mut injections, &before, after, id)
    }

    fn change(
        &self,
        injections: &mut Injections,
        before: &Rules,
        after: Rules,
        id: u32,
    ) -> Result<(), InjectError> {
        let address = self.address();
        let door = self.move_door(before, &after);
        let dead = door.map_err(|source| InjectError::Door { address, source })?;
        let rule = after.get(id).map(Arc::clone);
        self.publish(after);
        if let Some(rule) = rule {
            self.try_the_door(&rule, dead);
            injections.note(id, rule.toxic(), &rule.tally);
        }
        Ok(())
    }

    /// Ends an injection and says what is seen of it. Ending one that does not hold is no error: healing is idempotent.
    pub fn heal(&self, id: u32) -> Healed {
        // Held throughout, so that two heals cannot both think that the other one opens the port.
        let _injections = self.injections();
        let before = self.shared.rules();
        let Some((after, rule)) = before.without(id) else {
            return Healed::proven(format!("injection {id} does not hold on this link"));
        };
        let door = self.move_door(&before, &after);
        self.publish(after);
        match door {
            Ok(_) => self.heal_seen(id, &rule),
            Err(error) => Healed::unproven(format!("cannot listen on {} again: {error}", self.address())),
        }
    }

    /// What an injection did so far, or had done when it was healed; `None` for a number that was never used. Whatever a
    /// peer has seen by now is counted.
    #[must_use]
    pub fn evidence(&self, id: u32) -> Option<Evidence> {
        self.shared.settle();
        let injections = self.injections();
        let (toxic, tally) = injections.tallies.get(&id)?;
        Some(tally.evidence(toxic))
    }

    /// What passed through so far. Whatever a peer has seen by now is counted.
    #[must_use]
    pub fn counters(&self) -> LinkCounters {
        self.shared.settle();
        let counters = &self.shared.counters;
        LinkCounters {
            accepted: counters.accepted.load(Relaxed),
            open: counters.open.load(Relaxed),
            up: counters.up.load(Relaxed),
            down: counters.down.load(Relaxed),
            up_received: counters.up_received.load(Relaxed),
            down_received: counters.down_received.load(Relaxed),
            dial_failures: counters.dial_failures.load(Relaxed),
        }
    }

    /// What passed through each connection that is open, by number.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionCounters> {
        let now = self.shared.now();
        let listed = self.shared.listed();
        let counters = listed.iter().map(|seen| ConnectionCounters {
            number: seen.number,
            client: seen.client,
            up: seen.up.load(Relaxed),
            down: seen.down.load(Relaxed),
            age: now.minus(seen.since),
        });
        counters.collect()
    }

    /// Stops listening, ends all connections, and returns when they are gone (after two seconds at the latest).
    pub async fn stop(self) {
        let mut left = self.shared.left.watched();
        drop(self);
        // A worker that is gone has no connections left.
        let _ = tokio::time::timeout(STOP_WITHIN.duration(), left.wait_for(|left| *left)).await;
    }

    fn publish(&self, rules: Rules) {
        self.shared.publish(rules);
        self.worker.tell(Order::Look(self.shared.clone()));
    }

    fn injections(&self) -> MutexGuard<'_, Injections> {
        // Nothing panics while it is held; if something did, the map would still be whole.
        self.injections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shuts the door, opens it or lets it be dead, as the rules want it; says whether it was seen to have died.
    fn move_door(&self, before: &Rules, after: &Rules) -> io::Result<bool> {
        let wanted = |rules: &Rules| (rules.refuses(), rules.drops_syns());
        if wanted(before) == wanted(after) {
            return Ok(false);
        }
        let door = &self.shared.door;
        match wanted(after) {
            (true, _) => door.shut().map(|()| false),
            (false, true) => {
                door.open()?;
                door.black_hole()
            }
            (false, false) => door.open().map(|()| false),
        }
    }

    /// Connects of others that fail are invisible here, so one of our own proves what a toxic does to the door.
    fn try_the_door(&self, rule: &Rule, dead: bool) {
        let failed = match rule.toxic() {
            Toxic::Refuse {} => self.shared.door.refuses(),
            Toxic::DropSyn {} => dead,
            _ => false,
        };
        if failed {
            rule.tally.connect_refused();
        }
    }

    /// Reads back what the rules and the kernel say.
    fn heal_seen(&self, id: u32, rule: &Rule) -> Healed {
        let rules = self.shared.rules();
        let address = self.address();
        if rules.holds(id) {
            return Healed::unproven(format!("injection {id} is still among the rules of {address}"));
        }
        if !rule.toxic().shuts_the_door() || rules.refuses() || rules.drops_syns() {
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
        // The port goes at once, not with the last connection.
        self.shared.door.give_up();
        self.shared.end();
        self.worker.tell(Order::Forget(self.shared.clone()));
    }
}

// === impl Injections ===

impl Injections {
    fn note(&mut self, id: u32, toxic: &Toxic, tally: &Arc<Tally>) {
        self.tallies.insert(id, (toxic.clone(), Arc::clone(tally)));
        if self.tallies.len() > MOST_TALLIES {
            self.tallies.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};

    use shakedown_scenarios::target::Way;
    use shakedown_scenarios::units::Bandwidth;

    #[test]
    fn what_pipes_keep_is_counted_out_as_it_was_counted_in() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let proxy = Proxy::start(([127, 0, 0, 1], 0).into(), address, 1).unwrap();
        let mut client = TcpStream::connect(proxy.address()).unwrap();
        let (mut served, _) = server.accept().unwrap();
        // Nobody reads, so that bytes stand in the kernel's pipe when the toxic takes hold of them.
        client.set_nonblocking(true).unwrap();
        let (mut sent, mut refused) = (0, 0);
        while refused < 10_000 {
            match client.write(&[7; 1 << 16]) {
                Ok(count) => (sent, refused) = (sent + count, 0),
                Err(_) => refused += 1,
            }
            std::thread::yield_now();
        }
        let slow = Toxic::bandwidth(Bandwidth::bytes_per_second(1_000_000_000));
        proxy.inject(1, Injection::new(slow, Way::Both)).unwrap();
        drop(client);
        assert_eq!(std::io::copy(&mut served, &mut std::io::sink()).unwrap(), sent as u64);
        drop(served);
        while proxy.counters().open > 0 {
            std::thread::yield_now();
        }
        assert_eq!(proxy.shared.travelling.load(Relaxed), 0);
    }
}
