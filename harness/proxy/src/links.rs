//! Links that speak HTTP, TLS, UDP or DNS, with the faults on them.
//!
//! A link is made, becomes another one of its kind with its faults, and is taken away. Its faults come and go.

use std::net::SocketAddr;

use serde_json::Value;
use shakedown_link_faults::{Counters, Ending, Evidence, LinkFault, LinkSpec};
use shakedown_scenarios::protocol::{LinkKind, Protocol};

use crate::engine::LinkPlane;
use crate::error::ApiError;
use crate::news::{Level, Log, without_password};

/// A link that may be made.
#[derive(Clone, Debug)]
pub struct LinkDraft {
    /// Its name.
    pub name: String,
    /// Where it listens; port 0: a free one.
    pub listen: SocketAddr,
    /// Where it leads, as it was said; a name server leads nowhere.
    pub upstream: Option<String>,
    /// What it is to be.
    pub spec: LinkSpec,
    /// All that was asked for but where it listens, to tell a repeated request from another one. It may hold a private key,
    /// and is not shown.
    pub asked: Value,
}

/// A link that runs.
#[derive(Debug)]
pub struct LinkEntry<L> {
    name: String,
    spec: LinkSpec,
    upstream: Option<String>,
    asked: Value,
    seed: u64,
    link: L,
    held: Vec<HeldFault>,
    next_id: u32,
    log: Log,
}

/// A fault that holds on a link.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldFault {
    /// Its number, for the engine.
    pub id: u32,
    /// Its name, of which there is one on a link.
    pub name: String,
    /// What it is.
    pub fault: LinkFault,
}

/// The most links.
pub const MOST_LINKS: usize = 1_000;
/// The most faults on a link.
pub const MOST_FAULTS: usize = 256;

// === impl LinkEntry ===

impl<L: LinkPlane> LinkEntry<L> {
    /// A link that was started.
    pub(crate) fn new(draft: LinkDraft, link: L, seed: u64, log: Log) -> Self {
        let LinkDraft { name, upstream, spec, asked, .. } = draft;
        let entry = Self { name, spec, upstream, asked, seed, link, held: Vec::new(), next_id: 0, log };
        entry.tell("Created link");
        entry
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it speaks.
    #[must_use]
    pub const fn kind(&self) -> LinkKind {
        self.spec.kind()
    }

    /// What it is.
    #[must_use]
    pub(crate) const fn spec(&self) -> &LinkSpec {
        &self.spec
    }

    /// The word for what it speaks.
    #[must_use]
    pub const fn kind_word(&self) -> &'static str {
        match self.kind() {
            LinkKind::Tcp => "tcp",
            LinkKind::Http => "http",
            LinkKind::Tls => "tls",
            LinkKind::Udp => "udp",
            LinkKind::Dns => "dns",
        }
    }

    /// Where it leads, as it was said.
    #[must_use]
    pub fn upstream(&self) -> Option<&str> {
        self.upstream.as_deref()
    }

    /// Whether this is what was asked for when it was made, or changed last.
    #[must_use]
    pub fn is(&self, draft: &LinkDraft) -> bool {
        self.asked == draft.asked && self.place_for(draft) == self.address()
    }

    /// Where it would listen as this draft: who leaves the port open means the one it has.
    pub(crate) fn place_for(&self, draft: &LinkDraft) -> SocketAddr {
        let now = self.address();
        if draft.listen == SocketAddr::new(now.ip(), 0) { now } else { draft.listen }
    }

