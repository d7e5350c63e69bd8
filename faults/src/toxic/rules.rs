//! The toxics that hold on a link at one moment.
//!
//! A set of rules never changes: a new one takes its place. Whoever decides about a chunk looks at one set from
//! beginning to end, which is what makes a change atomic for all connections.

use std::net::IpAddr;
use std::sync::Arc;

use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::toxic::{Per, ToxicProblem};

use super::{Direction, Injection, Shares, Tally, Toxic};

/// All toxics of a link.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    version: u64,
    rules: Vec<Arc<Rule>>,
}

/// One toxic that holds.
#[derive(Debug)]
pub struct Rule {
    /// The injection's number.
    pub id: u32,
    /// What names its streams of chance.
    pub name: Arc<str>,
    /// What it does, and to whom.
    pub injection: Injection,
    /// What it did.
    pub tally: Arc<Tally>,
    /// The limits that connections share under it.
    pub shares: Arc<Shares>,
    /// The version of the rules that brought it, or its newest form.
    pub since: u64,
    /// How many connections had begun when it was injected.
    pub begun: u64,
    /// How many forms it had before this one: whom it hits is drawn anew for each.
    pub form: u32,
}

/// Why a toxic could not be injected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// The number is in use.
    #[error("injection {0} holds on this link already; heal it first or use another number")]
    Taken(u32),
    /// There is nothing that could be changed.
    #[error("injection {0} does not hold on this link; inject it first")]
    Unknown(u32),
    /// It cannot be meant.
    #[error("this toxic cannot be injected: {}", listed(.0))]
    Wrong(Vec<ToxicProblem>),
    /// Too many.
    #[error("{most} toxics hold on this link already, which is the most", most = Rules::MOST)]
    TooMany,
}

fn listed(problems: &[ToxicProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Rules {
    /// How many toxics a link may have at a time: every chunk is asked about each of them.
    pub const MOST: usize = 256;

    /// Grows with every change; two sets with the same version are the same.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The same rules and one more. `begun` is how many connections there have been.
    ///
    /// # Errors
    /// If the number is in use, or the toxic cannot be meant.
    pub fn with(&self, id: u32, injection: Injection, begun: u64) -> Result<Self, RulesError> {
        if self.holds(id) {
            return Err(RulesError::Taken(id));
        }
        if self.rules.len() >= Self::MOST {
            return Err(RulesError::TooMany);
        }
        let rule = Rule::new(id, injection, self.version + 1, begun)?;
        let mut rules = self.rules.clone();
        rules.push(Arc::new(rule));
        Ok(Self { version: self.version + 1, rules })
    }

    /// The same rules with one in another form. What it counted stays counted, and what it knows of connections stays
    /// known.
    ///
    /// # Errors
    /// If it does not hold, or cannot be meant.
    pub fn updated(&self, id: u32, injection: Injection) -> Result<Self, RulesError> {
        let index = self.rules.iter().position(|rule| rule.id == id).ok_or(RulesError::Unknown(id))?;
        let mut rules = self.rules.clone();
        let before = &rules[index];
        let mut rule = Rule::new(id, injection, self.version + 1, before.begun)?;
        rule.tally = Arc::clone(&before.tally);
        rule.form = before.form.wrapping_add(1);
        rules[index] = Arc::new(rule);
        Ok(Self { version: self.version + 1, rules })
    }

    /// The same rules without one, and that one; `None` if it is not among them.
    #[must_use]
    pub fn without(&self, id: u32) -> Option<(Self, Arc<Rule>)> {
        let index = self.rules.iter().position(|rule| rule.id == id)?;
        let mut rules = self.rules.clone();
        let rule = rules.remove(index);
        Some((Self { version: self.version + 1, rules }, rule))
    }

    /// The rule of an injection.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&Arc<Rule>> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Whether an injection is among them.
    #[must_use]
    pub fn holds(&self, id: u32) -> bool {
        self.get(id).is_some()
    }

    /// The rules that touch bytes of this way, in the order of their injection.
    pub fn on(&self, direction: Direction) -> impl Iterator<Item = &Arc<Rule>> {
        self.rules.iter().filter(move |rule| rule.touches(direction))
    }

    /// All rules, in the order of their injection.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.rules.iter()
    }

    /// Whether nothing holds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether the door is to be shut.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.any(|toxic| matches!(toxic, Toxic::Refuse {}))
    }

    /// Whether connects are to get no answer.
    #[must_use]
    pub fn drops_syns(&self) -> bool {
        self.any(|toxic| matches!(toxic, Toxic::DropSyn {}))
    }

    /// Whether connections have a limit in common: then they are to take turns, for what one may send depends on what the
    /// others have sent.
    #[must_use]
    pub fn share(&self) -> bool {
        let shared = |toxic: &Toxic| matches!(toxic, Toxic::Bandwidth { per: Per::Link | Per::Client, .. });
        self.any(shared)
    }

    fn any(&self, is: impl Fn(&Toxic) -> bool) -> bool {
        self.rules.iter().any(|rule| is(&rule.injection.toxic))
    }
}

// === impl Rule ===

