//! Where a connection's chance comes from: one named stream for each connection and way.
//!
//! What one connection draws never depends on how many others there are, nor on when they read: the stream's name
//! holds the connection's number in the order of acceptance.

use shakedown_scenarios::seed::{self, Streams};
use shakedown_scenarios::units::Span;

use super::Direction;

/// A stream of chance. It costs next to nothing until something is drawn.
pub struct Chance {
    streams: Streams,
    connection: u64,
    direction: Direction,
    // Boxed and late: an idle connection must stay small, and most connections never draw.
    source: Option<Box<seed::Chance>>,
}

impl Chance {
    /// The stream of one way of one connection, by the connection's number in the order of acceptance.
    #[must_use]
    pub const fn new(streams: Streams, connection: u64, direction: Direction) -> Self {
        Self { streams, connection, direction, source: None }
    }

    /// A span drawn evenly from `middle - spread` to `middle + spread`, both ends included; what would be below zero
    /// is zero. Without a spread nothing is drawn.
    pub fn around(&mut self, middle: Span, spread: Span) -> Span {
        if spread.is_zero() {
            return middle;
        }
        let drawn = self.source().between(Span::ZERO, spread.plus(spread));
        middle.plus(drawn).minus(spread)
    }

    fn source(&mut self) -> &mut seed::Chance {
        let name = match self.direction {
            Direction::Upstream => "upstream",
            Direction::Downstream => "downstream",
        };
        let (streams, connection) = (self.streams, self.connection);
        self.source
            .get_or_insert_with(|| Box::new(streams.stream(&format!("connection/{connection}/{name}"))))
    }
}

impl std::fmt::Debug for Chance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chance({}, {:?})", self.connection, self.direction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn draws(seed: u64, connection: u64, direction: Direction) -> [u64; 3] {
        let mut chance = Chance::new(Streams::new(seed), connection, direction);
        [(); 3].map(|()| chance.around(Span::millis(100), Span::millis(20)).as_nanos())
    }

    // Computed by a second implementation in another language, not copied from the output of this one.
    #[test]
    fn a_seed_and_a_connection_draw_the_same_for_ever() {
        assert_eq!(draws(42, 0, Direction::Upstream), [108_345_081, 117_882_501, 112_496_382]);
        assert_eq!(draws(42, 0, Direction::Downstream), [115_744_811, 112_496_907, 86_820_131]);
        assert_eq!(draws(42, 1, Direction::Upstream), [95_367_143, 85_110_067, 113_025_786]);
    }

    #[test]
    fn the_spread_is_used_evenly_and_to_its_ends() {
        let mut chance = Chance::new(Streams::new(1), 1, Direction::Upstream);
        let draws: Vec<u64> =
            (0..10_000).map(|_| chance.around(Span::nanos(10), Span::nanos(2)).as_nanos()).collect();
        for value in 8..=12 {
            let share = draws.iter().filter(|draw| **draw == value).count();
            assert!((1_800..2_200).contains(&share), "{value} came {share} times of 10,000");
        }
    }

    proptest! {
        #[test]
        fn a_draw_never_leaves_its_range(seed: u64, middle: u64, spread: u64) {
            let mut chance = Chance::new(Streams::new(seed), 0, Direction::Upstream);
            let drawn = chance.around(Span::nanos(middle), Span::nanos(spread)).as_nanos();
            prop_assert!(drawn >= middle.saturating_sub(spread));
            prop_assert!(drawn <= middle.saturating_add(spread));
        }
    }
}
