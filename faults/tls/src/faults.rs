//! The faults that hold at one moment.
//!
//! A set never changes: a new one takes its place. Whoever decides about a connection looks at one set from beginning
//! to end, which is what makes a change atomic for all connections.

use std::sync::Arc;

use shakedown_scenarios::seed::Streams;

use crate::evidence::Tally;
use crate::{Fate, TlsFault};

/// All faults that hold, in the order of their injection.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    version: u64,
    injections: Vec<Arc<Injection>>,
}

/// One fault that holds.
#[derive(Debug)]
pub struct Injection {
    /// Its number, given by who injects.
    pub id: u32,
    /// What it does.
    pub fault: TlsFault,
    /// The version of the faults that brought it: no two injections have the same.
    pub since: u64,
    pub(crate) tally: Tally,
}

/// At most so many faults hold at once: a connection looks at all of them.
pub const MOST: usize = 64;

/// Why a fault cannot hold beside those that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultsError {
    /// The number is in use.
    #[error("injection {0} holds already; heal it first or use another number")]
    Taken(u32),
    /// There are too many.
    #[error("{MOST} faults hold already, which is the most; heal one first")]
    Full,
}

// === impl Faults ===

impl Faults {
    /// Grows with every change; two sets with the same version are the same.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The same faults and one more.
    ///
    /// # Errors
    /// If the number is in use, or [`MOST`] faults hold already.
    pub fn with(&self, id: u32, fault: TlsFault) -> Result<Self, FaultsError> {
        if self.iter().any(|injection| injection.id == id) {
            return Err(FaultsError::Taken(id));
        }
        if self.injections.len() >= MOST {
            return Err(FaultsError::Full);
        }
        let version = self.version + 1;
        let mut injections = self.injections.clone();
        injections.push(Arc::new(Injection { id, fault, since: version, tally: Tally::default() }));
        Ok(Self { version, injections })
    }

    /// The same faults without one, and that one; `None` if it is not among them.
    #[must_use]
    pub fn without(&self, id: u32) -> Option<(Self, Arc<Injection>)> {
        let index = self.injections.iter().position(|injection| injection.id == id)?;
        let mut injections = self.injections.clone();
        let gone = injections.remove(index);
        Some((Self { version: self.version + 1, injections }, gone))
    }

    /// Whether this very injection still holds, and not another one under its number.
    #[must_use]
    pub fn holds(&self, injection: &Injection) -> bool {
        self.iter().any(|other| other.since == injection.since)
    }

    /// All of them, in the order of their injection.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Injection>> {
        self.injections.iter()
    }

    /// What these faults do to a connection, by its place in the order of acceptance (from 0). The same faults, seed and
    /// place always give the same fate, whatever was asked before.
    #[must_use]
    pub fn fate(&self, streams: Streams, ordinal: u64) -> Fate {
        let mut fate = Fate::default();
        for injection in self.iter().filter(|injection| injection.hits(streams, ordinal)) {
            fate.add(injection);
        }
        fate
    }
}

// === impl Injection ===

impl Injection {
    /// Whether it hits a connection. Each injection and connection has a stream of its own: neither other faults nor
    /// other connections move what is drawn.
    fn hits(&self, streams: Streams, ordinal: u64) -> bool {
        let probability = self.fault.probability().value();
        // What hits all needs no dice, and a stream costs more than a look.
        probability >= 1.0
            || streams.stream(&format!("tls/{}/connection/{ordinal}", self.id)).chance(probability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_scenarios::units::Ratio;

    fn cap(percent: f64) -> TlsFault {
        TlsFault::VersionCap { probability: Ratio::new(percent / 100.0).unwrap() }
    }

    fn hit(id: u32, seed: u64) -> String {
        let faults = Faults::default().with(id, cap(50.0)).unwrap();
        let hit = |ordinal| faults.fate(Streams::new(seed), ordinal).capped.is_some();
        (0..24).map(|ordinal| if hit(ordinal) { 'x' } else { '.' }).collect()
    }

    #[test]
    fn a_number_is_used_once_at_a_time_and_there_is_a_most() {
        let faults = Faults::default().with(3, cap(1.0)).unwrap();
        assert_eq!(faults.with(3, cap(2.0)).unwrap_err(), FaultsError::Taken(3));
        let (without, gone) = faults.without(3).unwrap();
        assert!(without.with(3, cap(1.0)).is_ok_and(|again| !again.holds(&gone)));
        assert!(without.without(3).is_none());
        let full = (0..64).fold(Faults::default(), |faults, id| faults.with(id, cap(1.0)).unwrap());
        assert_eq!(full.with(64, cap(1.0)).unwrap_err(), FaultsError::Full);
    }

    // Computed by a second implementation in another language, not copied from the output of this one.
    const GOLDEN: &str = "..xxxxx.xxxx.x.x..xx.x.x";

    #[test]
    fn a_seed_an_injection_and_a_place_have_one_fate_for_ever() {
        assert_eq!(hit(1, 42), GOLDEN);
        assert_ne!(hit(2, 42), GOLDEN);
        assert_ne!(hit(1, 43), GOLDEN);
    }

    #[test]
    fn another_fault_does_not_move_who_is_hit() {
        let stall = TlsFault::HandshakeStall { length: None, probability: Ratio::new(0.5).unwrap() };
        let alone = Faults::default().with(1, cap(50.0)).unwrap();
        let both = Faults::default().with(9, stall).unwrap().with(1, cap(50.0)).unwrap();
        for ordinal in 0..100 {
            let of = |faults: &Faults| faults.fate(Streams::new(7), ordinal).capped.is_some();
            assert_eq!(of(&alone), of(&both));
        }
    }

    #[test]
    fn the_share_that_is_hit_is_the_share_that_was_asked_for() {
        let faults = Faults::default().with(1, cap(20.0)).unwrap();
        let hit =
            (0..10_000).filter(|ordinal| faults.fate(Streams::new(1), *ordinal).capped.is_some()).count();
        assert!((1_800..2_200).contains(&hit), "{hit}");
    }
}
