//! All proxies and links, and the one seed that their chance comes from.

mod links;

use std::collections::BTreeMap;

use shakedown_scenarios::seed::Streams;

use crate::address;
use crate::engine::Engine;
use crate::entry::{Change, Ends, Entry};
use crate::error::ApiError;
use crate::held::Draft;
use crate::links::LinkEntry;
use crate::metrics::Figure;
use crate::news::Log;

pub use links::LinkError;

/// The proxies of a control plane.
#[derive(Debug)]
pub struct Collection<E: Engine> {
    pub(crate) engine: E,
    seed: u64,
    entries: BTreeMap<String, Entry<E::Proxy>>,
    links: BTreeMap<String, LinkEntry<E::Link>>,
    /// Links that were taken away and have not ended yet.
    leaving: Vec<E::Link>,
    pub(crate) exposed: Exposed,
    pub(crate) log: Log,
    requests: u64,
}

/// What `/metrics` shows; nothing: there is no such path.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exposed {
    /// What passed through proxies.
    pub proxies: bool,
    /// What this process uses, as the function tells it.
    pub runtime: Option<fn() -> Vec<Figure>>,
}

/// A proxy that may be made.
#[derive(Clone, Debug)]
pub struct ProxyDraft {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub listen: String,
    /// Where it connects to.
    pub upstream: String,
    /// Whether it runs.
    pub enabled: bool,
    /// The toxics that are on it from its first connection on.
    pub toxics: Vec<Draft>,
    /// Who is at its ends.
    pub ends: Ends,
}

/// The most proxies.
pub const MOST_PROXIES: usize = 10_000;
/// The longest name of a proxy or a toxic, in bytes.
pub const LONGEST_NAME: usize = 256;
/// The longest address, in bytes: the longest name of DNS and a port fit.
pub const LONGEST_ADDRESS: usize = 300;
/// Where a proxy listens if nothing is said: on this machine alone, on a free port.
pub const LISTEN: &str = "127.0.0.1:0";

// === impl Collection ===

impl<E: Engine> Collection<E> {
    /// No proxies yet.
    #[must_use]
    pub fn new(engine: E, seed: u64, exposed: Exposed) -> Self {
        Self {
            engine,
            seed,
            entries: BTreeMap::new(),
            links: BTreeMap::new(),
            leaving: Vec::new(),
            exposed,
            log: Log::default(),
            requests: 0,
        }
    }

    /// The same, with what happens told to a log.
    #[must_use]
    pub fn telling(self, log: Log) -> Self {
        Self { log, ..self }
    }

    /// The seed that everything random comes from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// A number for each request, 20 characters as Toxiproxy's have.
    pub(crate) fn request_id(&mut self) -> String {
        self.requests = self.requests.wrapping_add(1);
        let start = Streams::new(self.seed).stream("requests of the control plane").u64() >> 16;
        format!("{start:012x}{:08x}", self.requests & 0xffff_ffff)
    }

    /// All proxies, by name.
    pub fn entries(&self) -> impl Iterator<Item = &Entry<E::Proxy>> {
        self.entries.values()
    }

    pub(crate) fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry<E::Proxy>> {
        self.entries.values_mut()
    }