    /// Where its chance comes from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.link.address()
    }

    /// What faults on it may be about.
    #[must_use]
    pub fn takes(&self) -> &[Protocol] {
        self.link.takes()
    }

    /// The certificate that clients should trust.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.link.ca_pem()
    }

    /// What passed through it.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.link.counters()
    }

    /// Its faults, in the order of their injection.
    pub fn faults(&self) -> impl Iterator<Item = &HeldFault> {
        self.held.iter()
    }

    /// The fault of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn fault(&self, name: &str) -> Result<&HeldFault, ApiError> {
        self.held.iter().find(|held| held.name == name).ok_or(ApiError::NoFault)
    }

    /// What a fault did so far.
    #[must_use]
    pub fn evidence(&self, held: &HeldFault) -> Option<Evidence> {
        self.link.evidence(held.id)
    }

    /// Makes a fault hold, in the place of the one of its name if there is one, whose evidence ends with it. Says whether
    /// it is a new one.
    ///
    /// # Errors
    /// If there are too many, or the link does not take it: nothing is changed then.
    pub fn put(&mut self, name: &str, fault: LinkFault) -> Result<bool, ApiError> {
        let old = self.held.iter().position(|held| held.name == name);
        if old.is_none() && self.held.len() >= MOST_FAULTS {
            return Err(ApiError::TooMany { what: "faults on a link", most: MOST_FAULTS });
        }
        let id = self.next_id;
        // The new one comes first: it may be refused.
        self.link.inject(id, fault.clone()).map_err(ApiError::Value)?;
        self.next_id = id.wrapping_add(1);
        let held = HeldFault { id, name: name.to_owned(), fault };
        self.tell_of("Injected fault", &held);
        match old {
            Some(at) => {
                let before = std::mem::replace(&mut self.held[at], held);
                let _ = self.link.heal(before.id);
            }
            None => self.held.push(held),
        }
        Ok(old.is_none())
    }

    /// Ends a fault and says what it did; `None`: the link knows nothing of it.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn heal(&mut self, name: &str) -> Result<Option<Ending>, ApiError> {
        let at = self.held.iter().position(|held| held.name == name).ok_or(ApiError::NoFault)?;
        let held = self.held.remove(at);
        self.tell_of("Healed fault", &held);
        Ok(self.link.heal(held.id))
    }

    /// Ends all faults, and gives what was seen of those that are not seen to be gone.
    pub(crate) fn heal_all(&mut self) -> Vec<String> {
        let names: Vec<String> = self.held.iter().map(|held| held.name.clone()).collect();
        let endings = names.iter().filter_map(|name| self.heal(name).ok().flatten());
        let unproven = endings.filter(|ending| !ending.healed.proven);
        unproven.map(|ending| ending.healed.evidence).collect()
    }

    /// Makes all its faults hold on another link, which count anew there.
    ///
    /// # Errors
    /// The first fault that the other link does not take.
    pub(crate) fn equip(&self, link: &L) -> Result<(), ApiError> {
        for HeldFault { id, name, fault } in &self.held {
            link.inject(*id, fault.clone()).map_err(|reason| {
                ApiError::Value(format!("fault {name:?} could not stay: {reason}; DELETE it first"))
            })?;
        }
        Ok(())
    }

    /// Puts another link in the place of the one that ran, which is given back.
    #[must_use = "the link that ran is to be ended"]
    pub(crate) const fn swap(&mut self, link: L) -> L {
        std::mem::replace(&mut self.link, link)
    }

    /// The link that was put in its place is what this draft asks for.
    pub(crate) fn became(&mut self, draft: LinkDraft) {
        let LinkDraft { upstream, spec, asked, .. } = draft;
        (self.upstream, self.spec, self.asked) = (upstream, spec, asked);
        self.tell("Changed link");
    }

    /// What is left of it when it is taken away: the link, for whoever ends it.
    pub(crate) fn taken_away(self) -> L {
        self.tell("Deleted link");
        self.link
    }

    fn tell(&self, message: &'static str) {
        let listen = self.address().to_string();
        let upstream = without_password(self.upstream.as_deref().unwrap_or_default());
        let fields = [
            ("name", self.name.as_str()),
            ("kind", self.kind_word()),
            ("listen", &listen),
            ("upstream", upstream),
        ];
        self.log.tell(Level::Info, message, fields);
    }

    fn tell_of(&self, message: &'static str, held: &HeldFault) {
        let fields =
            [("link", self.name.as_str()), ("name", &held.name), ("protocol", held.fault.protocol().name())];
        self.log.tell(Level::Info, message, fields);
    }
}
