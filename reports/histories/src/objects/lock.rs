//! A lock: acquire, release, by whoever it may be.

use crate::object::{Discipline, Force, Object, Sign};

/// The sign of an acquire.
pub const ACQUIRE: Sign = 0;
/// The sign of a release.
pub const RELEASE: Sign = 1;

/// A lock.
#[derive(Clone, Debug)]
pub struct Lock {
    /// `None` is not known.
    pub held: Option<bool>,
}

impl Object for Lock {
    type Undo = Option<bool>;

    const DISCIPLINE: Discipline = Discipline::Any;

    fn force(&self, _sign: Sign) -> Force {
        Force::Depends
    }

    fn holds(&self, _sign: Sign) -> bool {
        false
    }

    fn step(&mut self, sign: Sign) -> Option<Option<bool>> {
        let acquires = sign == ACQUIRE;
        if self.held == Some(acquires) {
            return None;
        }
        Some(self.held.replace(acquires))
    }

    fn undo(&mut self, undo: Option<bool>) {
        self.held = undo;
    }

    fn fingerprint(&self) -> u64 {
        self.held.map_or(2, u64::from)
    }

    fn is_unknown(&self) -> bool {
        self.held.is_none()
    }
}