    /// The proxy of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn entry(&self, name: &str) -> Result<&Entry<E::Proxy>, ApiError> {
        self.entries.get(name).ok_or(ApiError::NoProxy)
    }

    /// The same, to change it.
    pub(crate) fn entry_mut(&mut self, name: &str) -> Result<&mut Entry<E::Proxy>, ApiError> {
        self.entries.get_mut(name).ok_or(ApiError::NoProxy)
    }

    /// Makes a proxy, toxics and all; it runs when this returns, if it is enabled.
    ///
    /// # Errors
    /// If there is one of this name, there are too many, or its address cannot be listened on. Nothing is made then.
    pub fn create(&mut self, draft: ProxyDraft) -> Result<&Entry<E::Proxy>, ApiError> {
        if self.entries.contains_key(&draft.name) {
            return Err(ApiError::ProxyExists);
        }
        if self.entries.len() >= MOST_PROXIES {
            return Err(ApiError::TooMany { what: "proxies", most: MOST_PROXIES });
        }
        let (enabled, mut entry) = (draft.enabled, self.fresh(draft)?);
        if enabled {
            entry.start(&mut self.engine)?;
        }
        entry.tell_to(self.log.clone(), "Created proxy");
        Ok(self.entries.entry(entry.name().to_owned()).or_insert(entry))
    }

    /// A proxy that does not run yet.
    fn fresh(&self, draft: ProxyDraft) -> Result<Entry<E::Proxy>, ApiError> {
        address::check(&draft.listen).map_err(|error| ApiError::Listen(format!("listen tcp: {error}")))?;
        let seed = seed_of(self.seed, "proxy", &draft.name);
        let mut entry = Entry::new(&draft, seed);
        for toxic in draft.toxics {
            entry.add(toxic)?;
        }
        Ok(entry)
    }

    /// Changes a proxy.
    ///
    /// # Errors
    /// As [`Entry::change`], and if there is none of this name.
    pub fn change(&mut self, name: &str, change: Change) -> Result<&Entry<E::Proxy>, ApiError> {
        let entry = self.entries.get_mut(name).ok_or(ApiError::NoProxy)?;
        entry.change(&mut self.engine, change)?;
        Ok(entry)
    }

    /// Takes a proxy away: its listener and its connections are closed.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn delete(&mut self, name: &str) -> Result<(), ApiError> {
        let mut entry = self.entries.remove(name).ok_or(ApiError::NoProxy)?;
        entry.stop();
        entry.tell_to(self.log.clone(), "Deleted proxy");
        Ok(())
    }

    /// Makes a proxy as `populate` does: one of this name with the same addresses stays as it is; with others, it is
    /// replaced, and its toxics are gone.
    ///
    /// # Errors
    /// If it cannot be listened on. One that was there stays then.
    pub fn populate(&mut self, draft: ProxyDraft) -> Result<(), ApiError> {
        let Some(old) = self.entries.get(&draft.name) else { return self.create(draft).map(drop) };
        if old.upstream() == draft.upstream && is_same_address(old.listen(), &draft.listen) {
            return Ok(());
        }
        let (enabled, next) = (draft.enabled, self.fresh(draft)?);
        let old = self.entries.get_mut(next.name()).ok_or(ApiError::NoProxy)?;
        old.replace(&mut self.engine, next, enabled)?;
        old.tell_to(self.log.clone(), "Replaced proxy");
        Ok(())
    }

    /// Ends all proxies and links.
    pub fn close(&mut self) {
        self.entries.clear();
        self.links.clear();
    }

    /// Starts every proxy and takes off all toxics and all faults of links. One that fails keeps no other one from it.
    ///
    /// # Errors
    /// All that went wrong, each with its proxy if there are several.
    pub fn reset(&mut self) -> Result<(), ApiError> {
        let mut wrong = Vec::new();
        for entry in self.entries.values_mut() {
            let unproven = entry.remove_all(|_| true).into_iter().map(ApiError::Plane);
            wrong.extend(unproven.map(|error| (entry.name().to_owned(), error)));
            if let Err(error) = entry.start(&mut self.engine) {
                wrong.push((entry.name().to_owned(), error));
            }
        }
        for entry in self.links.values_mut() {
            let unproven = entry.heal_all().into_iter().map(ApiError::Plane);
            wrong.extend(unproven.map(|error| (entry.name().to_owned(), error)));
        }
        match wrong.len() {
            0 => Ok(()),
            1 => Err(wrong.remove(0).1),
            _ => Err(ApiError::Several(wrong)),
        }
    }
}

/// The seed of one proxy or link: it depends on its name and the collection's seed, and on nothing else that is there.
fn seed_of(seed: u64, what: &str, name: &str) -> u64 {
    Streams::new(seed).stream(&format!("{what}/{name}")).u64()
}

fn is_same_address(one: &str, other: &str) -> bool {
    one == other || address::resolve(one).is_ok_and(|one| address::resolve(other) == Ok(one))
}
