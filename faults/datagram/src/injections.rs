//! The faults that hold at one moment, and the hand that changes them.
//!
//! A set of faults never changes: a new one takes its place. Whoever decides about a datagram looks at one set from
//! beginning to end, and whoever injects or heals publishes and returns: control never waits for data.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Everything that holds.
#[derive(Debug)]
pub struct Holding<F, T> {
    version: u64,
    rules: Vec<Rule<F, T>>,
}

/// One fault that holds.
#[derive(Debug)]
pub struct Rule<F, T> {
    /// The injection's number.
    pub id: u32,
    /// What it does.
    pub fault: F,
    /// What it did.
    pub tally: Arc<T>,
    /// The version that brought it; no two rules ever share one.
    pub since: u64,
}

/// Something that a fault's description cannot mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field it is about.
    pub field: &'static str,
    /// What was found, and what would have been right.
    pub message: String,
}

/// Why a fault could not be injected. Nothing is changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InjectError {
    /// The number is in use.
    #[error("injection {0} holds already; heal it first or use another number")]
    Taken(u32),
    /// There are [`MOST_HOLDING`] faults.
    #[error("{MOST_HOLDING} faults hold already, which is the most; heal one first")]
    TooMany,
    /// The description says something that cannot be.
    #[error("{}", told(.0))]
    Wrong(Vec<Problem>),
}

/// At most so many faults hold at once: each is looked at for every datagram.
pub const MOST_HOLDING: usize = 64;

/// At most so many injections are remembered. Beyond that the oldest that were healed are forgotten.
pub const KEPT: usize = 1_024;

/// The controlling end.
#[derive(Debug)]
pub(crate) struct Hand<F, T> {
    newest: watch::Sender<Arc<Holding<F, T>>>,
    /// What injections did, kept after their heal.
    done: Mutex<BTreeMap<u32, Rule<F, T>>>,
}

/// The looking end; one for each task.
#[derive(Debug)]
pub(crate) struct Eye<F, T> {
    newest: watch::Receiver<Arc<Holding<F, T>>>,
    seen: Arc<Holding<F, T>>,
}

// === impl Holding ===

impl<F, T> Default for Holding<F, T> {
    fn default() -> Self {
        Self { version: 0, rules: Vec::new() }
    }
}

impl<F: Clone, T: Default> Holding<F, T> {
    /// Grows with every change; two sets with the same version are the same.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// All rules, in the order of their injection, which is the order in which they act.
    #[must_use]
    pub fn rules(&self) -> &[Rule<F, T>] {
        &self.rules
    }

    /// The rule that a version brought, if it still holds.
    #[must_use]
    pub fn since(&self, since: u64) -> Option<&Rule<F, T>> {
        self.rules.iter().find(|rule| rule.since == since)
    }

    /// The same and one more.
    ///
    /// # Errors
    /// If the number is in use or there are too many.
    pub fn with(&self, id: u32, fault: F) -> Result<Self, InjectError> {
        if self.rules.iter().any(|rule| rule.id == id) {
            return Err(InjectError::Taken(id));
        }
        if self.rules.len() >= MOST_HOLDING {
            return Err(InjectError::TooMany);
        }
        let version = self.version + 1;
        let mut rules = self.rules.clone();
        rules.push(Rule { id, fault, tally: Arc::default(), since: version });
        Ok(Self { version, rules })
    }

    /// The same without one; `None` if it is not among them.
    #[must_use]
    pub fn without(&self, id: u32) -> Option<Self> {
        let mut rules = self.rules.clone();
        rules.retain(|rule| rule.id != id);
        (rules.len() < self.rules.len()).then_some(Self { version: self.version + 1, rules })
    }
}

// === impl Rule ===

impl<F: Clone, T> Clone for Rule<F, T> {
    fn clone(&self) -> Self {
        Self { id: self.id, fault: self.fault.clone(), tally: Arc::clone(&self.tally), since: self.since }
    }
}

// === impl Problem ===

impl Problem {
    pub(crate) fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.message)
    }
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

// === impl Hand ===

impl<F: Clone, T: Default> Hand<F, T> {
    pub(crate) fn new() -> Self {
        Self { newest: watch::Sender::new(Arc::default()), done: Mutex::default() }
    }

    pub(crate) fn eye(&self) -> Eye<F, T> {
        let mut newest = self.newest.subscribe();
        let seen = Arc::clone(&newest.borrow_and_update());
        Eye { newest, seen }
    }

