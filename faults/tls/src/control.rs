//! Injecting and healing, which never waits for a connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::{Evidence, Faults, FaultsError, Injection, Problem, TlsFault};

/// Publishes the faults that hold, and remembers what they did.
#[derive(Debug)]
pub(crate) struct Control {
    faults: watch::Sender<Arc<Faults>>,
    told: Mutex<BTreeMap<u32, Arc<Injection>>>,
}

/// At most so many injections are remembered. Beyond that the oldest that have healed are forgotten.
pub const KEPT: usize = 1_024;

/// Why a fault could not be injected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InjectError {
    /// It cannot be meant like that; all that is wrong with it.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Wrong(Vec<Problem>),
    /// It cannot hold beside the others.
    #[error(transparent)]
    Faults(#[from] FaultsError),
    /// There is no TLS of clients to break.
    #[error(
        "faults are done to TLS that is terminated, and this proxy terminates none; start it with `terminate`"
    )]
    NotTerminated,
}

// === impl Control ===

impl Control {
    pub(crate) fn new() -> Self {
        Self { faults: watch::Sender::new(Arc::default()), told: Mutex::default() }
    }

    /// Whoever watches sees every change. It ends when this is dropped.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Faults>> {
        self.faults.subscribe()
    }

    pub(crate) fn inject(&self, id: u32, fault: TlsFault) -> Result<(), InjectError> {
        let problems = fault.check();
        if !problems.is_empty() {
            return Err(InjectError::Wrong(problems));
        }
        let mut told = self.told();
        let after = self.faults.borrow().with(id, fault)?;
        told.extend(after.iter().last().map(|injection| (id, Arc::clone(injection))));
        forget_the_oldest(&mut told, &after);
        self.faults.send_replace(Arc::new(after));
        Ok(())
    }

    pub(crate) fn heal(&self, id: u32) -> Option<Evidence> {
        // Held throughout, so that two changes at once are one after the other.
        let _told = self.told();
        let (after, gone) = self.faults.borrow().without(id)?;
        self.faults.send_replace(Arc::new(after));
        Some(Evidence { fault: gone.fault, hits: gone.tally.hits(), holds: false })
    }

    pub(crate) fn evidence(&self, id: u32) -> Option<Evidence> {
        let injection = Arc::clone(self.told().get(&id)?);
        let holds = self.faults.borrow().holds(&injection);
        Some(Evidence { fault: injection.fault, hits: injection.tally.hits(), holds })
    }

    fn told(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Injection>>> {
        // Nothing panics while it is held; if something did, the map would still be whole.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_the_oldest(told: &mut BTreeMap<u32, Arc<Injection>>, faults: &Faults) {
    while told.len() > KEPT {
        let healed = told.values().filter(|injection| !faults.holds(injection));
        let Some(oldest) = healed.min_by_key(|injection| injection.since).map(|injection| injection.id)
        else {
            return;
        };
        told.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_scenarios::units::Ratio;

    fn cap() -> TlsFault {
        TlsFault::VersionCap { probability: Ratio::new(1.0).unwrap() }
    }

    #[test]
    fn healing_twice_is_no_error_and_what_was_done_is_still_told() {
        let control = Control::new();
        control.inject(1, cap()).unwrap();
        control.faults.borrow().iter().for_each(|injection| injection.tally.hit());
        assert!(control.evidence(1).unwrap().holds);
        assert_eq!(control.heal(1).unwrap().hits, 1);
        assert_eq!(control.heal(1), None);
        let evidence = control.evidence(1).unwrap();
        assert_eq!((evidence.hits, evidence.holds, evidence.bit()), (1, false, true));
        assert_eq!(control.evidence(2), None);
    }

    #[test]
    fn a_number_that_is_used_again_starts_at_nothing() {
        let control = Control::new();
        control.inject(1, cap()).unwrap();
        control.faults.borrow().iter().for_each(|injection| injection.tally.hit());
        let _ = control.heal(1);
        control.inject(1, cap()).unwrap();
        assert_eq!(control.evidence(1).unwrap().hits, 0);
    }

    #[test]
    fn what_is_wrong_is_told_and_changes_nothing() {
        let control = Control::new();
        let wrong = TlsFault::VersionCap { probability: Ratio::new(2.0).unwrap() };
        assert!(matches!(control.inject(1, wrong), Err(InjectError::Wrong(problems)) if problems.len() == 1));
        assert_eq!(control.faults.borrow().version(), 0);
    }

    #[test]
    fn it_never_remembers_more_than_it_says_and_never_forgets_what_holds() {
        let control = Control::new();
        control.inject(0, cap()).unwrap();
        for id in 1..2_000 {
            control.inject(id, cap()).unwrap();
            let _ = control.heal(id);
        }
        assert_eq!(control.told().len(), KEPT);
        assert!(control.evidence(0).unwrap().holds && control.evidence(1).is_none());
        assert!(control.evidence(1_999).is_some());
    }
}
