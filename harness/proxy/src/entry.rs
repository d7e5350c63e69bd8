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
    /// What was counted before it last started.
    past: Counters,
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
    /// Exactly these toxics are to be on it, besides those that are part of something.
    pub toxics: Option<Vec<Draft>>,
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
            self.past = self.past.plus(Counters { open: 0, ..plane.counters() });
        }
    }

    fn plane<E: Engine<Proxy = P>>(&self, engine: &mut E) -> Result<P, ApiError> {
        let listen = address::resolve(&self.listen)
            .map_err(|error| ApiError::Listen(format!("listen tcp: {error}")))?;
        let injections = self.held.iter().map(|held| (held.id, held.draft.injection())).collect();
        let started = engine.start(Start { listen, upstream: &self.upstream, seed: self.seed, injections });
        started.map_err(|error| ApiError::Listen(address::listen_error(listen, &error)))
    }

    /// Changes it, all of it or nothing. Another address or target closes its connections; the same address in other
    /// words is no change.
    ///
    /// # Errors
    /// If an address is none, or cannot be listened on, or as for [`Entry::exchange`]: then it is what it was. Its connections
    /// are lost where its port had to be given back first.
    pub fn change<E: Engine<Proxy = P>>(&mut self, engine: &mut E, change: Change) -> Result<(), ApiError> {
        let Change { listen, upstream, enabled, toxics } = change;
        let enabled = enabled.unwrap_or(self.is_enabled());
        let listen = listen.filter(|listen| *listen != self.listen);
        let listen = listen.map(|listen| Ok((address::resolve(&listen)?, listen))).transpose();
        let listen = listen.map_err(|error: address::AddressError| ApiError::Listen(error.to_string()))?;
        let listen = listen.filter(|(new, _)| address::resolve(&self.listen).as_ref() != Ok(new));
        if listen.is_none() && upstream.as_ref().is_none_or(|upstream| *upstream == self.upstream) {
            return self.stay(engine, enabled, toxics);
        }
        let listen = listen.map_or_else(|| self.listen.clone(), |(_, listen)| listen);
        let mut next = self.elsewhere(listen, upstream.unwrap_or_else(|| self.upstream.clone()));
        next.set_some(toxics)?;
        self.replace(engine, next, enabled)
    }

    /// The same proxy where it was.
    fn stay<E: Engine<Proxy = P>>(
        &mut self,
        engine: &mut E,
        enabled: bool,
        toxics: Option<Vec<Draft>>,
    ) -> Result<(), ApiError> {
        if self.is_enabled() {
            self.set_some(toxics)?;
            if !enabled {
                self.stop();
            }
            return Ok(());
        }
        let before = (self.held.clone(), self.next_id);
        self.set_some(toxics)?;
        if !enabled {
            return Ok(());
        }
        self.start(engine).inspect_err(|_| (self.held, self.next_id) = before)
    }

    fn set_some(&mut self, toxics: Option<Vec<Draft>>) -> Result<(), ApiError> {
        toxics.map_or(Ok(()), |toxics| self.exchange(|origin| *origin == Origin::Itself, toxics))
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
        Ok(plane.heal(held.id))
    }

    /// Takes all toxics off that come from somewhere, and gives what was seen of those that are not seen to be gone.
    pub fn remove_all(&mut self, is_meant: impl Fn(&Origin) -> bool) -> Vec<String> {
        let meant = self.held.iter().filter(|held| is_meant(&held.draft.origin));
        let names: Vec<String> = meant.map(|held| held.draft.name.clone()).collect();
        let heals = names.iter().filter_map(|name| self.remove(name).ok());
        heals.filter(|heal| !heal.proven).map(|heal| heal.evidence).collect()
    }

    /// Puts these toxics in the place of all that come from somewhere. All of them or none: what goes, goes last, because
    /// taking a toxic off may end connections, which nothing brings back.
    ///
    /// # Errors
    /// If one of them has the name of one that stays, there are too many (old ones and new ones together), or the engine
    /// says no.
    pub fn exchange(
        &mut self,
        is_meant: impl Fn(&Origin) -> bool,
        drafts: Vec<Draft>,
    ) -> Result<(), ApiError> {
        let goes = |held: &Held| is_meant(&held.draft.origin);
        let known: Vec<Held> = self.held.clone();
        let old = |draft: &Draft| known.iter().find(|held| held.draft.name == draft.name);
        if drafts.iter().any(|draft| old(draft).is_some_and(|held| !goes(held))) {
            return Err(ApiError::ToxicExists);
        }
        if known.len() + drafts.iter().filter(|draft| old(draft).is_none()).count() > MOST_TOXICS {
            return Err(ApiError::TooMany { what: "toxics on a proxy, old and new", most: MOST_TOXICS });
        }
        let stay: Vec<String> = drafts.iter().map(|draft| draft.name.clone()).collect();
        for (at, draft) in drafts.into_iter().enumerate() {
            let done = match old(&draft) {
                Some(_) => self.update(draft).map(drop),
                None => self.add(draft).map(drop),
            };
            if let Err(error) = done {
                self.put_back(&known, &stay[..at]);
                return Err(error);
            }
        }
        let gone = known.iter().filter(|held| goes(held) && !stay.contains(&held.draft.name));
        for held in gone {
            self.remove(&held.draft.name)?;
        }
        Ok(())
    }

    /// Undoes what was done to the toxics of these names.
    fn put_back(&mut self, known: &[Held], names: &[String]) {
        for name in names {
            // What was accepted once is not refused now; what is taken off was there a moment ago.
            let _ = match known.iter().find(|held| held.draft.name == *name) {
                Some(held) => self.update(held.draft.clone()).map(drop),
                None => self.remove(name).map(drop),
            };
        }
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