    pub(crate) fn inject(&self, id: u32, fault: F, problems: Vec<Problem>) -> Result<(), InjectError> {
        if !problems.is_empty() {
            return Err(InjectError::Wrong(problems));
        }
        let mut done = self.done();
        let after = self.newest.borrow().with(id, fault)?;
        done.extend(after.rules.last().map(|rule| (id, rule.clone())));
        forget_the_oldest(&mut done, &after);
        self.newest.send_replace(Arc::new(after));
        Ok(())
    }

    /// The version since which it does not hold; `None` if it did not.
    pub(crate) fn heal(&self, id: u32) -> Option<u64> {
        // Held throughout, so that of two changes at once none is lost.
        let _done = self.done();
        let after = self.newest.borrow().without(id)?;
        let version = after.version;
        self.newest.send_replace(Arc::new(after));
        Some(version)
    }

    /// What was injected last under a number, and what it did; `None` if it is forgotten.
    pub(crate) fn done_by(&self, id: u32) -> Option<(F, Arc<T>)> {
        self.done().get(&id).map(|rule| (rule.fault.clone(), Arc::clone(&rule.tally)))
    }

    fn done(&self) -> MutexGuard<'_, BTreeMap<u32, Rule<F, T>>> {
        // Nothing panics while it is held; if something did, the map would still be whole.
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_the_oldest<F: Clone, T: Default>(done: &mut BTreeMap<u32, Rule<F, T>>, holding: &Holding<F, T>) {
    while done.len() > KEPT {
        let healed = done.values().filter(|rule| holding.since(rule.since).is_none());
        let Some(oldest) = healed.min_by_key(|rule| rule.since).map(|rule| rule.id) else { return };
        done.remove(&oldest);
    }
}

// === impl Eye ===

impl<F, T> Clone for Eye<F, T> {
    fn clone(&self) -> Self {
        Self { newest: self.newest.clone(), seen: Arc::clone(&self.seen) }
    }
}

impl<F, T> Eye<F, T> {
    /// What holds now.
    pub(crate) fn look(&mut self) -> &Arc<Holding<F, T>> {
        // One atomic load for each datagram; the lock is taken only when something changed.
        if self.newest.has_changed().unwrap_or(false) {
            self.seen = Arc::clone(&self.newest.borrow_and_update());
        }
        &self.seen
    }

    /// Waits for a change; false once there is no hand any more.
    pub(crate) async fn changed(&mut self) -> bool {
        if self.newest.changed().await.is_err() {
            return false;
        }
        self.seen = Arc::clone(&self.newest.borrow_and_update());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Letters = Hand<char, ()>;

    #[test]
    fn a_number_is_used_once_at_a_time() {
        let hand = Letters::new();
        hand.inject(3, 'a', vec![]).unwrap();
        assert_eq!(hand.inject(3, 'b', vec![]), Err(InjectError::Taken(3)));
        assert_eq!(hand.heal(3), Some(2));
        assert_eq!(hand.heal(3), None);
        hand.inject(3, 'b', vec![]).unwrap();
        assert_eq!(hand.done_by(3).map(|(letter, _)| letter), Some('b'));
    }

    #[test]
    fn it_never_remembers_more_than_it_says_and_never_forgets_what_holds() {
        let hand = Letters::new();
        hand.inject(5_000, 'a', vec![]).unwrap();
        // Downwards, so that age is not the order of the numbers.
        for id in (1..2_000).rev() {
            hand.inject(id, 'b', vec![]).unwrap();
            assert!(hand.heal(id).is_some());
        }
        assert_eq!(hand.done().len(), KEPT);
        assert!(hand.done_by(5_000).is_some() && hand.done_by(1_999).is_none() && hand.done_by(1).is_some());
    }

    #[test]
    fn an_eye_sees_every_change_at_its_next_look() {
        let hand = Letters::new();
        let mut eye = hand.eye();
        assert!(eye.look().rules().is_empty());
        hand.inject(1, 'a', vec![]).unwrap();
        hand.inject(2, 'b', vec![]).unwrap();
        let seen: String = eye.look().rules().iter().map(|rule| rule.fault).collect();
        assert_eq!(seen, "ab");
        hand.heal(1).unwrap();
        assert!(eye.look().since(1).is_none() && eye.look().since(2).is_some());
    }

    #[test]
    fn what_holds_is_bounded_and_what_is_wrong_is_told_whole() {
        let hand = Letters::new();
        for id in 0..MOST_HOLDING {
            hand.inject(u32::try_from(id).unwrap(), 'x', vec![]).unwrap();
        }
        assert_eq!(hand.inject(99, 'x', vec![]), Err(InjectError::TooMany));
        let problems = vec![Problem::new("a", "is odd"), Problem::new("b", "is even")];
        let error = hand.inject(99, 'x', problems).unwrap_err();
        assert_eq!(error.to_string(), "`a`: is odd; `b`: is even");
    }
}