impl Rule {
    fn new(id: u32, injection: Injection, since: u64, begun: u64) -> Result<Self, RulesError> {
        let problems = injection.toxic.problems(&injection.aim);
        if !problems.is_empty() {
            return Err(RulesError::Wrong(problems));
        }
        let name = injection.name.as_str().into();
        Ok(Self { id, name, injection, tally: Arc::default(), shares: Arc::default(), since, begun, form: 0 })
    }

    /// What it does.
    #[must_use]
    pub const fn toxic(&self) -> &Toxic {
        &self.injection.toxic
    }

    /// Whether bytes that go this way are touched at all.
    #[must_use]
    pub const fn touches(&self, direction: Direction) -> bool {
        !self.toxic().is_about_connecting() && direction.is_in(self.injection.aim.way)
    }

    /// Whether a connection is meant, as far as can be told without chance: by its number, the first one being 0, and
    /// by its client.
    #[must_use]
    pub fn means(&self, number: u64, client: IpAddr) -> bool {
        let aim = &self.injection.aim;
        let among_first =
            aim.first.is_none_or(|first| number.checked_sub(self.begun).is_some_and(|place| place < first));
        among_first && aim.hits_number(number) && aim.hits_client(client)
    }

    /// Whether a connection is hit: it is meant, and drawn. There is one draw for a connection and all that is done to it,
    /// so that both ways of it are hit or neither. A rule for one way has draws of its own, whatever its name.
    #[must_use]
    pub fn hits(&self, streams: Streams, number: u64, client: IpAddr) -> bool {
        let way = match self.injection.aim.way {
            Way::Both => "both",
            Way::Upstream => Direction::Upstream.word(),
            Way::Downstream => Direction::Downstream.word(),
        };
        let (form, name, share) = (self.form, &self.name, self.injection.aim.toxicity.value());
        let drawn = || streams.stream(&format!("connection/{number}/hits/{way}/{form}/{name}")).chance(share);
        // What is certain, either way, is not drawn.
        self.means(number, client) && share > 0.0 && (share >= 1.0 || drawn())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_scenarios::toxic::Aim;
    use shakedown_scenarios::units::{Ratio, Span};

    fn reset() -> Injection {
        Injection::new(Toxic::reset(), Way::Both)
    }

    #[test]
    fn a_number_is_used_once_at_a_time() {
        let rules = Rules::default().with(3, reset(), 0).unwrap();
        assert_eq!(rules.with(3, reset(), 0).unwrap_err(), RulesError::Taken(3));
        let (rules, rule) = rules.without(3).unwrap();
        assert_eq!((rule.id, rules.holds(3)), (3, false));
        assert!(rules.with(3, reset(), 0).is_ok());
        assert!(rules.without(3).is_none());
        assert_eq!(rules.updated(3, reset()).unwrap_err(), RulesError::Unknown(3));
    }

    #[test]
    fn every_change_has_a_version_of_its_own() {
        let first = Rules::default();
        let second = first.with(1, reset(), 0).unwrap();
        let third = second.updated(1, reset()).unwrap();
        let (fourth, _) = third.without(1).unwrap();
        let versions = [first.version(), second.version(), third.version(), fourth.version()];
        assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_and_changes_nothing() {
        let rules = Rules::default().with(1, reset(), 0).unwrap();
        let none = Injection::new(Toxic::latency(Span::ZERO), Way::Both);
        let error = rules.with(2, none.clone(), 0).unwrap_err().to_string();
        assert!(error.contains("`delay`: a latency of zero is none"), "{error}");
        assert!(rules.updated(1, none).is_err());
        let mut most = Rules::default();
        for id in 0..Rules::MOST as u32 {
            most = most.with(id, reset(), 0).unwrap();
        }
        assert_eq!(most.with(9_999, reset(), 0).unwrap_err(), RulesError::TooMany);
    }

    #[test]
    fn the_first_connections_are_counted_from_the_injection_on() {
        let aim = Aim { first: Some(2), ..Aim::default() };
        let rules = Rules::default().with(1, Injection { aim, ..reset() }, 10).unwrap();
        let rule = rules.get(1).unwrap();
        let meant: Vec<u64> = (0..20).filter(|number| rule.means(*number, [127, 0, 0, 1].into())).collect();
        assert_eq!(meant, [10, 11]);
    }

    // Computed by a second implementation in another language, not copied from the output of this one.
    #[test]
    fn whom_a_share_hits_is_the_same_for_ever_and_drawn_anew_for_a_new_form() {
        let half = || {
            let aim = Aim { toxicity: Ratio::new(0.5).unwrap(), ..Aim::default() };
            Injection { name: "slow".to_owned(), aim, ..reset() }
        };
        let hit = |rules: &Rules| -> Vec<u64> {
            let rule = rules.get(1).unwrap();
            (0..16).filter(|number| rule.hits(Streams::new(42), *number, [127, 0, 0, 1].into())).collect()
        };
        let first = Rules::default().with(1, half(), 0).unwrap();
        assert_eq!(hit(&first), [0, 1, 3, 4, 5, 6, 7, 9, 10, 12, 13, 14]);
        assert_eq!(hit(&first.updated(1, half()).unwrap()), [0, 1, 4, 8, 9, 10, 11, 13]);
    }
}
