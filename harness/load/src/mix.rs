//! Which request of a workload's mix is next, for which key, and with which row of its data.
//!
//! Drawn when a request becomes due, so that what is asked follows from the seed alone and not from how the target
//! answered.

use shakedown_scenarios::seed::Chance;

use crate::rows::Rows;

/// A request that is due: everything there is to know of it while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    /// When it is due, in nanoseconds since the start of the load.
    pub due: u64,
    /// What stands for `{n}`.
    pub key: u64,
    /// Its kind: an index into the mix.
    pub kind: u32,
    /// Its row: an index into the workload's data; 0 where it has none.
    pub row: u32,
}

/// A weighted mix.
#[derive(Debug)]
pub(crate) struct Mix {
    weights: Vec<u32>,
    /// For each kind the bound of its key; `None` where it has no `{n}`, and nothing is drawn.
    keys: Vec<Option<u64>>,
    chance: Chance,
    /// The next kind, where they come in turn.
    turn: Option<usize>,
    /// The rows of the workload's data.
    rows: Option<Rows>,
}

impl Mix {
    /// A mix of kinds, each with its weight and the bound of its key.
    pub(crate) fn new(kinds: impl IntoIterator<Item = (u32, Option<u64>)>, chance: Chance) -> Self {
        let (weights, keys) = kinds.into_iter().unzip();
        Self { weights, keys, chance, turn: None, rows: None }
    }

    /// The same with its kinds in turn, whatever their weights.
    pub(crate) fn in_turn(self) -> Self {
        Self { turn: Some(0), ..self }
    }

    /// How many kinds there are.
    pub(crate) const fn kinds(&self) -> usize {
        self.weights.len()
    }

    /// The same with a row for each request.
    pub(crate) fn with_rows(self, rows: Option<Rows>) -> Self {
        Self { rows, ..self }
    }

    /// The request that is due at this moment.
    pub(crate) fn draw(&mut self, due: u64) -> Ask {
        let kind = match &mut self.turn {
            Some(turn) => std::mem::replace(turn, (*turn + 1) % self.weights.len().max(1)),
            None if self.weights.len() > 1 => self.chance.weighted(&self.weights),
            None => 0,
        };
        let key = self.keys.get(kind).copied().flatten().map_or(0, |bound| self.chance.below(bound));
        let row = self.rows.as_mut().map_or(0, Rows::next);
        Ask { due, key, kind: u32::try_from(kind).unwrap_or(u32::MAX), row }
    }
}

#[cfg(test)]
mod tests {
    use shakedown_scenarios::seed::Streams;
    use shakedown_scenarios::workload::feeder::{Feeder, Order};

    use super::*;

    #[test]
    fn kinds_come_by_weight_and_keys_stay_below_their_bound() {
        let mut mix = Mix::new([(3, Some(10)), (1, None)], Streams::new(1).requests("test"));
        let asks: Vec<Ask> = (0..4_000).map(|due| mix.draw(due)).collect();
        let first = asks.iter().filter(|ask| ask.kind == 0).count();
        assert!((2_850..3_150).contains(&first), "{first}");
        assert!(asks.iter().all(|ask| ask.key < 10 && (ask.kind == 0 || ask.key == 0)));
        assert_eq!(asks.iter().filter(|ask| ask.kind == 0).map(|ask| ask.key).max(), Some(9));
    }

    #[test]
    fn kinds_in_turn_leave_nobody_out() {
        let mut mix =
            Mix::new([(1, Some(9)), (5, None), (0, None)], Streams::new(1).requests("test")).in_turn();
        let kinds: Vec<u32> = (0..7).map(|due| mix.draw(due).kind).collect();
        assert_eq!(kinds, [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn rows_change_nothing_else_that_is_drawn() {
        let streams = Streams::new(3);
        let mix = || Mix::new([(2, Some(100)), (1, None)], streams.requests("test"));
        let rows = vec![vec!["a".to_owned()]; 7];
        let data = Feeder { file: "a.csv".into(), columns: vec!["a".into()], order: Order::Random, rows };
        let (mut plain, mut fed) = (mix(), mix().with_rows(Some(Rows::new(&data, streams.stream("rows")))));
        let asks: Vec<(Ask, Ask)> = (0..200).map(|due| (plain.draw(due), fed.draw(due))).collect();
        assert!(asks.iter().all(|(plain, fed)| Ask { row: 0, ..*fed } == *plain));
        assert_eq!(asks.iter().map(|(_, fed)| fed.row).max(), Some(6));
        assert_eq!(size_of::<Ask>(), 24, "many may wait");
    }

    #[test]
    fn the_same_seed_asks_the_same() {
        let mix = || Mix::new([(1, Some(1_000)), (1, Some(5))], Streams::new(9).requests("test"));
        let (mut one, mut other) = (mix(), mix());
        assert!((0..100).all(|due| one.draw(due) == other.draw(due)));
    }
}
