//! The toxics that hold on a link at one moment.
//!
//! A set of rules never changes: a new one takes its place. Whoever decides about a chunk looks at one set from
//! beginning to end, which is what makes a change atomic for all connections.

use std::sync::Arc;

use super::{Direction, Tally, Toxic};

/// All toxics of a link.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    version: u64,
    rules: Vec<Rule>,
}

/// One toxic that holds.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The injection's number.
    pub id: u32,
    /// What it does.
    pub toxic: Toxic,
    /// What it did.
    pub tally: Arc<Tally>,
    /// The version of the rules that brought it.
    pub since: u64,
}

/// Why a toxic could not be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// The number is in use.
    #[error("injection {0} holds on this link already; heal it first or use another number")]
    Taken(u32),
}

impl Rules {
    /// Grows with every change; two sets with the same version are the same.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The same rules and one more.
    ///
    /// # Errors
    /// If the number is in use.
    pub fn with(&self, id: u32, toxic: Toxic) -> Result<Self, RulesError> {
        if self.holds(id) {
            return Err(RulesError::Taken(id));
        }
        let version = self.version + 1;
        let mut rules = self.rules.clone();
        rules.push(Rule { id, toxic, tally: Arc::new(Tally::default()), since: version });
        Ok(Self { version, rules })
    }

    /// The same rules without one, and that one; `None` if it is not among them.
    #[must_use]
    pub fn without(&self, id: u32) -> Option<(Self, Rule)> {
        let index = self.rules.iter().position(|rule| rule.id == id)?;
        let mut rules = self.rules.clone();
        let rule = rules.remove(index);
        Some((Self { version: self.version + 1, rules }, rule))
    }

    /// Whether an injection is among them.
    #[must_use]
    pub fn holds(&self, id: u32) -> bool {
        self.rules.iter().any(|rule| rule.id == id)
    }

    /// The rules that touch bytes of this way, in the order of their injection.
    pub fn on(&self, direction: Direction) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.toxic.touches(direction))
    }

    /// All rules, in the order of their injection.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Whether bytes of this way pass untouched.
    #[must_use]
    pub fn is_clear(&self, direction: Direction) -> bool {
        self.on(direction).next().is_none()
    }

    /// The rule that resets connections, if one does.
    #[must_use]
    pub fn resets(&self) -> Option<&Rule> {
        self.rules.iter().find(|rule| matches!(rule.toxic, Toxic::Reset))
    }

    /// Whether new connections are refused.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.toxic, Toxic::Refuse))
    }

    /// The rules that keep bytes of either way from getting through, which keeps new connections from coming about.
    pub fn partitions(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| matches!(rule.toxic, Toxic::Partition { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_used_once_at_a_time() {
        let rules = Rules::default().with(3, Toxic::Reset).unwrap();
        assert_eq!(rules.with(3, Toxic::Refuse).unwrap_err(), RulesError::Taken(3));
        let (rules, rule) = rules.without(3).unwrap();
        assert_eq!((rule.id, rules.holds(3)), (3, false));
        assert!(rules.with(3, Toxic::Refuse).is_ok());
        assert!(rules.without(3).is_none());
    }

    #[test]
    fn every_change_has_a_version_of_its_own() {
        let first = Rules::default();
        let second = first.with(1, Toxic::Reset).unwrap();
        let (third, _) = second.without(1).unwrap();
        assert!(first.version() < second.version() && second.version() < third.version());
    }
}
