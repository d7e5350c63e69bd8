//! Toxics of a proxy: put on, changed, exchanged and taken off, each whole or not at all.

use super::{Entry, MOST_TOXICS};
use crate::engine::{Heal, Plane};
use crate::error::ApiError;
use crate::held::{Draft, Held, Origin};
use crate::news::{Level, without_password};

// === impl Entry ===

impl<P: Plane> Entry<P> {
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
        self.tell_of("Added toxic", &draft);
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
        self.tell_of("Updated toxic", &self.held[at].draft);
        Ok(&self.held[at])
    }

    /// Takes a toxic off.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn remove(&mut self, name: &str) -> Result<Heal, ApiError> {
        let at = self.held.iter().position(|held| held.draft.name == name).ok_or(ApiError::NoToxic)?;
        let held = self.held.remove(at);
        self.tell_of("Removed toxic", &held.draft);
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

    fn tell_of(&self, message: &'static str, draft: &Draft) {
        let (kind, toxicity) = (draft.kind(), draft.toxicity().to_string());
        let about = draft.toxic().describe();
        let fields = [
            ("proxy", self.name.as_str()),
            ("name", &draft.name),
            ("type", &kind),
            ("stream", &draft.stream),
            ("toxicity", &toxicity),
            ("about", without_password(&about)),
        ];
        self.log.tell(Level::Info, message, fields);
    }
}
