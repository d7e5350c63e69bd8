//! The links of a collection.

use std::net::SocketAddr;

use shakedown_link_faults::{LinkSpec, StartError};

use super::{Collection, seed_of};
use crate::address::listen_error;
use crate::engine::{Engine, LinkPlane as _};
use crate::error::ApiError;
use crate::links::{LinkDraft, LinkEntry, MOST_LINKS};

// === impl Collection ===

impl<E: Engine> Collection<E> {
    /// All links, by name.
    pub fn links(&self) -> impl Iterator<Item = &LinkEntry<E::Link>> {
        self.links.values()
    }

    /// The link of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn link(&self, name: &str) -> Result<&LinkEntry<E::Link>, ApiError> {
        self.links.get(name).ok_or(ApiError::NoLink)
    }

    /// The same, to change it.
    pub(crate) fn link_mut(&mut self, name: &str) -> Result<&mut LinkEntry<E::Link>, ApiError> {
        self.links.get_mut(name).ok_or(ApiError::NoLink)
    }

    /// Makes a link, or makes the one of its name what is asked for. The same one again is left alone; says whether it is a
    /// new one.
    ///
    /// # Errors
    /// If one of another kind has its name, a fault that holds could not stay, there are too many, or it cannot be started.
    /// What was there runs on then.
    pub fn put_link(&mut self, draft: LinkDraft) -> Result<bool, LinkError> {
        if let Some(old) = self.links.get(&draft.name) {
            return if old.is(&draft) { Ok(false) } else { self.change_link(draft).map(|()| false) };
        }
        if self.links.len() >= MOST_LINKS {
            return Err(ApiError::TooMany { what: "links", most: MOST_LINKS }.into());
        }
        let seed = seed_of(self.seed, "link", &draft.name);
        let link = self.engine.start_link(draft.listen, draft.spec.clone(), seed)?;
        let name = draft.name.clone();
        self.links.insert(name, LinkEntry::new(draft, link, seed, self.log.clone()));
        Ok(true)
    }

    /// Starts the link anew as what is asked for, with its faults. Its connections end, and its counters begin again.
    fn change_link(&mut self, draft: LinkDraft) -> Result<(), LinkError> {
        let entry = self.links.get_mut(&draft.name).ok_or(ApiError::NoLink)?;
        if entry.kind() != draft.spec.kind() {
            return Err(ApiError::LinkKind(entry.kind_word()).into());
        }
        let (now, then) = (entry.address(), entry.place_for(&draft));
        // All that can go wrong is tried beside the link that runs, but for its own address: that has one owner at a time.
        let beside = if now == then { SocketAddr::new(now.ip(), 0) } else { then };
        let link = self.engine.start_link(beside, draft.spec.clone(), entry.seed())?;
        if let Err(error) = entry.equip(&link) {
            self.leaving.push(link);
            return Err(error.into());
        }
        let before = entry.swap(link);
        if now != then {
            self.leaving.push(before);
            entry.became(draft);
            return Ok(());
        }
        // Tasks that are told to end do so as soon as they get their turn, so that others hardly wait.
        before.end();
        let name = draft.name.clone();
        let Err(error) = self.start_again(now, draft.spec.clone(), &name) else {
            self.link_mut(&name)?.became(draft);
            return Ok(());
        };
        // Somebody else was quicker, or had it a moment ago: then all is to be as it was.
        let spec = self.link(&name)?.spec().clone();
        if self.start_again(now, spec, &name).is_err() {
            self.delete_link(&name)?;
            return Err(ApiError::Plane(format!("{}; the link is gone: PUT it again", error.told())).into());
        }
        Err(error)
    }

    /// Starts a link where it was, in the place of what stands in for it.
    fn start_again(&mut self, at: SocketAddr, spec: LinkSpec, name: &str) -> Result<(), LinkError> {
        let entry = self.links.get_mut(name).ok_or(ApiError::NoLink)?;
        let link = self.engine.start_link(at, spec, entry.seed())?;
        let equipped = entry.equip(&link);
        self.leaving.push(entry.swap(link));
        Ok(equipped?)
    }

    /// Takes a link away. It ends once nobody else is kept waiting by it, see [`Collection::farewell`].
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn delete_link(&mut self, name: &str) -> Result<(), ApiError> {
        let entry = self.links.remove(name).ok_or(ApiError::NoLink)?;
        self.leaving.push(entry.taken_away());
        Ok(())
    }

    /// What ends the links that were taken away, and returns when their addresses can be had again. To be called when the
    /// collection is not locked any more.
    #[must_use = "links that were taken away run on until it is called"]
    pub fn farewell(&mut self) -> impl FnOnce() + use<E> {
        let leaving = std::mem::take(&mut self.leaving);
        move || leaving.into_iter().for_each(E::Link::end)
    }
}

/// Why a link was not made.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The control plane refuses it.
    #[error(transparent)]
    Refused(#[from] ApiError),
    /// It could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
}

// === impl LinkError ===

impl LinkError {
    /// What it is, for people, in one line.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Start(StartError::Listen { address, source }) => listen_error(*address, source),
            other => other.to_string(),
        }
    }
}
