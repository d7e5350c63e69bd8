//! The links of a collection.

use shakedown_link_faults::StartError;

use super::{Collection, seed_of};
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

    /// Makes a link. The same one again is no error; says whether it is a new one.
    ///
    /// # Errors
    /// If another one of its name is there, there are too many, or it cannot be started.
    pub fn create_link(&mut self, draft: LinkDraft) -> Result<bool, LinkError> {
        if let Some(old) = self.links.get(&draft.name) {
            return if old.is(&draft) { Ok(false) } else { Err(ApiError::LinkExists.into()) };
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
