//! Which row of a file is next.
//!
//! Drawn when a request becomes due, as its key is, from a stream of chance of its own: data change neither arrivals nor keys.

use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::workload::feeder::{Feeder, Order};

use crate::client::ClientError;

/// The indexes of a file's rows, in the order in which they are used.
#[derive(Debug)]
pub(crate) struct Rows {
    count: u32,
    next: u32,
    /// Where they are drawn.
    chance: Option<Chance>,
}

// === impl Rows ===

impl Rows {
    /// The rows of a file that was read.
    pub(crate) fn new(feeder: &Feeder, chance: Chance) -> Self {
        let count = u32::try_from(feeder.rows.len()).unwrap_or(u32::MAX).max(1);
        Self { count, next: 0, chance: (feeder.order == Order::Random).then_some(chance) }
    }

    /// The next row.
    pub(crate) fn next(&mut self) -> u32 {
        match &mut self.chance {
            Some(chance) => chance.below(u64::from(self.count)) as u32,
            None => {
                let next = (self.next + 1) % self.count;
                std::mem::replace(&mut self.next, next)
            }
        }
    }
}

/// The names of its columns.
pub(crate) fn names(feeder: &Feeder) -> Vec<&str> {
    feeder.columns.iter().map(String::as_str).collect()
}

/// The fields of a file that was read, by row.
pub(crate) fn table(feeder: &Feeder) -> Result<Vec<Vec<String>>, ClientError> {
    if feeder.rows.is_empty() { Err(ClientError::Rows(feeder.file.clone())) } else { Ok(feeder.rows.clone()) }
}

#[cfg(test)]
mod tests;
