//! One proxy of the collection, running or not, with the toxics on it.
//!
//! A change is done whole or not at all: what may fail comes first, and what was there stays until it has succeeded.

use shakedown_scenarios::target::Way;

use crate::address;
use crate::engine::{Bite, Connection, Counters, Engine, Heal, Plane, Start};
use crate::error::ApiError;
use crate::held::{Draft, Held, Origin};

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
    past: Past,
}

/// What a change says; `None`: it stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Where to listen.
    pub listen: Option<String>,
    /// Where to connect to.
    pub upstream: Option<String>,
    /// Whether to run.
    pub enabled: Option<bool>,
}

/// What was counted before the proxy last started.
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    counters: Counters,
    lost: Lost,
}

/// Bytes that were received and that toxics took and lost. Those of toxics that hold both ways are not in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lost {
    /// From clients.
    pub up: u64,
    /// From the target.
    pub down: u64,
}

/// The most toxics on a proxy.
pub const MOST_TOXICS: usize = 256;

// === impl Entry ===

impl<P: Plane> Entry<P> {
    /// A proxy that does not run yet.
    #[must_use]
    pub fn new(name: String, listen: String, upstream: String, seed: u64) -> Self {
        Self {
            name,
            listen,
            upstream,
            seed,
            running: None,
            held: Vec::new(),
            next_id: 0,
            past: Past::default(),
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
        }
        Ok(())
    }

    /// Closes its listener and its connections. Its toxics stay.
    pub fn stop(&mut self) {
        if let Some(plane) = self.running.take() {
            self.past.lost = self.past.lost.plus(lost(&plane, &self.held));
            self.past.counters = self.past.counters.plus(Counters { open: 0, ..plane.counters() });
            plane.end();
        }
    }

    fn plane<E: Engine<Proxy = P>>(&self, engine: &mut E) -> Result<P, ApiError> {
        let listen = address::resolve(&self.listen)
            .map_err(|error| ApiError::Listen(format!("listen tcp: {error}")))?;
        let injections = self.held.iter().map(|held| (held.id, held.draft.injection())).collect();
        let started = engine.start(Start { listen, upstream: &self.upstream, seed: self.seed, injections });
        started.map_err(|error| ApiError::Listen(address::listen_error(listen, &error)))
    }

    /// Changes it. Another address or target closes its connections; the same address in other words is no change.
    ///
    /// # Errors
    /// If an address is none, or cannot be listened on: then it is what it was.
    pub fn change<E: Engine<Proxy = P>>(&mut self, engine: &mut E, change: Change) -> Result<(), ApiError> {
        let enabled = change.enabled.unwrap_or(self.is_enabled());
        let listen = change.listen.filter(|listen| *listen != self.listen);
        let listen = listen.map(|listen| Ok((address::resolve(&listen)?, listen))).transpose();
        let listen = listen.map_err(|error: address::AddressError| ApiError::Listen(error.to_string()))?;
        let listen = listen.filter(|(new, _)| address::resolve(&self.listen).as_ref() != Ok(new));
        if listen.is_none() && change.upstream.as_ref().is_none_or(|upstream| *upstream == self.upstream) {
            if enabled {
                return self.start(engine);
            }
            self.stop();
            return Ok(());
        }
        let listen = listen.map_or_else(|| self.listen.clone(), |(_, listen)| listen);
        let next = self.elsewhere(listen, change.upstream.unwrap_or_else(|| self.upstream.clone()));
        self.replace(engine, next, enabled)
    }

    /// Becomes another proxy of its name, toxics and all. Its connections are closed; what it counted goes on.
    ///
    /// # Errors
    /// If the other one's address cannot be listened on: then it is what it was.
    pub fn replace<E: Engine<Proxy = P>>(
        &mut self,
        engine: &mut E,
        mut next: Self,
        enabled: bool,
    ) -> Result<(), ApiError> {
        if enabled && self.shares_port(&next.listen) {
            // The port is its own: it can only be had after it was given back.
            self.stop();
            if let Err(error) = next.start(engine) {
                // What was there comes back. Should it not, the proxy is shown as disabled.
                let _ = self.start(engine);
                return Err(error);
            }
        } else if enabled {
            next.start(engine)?;
        }
        self.stop();
        next.past = self.past;
        *self = next;
        Ok(())
    }

    fn elsewhere(&self, listen: String, upstream: String) -> Self {
        let mut next = Self::new(self.name.clone(), listen, upstream, self.seed);
        (next.held, next.next_id) = (self.held.clone(), self.next_id);
        next
    }

