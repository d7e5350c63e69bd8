//! One proxy of the collection, running or not, with the toxics on it.
//!
//! It is changed in `change`, toxics are put on it and taken off in `toxics`. A change is done whole or not at all: what
//! may fail comes first, and what was there stays until it has succeeded.

mod change;
mod toxics;

use shakedown_scenarios::target::Way;

use crate::address;
use crate::collection::ProxyDraft;
use crate::engine::{Bite, Connection, Counters, Engine, Plane, Start};
use crate::error::ApiError;
use crate::held::Held;
use crate::news::{Level, Log, without_password};

pub use change::Change;

/// A proxy.
#[derive(Debug)]
pub struct Entry<P> {
    name: String,
    listen: String,
    upstream: String,
    seed: u64,
    running: Option<P>,
    held: Vec<Held>,
    next_id: u32,
    ends: Ends,
    log: Log,
    /// What was counted before it last started.
    past: Counters,
}

/// Who is at the two ends of a proxy, as the names of a cluster's members: partitions are between groups of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Whose connections come in.
    pub from: Option<String>,
    /// Whom they go to.
    pub to: Option<String>,
}

/// The most toxics on a proxy.
pub const MOST_TOXICS: usize = 256;

// === impl Entry ===

impl<P: Plane> Entry<P> {
    /// A proxy that does not run yet, and whose toxics are not on it yet. Nothing of it is told to a log before it is
    /// in a collection.
    #[must_use]
    pub fn new(draft: &ProxyDraft, seed: u64) -> Self {
        Self {
            name: draft.name.clone(),
            listen: draft.listen.clone(),
            upstream: draft.upstream.clone(),
            seed,
            running: None,
            held: Vec::new(),
            next_id: 0,
            ends: draft.ends.clone(),
            log: Log::default(),
            past: Counters::default(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens: the address as soon as it was started, before that what was asked for.
    #[must_use]
    pub fn listen(&self) -> &str {
        &self.listen
    }

    /// Where it connects to.
    #[must_use]
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    /// Where its chance comes from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Who is at its ends.
    #[must_use]
    pub const fn ends(&self) -> &Ends {
        &self.ends
    }

    /// Tells of it from now on, and first that it is there.
    pub(crate) fn tell_to(&mut self, log: Log, message: &'static str) {
        self.log = log;
        self.tell(message);
    }

    fn tell(&self, message: &'static str) {
        let enabled = if self.is_enabled() { "true" } else { "false" };
        let (listen, upstream) = (without_password(&self.listen), without_password(&self.upstream));
        let fields =
            [("name", self.name.as_str()), ("listen", listen), ("upstream", upstream), ("enabled", enabled)];
        self.log.tell(Level::Info, message, fields);
    }

    /// Whether it runs.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.running.is_some()
    }

    /// Its toxics in Toxiproxy's order: upstream, downstream, both; each in the order of creation.
    pub fn toxics(&self) -> impl Iterator<Item = &Held> {
        let of = |way: Way| self.held.iter().filter(move |held| held.draft.aim.way == way);
        of(Way::Upstream).chain(of(Way::Downstream)).chain(of(Way::Both))
    }

    /// The toxic of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn toxic(&self, name: &str) -> Result<&Held, ApiError> {
        self.held.iter().find(|held| held.draft.name == name).ok_or(ApiError::NoToxic)
    }

    /// Starts it, if it does not run.
    ///
    /// # Errors
    /// If its address cannot be listened on.
    pub fn start<E: Engine<Proxy = P>>(&mut self, engine: &mut E) -> Result<(), ApiError> {
        if self.running.is_none() {
            let plane = self.plane(engine)?;
            self.listen = plane.address().to_string();
            self.running = Some(plane);
            self.tell("Started proxy");
        }
        Ok(())
    }

    /// Closes its listener and its connections. Its toxics stay.
    pub fn stop(&mut self) {
        if let Some(plane) = self.running.take() {
            self.past = self.past.plus(Counters { open: 0, ..plane.counters() });
            drop(plane);
            self.tell("Terminated proxy");
        }
    }

    fn plane<E: Engine<Proxy = P>>(&self, engine: &mut E) -> Result<P, ApiError> {
        let listen = address::resolve(&self.listen)
            .map_err(|error| ApiError::Listen(format!("listen tcp: {error}")))?;
        let injections = self.held.iter().map(|held| (held.id, held.draft.injection())).collect();
        let started = engine.start(Start { listen, upstream: &self.upstream, seed: self.seed, injections });
        started.map_err(|error| ApiError::Listen(address::listen_error(listen, &error)))
    }

    /// What a toxic did since the proxy was last started.
    #[must_use]
    pub fn evidence(&self, held: &Held) -> Bite {
        self.running.as_ref().and_then(|plane| plane.evidence(held.id)).unwrap_or_default()
    }

    /// What passed through it since it is there.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let now = self.running.as_ref().map(Plane::counters).unwrap_or_default();
        self.past.plus(now)
    }

    /// Its open connections.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.running.as_ref().map(Plane::connections).unwrap_or_default()
    }

    /// The running proxy, for tests of what was asked of the engine.
    #[cfg(test)]
    pub const fn running(&self) -> Option<&P> {
        self.running.as_ref()
    }
}

// === impl Ends ===

impl Ends {
    /// The same with what is said about them; no name at all takes one away.
    pub(crate) fn with(&self, from: Option<String>, to: Option<String>) -> Self {
        let end = |new: Option<String>, old: &Option<String>| match new {
            Some(name) => Some(name).filter(|name| !name.is_empty()),
            None => old.clone(),
        };
        Self { from: end(from, &self.from), to: end(to, &self.to) }
    }
}