    fn shares_port(&self, listen: &str) -> bool {
        let own = self.running.as_ref().map(|plane| plane.address().port());
        own.is_some() && address::resolve(listen).ok().map(|address| address.port()) == own
    }

    /// Puts a toxic on it.
    ///
    /// # Errors
    /// If one of this name is there, there are too many, or the engine says no: nothing is changed then.
    pub fn add(&mut self, draft: Draft) -> Result<&Held, ApiError> {
        if self.toxic(&draft.name).is_ok() {
            return Err(ApiError::ToxicExists);
        }
        if self.held.len() >= MOST_TOXICS {
            return Err(ApiError::TooMany { what: "toxics on a proxy", most: MOST_TOXICS });
        }
        let id = self.next_id;
        if let Some(plane) = &self.running {
            plane.inject(id, draft.injection()).map_err(ApiError::Plane)?;
        }
        self.next_id = id.wrapping_add(1);
        self.held.push(Held { id, draft });
        Ok(&self.held[self.held.len() - 1])
    }

    /// Gives a toxic other figures.
    ///
    /// # Errors
    /// If there is none of this name, or the engine says no: nothing is changed then.
    pub fn update(&mut self, draft: Draft) -> Result<&Held, ApiError> {
        let at = self.held.iter().position(|held| held.draft.name == draft.name).ok_or(ApiError::NoToxic)?;
        let held = &mut self.held[at];
        if let Some(plane) = &self.running {
            plane.update(held.id, draft.injection()).map_err(ApiError::Plane)?;
        }
        held.draft = draft;
        Ok(held)
    }

    /// Takes a toxic off.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn remove(&mut self, name: &str) -> Result<Heal, ApiError> {
        let at = self.held.iter().position(|held| held.draft.name == name).ok_or(ApiError::NoToxic)?;
        let held = self.held.remove(at);
        let Some(plane) = &self.running else {
            return Ok(Heal { proven: true, evidence: "the proxy does not run".to_owned() });
        };
        self.past.lost = self.past.lost.plus(lost(plane, std::slice::from_ref(&held)));
        Ok(plane.heal(held.id))
    }

    /// Takes all toxics off that come from somewhere.
    pub fn remove_all(&mut self, is_meant: impl Fn(&Origin) -> bool) {
        let meant = self.held.iter().filter(|held| is_meant(&held.draft.origin));
        let names: Vec<String> = meant.map(|held| held.draft.name.clone()).collect();
        for name in names {
            let _ = self.remove(&name);
        }
    }

    /// Puts exactly these toxics on it, besides those that are part of something.
    ///
    /// # Errors
    /// If one of them has the name of one that is part of something, there are too many, or the engine says no.
    pub fn set(&mut self, drafts: Vec<Draft>) -> Result<(), ApiError> {
        let stays = |held: &&Held| held.draft.origin != Origin::Itself;
        let is_taken =
            |draft: &Draft| self.held.iter().filter(stays).any(|held| held.draft.name == draft.name);
        if drafts.iter().any(is_taken) {
            return Err(ApiError::ToxicExists);
        }
        if self.held.iter().filter(stays).count() + drafts.len() > MOST_TOXICS {
            return Err(ApiError::TooMany { what: "toxics on a proxy", most: MOST_TOXICS });
        }
        let own = self.held.iter().filter(|held| held.draft.origin == Origin::Itself);
        let gone = own.filter(|held| drafts.iter().all(|draft| draft.name != held.draft.name));
        let names: Vec<String> = gone.map(|held| held.draft.name.clone()).collect();
        for name in names {
            self.remove(&name)?;
        }
        for draft in drafts {
            if self.toxic(&draft.name).is_ok() {
                self.update(draft)?
            } else {
                self.add(draft)?
            };
        }
        Ok(())
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
        self.past.counters.plus(now)
    }

    /// What was received and lost.
    #[must_use]
    pub fn lost(&self) -> Lost {
        let now = self.running.as_ref().map(|plane| lost(plane, &self.held)).unwrap_or_default();
        self.past.lost.plus(now)
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

fn lost(plane: &impl Plane, held: &[Held]) -> Lost {
    let mut lost = Lost::default();
    for one in held {
        let swallowed = plane.evidence(one.id).map_or(0, |bite| bite.swallowed);
        match one.draft.aim.way {
            Way::Upstream => lost.up = lost.up.saturating_add(swallowed),
            Way::Downstream => lost.down = lost.down.saturating_add(swallowed),
            Way::Both => {}
        }
    }
    lost
}

// === impl Lost ===

impl Lost {
    const fn plus(self, other: Self) -> Self {
        Self { up: self.up.saturating_add(other.up), down: self.down.saturating_add(other.down) }
    }
}
