//! Where a toxic's chance comes from: one named stream for each toxic on each way of each connection.
//!
//! What one connection draws never depends on how many others there are, nor on when they read, nor on which other
//! toxics hold: the stream's name is made of the connection's number in the order of acceptance, the way and the toxic.

use std::sync::Arc;

use shakedown_scenarios::seed::{self, Streams};
use shakedown_scenarios::units::Span;

use super::Direction;

/// A stream of chance. It costs next to nothing until something is drawn.
pub struct Chance {
    streams: Streams,
    connection: u64,
    direction: Direction,
    toxic: Arc<str>,
    // Boxed and late: most stages never draw.
    source: Option<Box<seed::Chance>>,
}

impl Chance {
    /// The stream of one toxic on one way of one connection, by the connection's number in the order of acceptance.
    #[must_use]
    pub const fn new(streams: Streams, connection: u64, direction: Direction, toxic: Arc<str>) -> Self {
        Self { streams, connection, direction, toxic, source: None }
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

    /// Whether something of this probability happens. What is certain, either way, is not drawn.
    pub fn happens(&mut self, probability: f64) -> bool {
        match probability {
            certain if certain >= 1.0 => true,
            never if never <= 0.0 => false,
            open => self.source().chance(open),
        }
    }

    /// A whole number drawn evenly from 0 to `bound - 1`; 0 where the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.source().below(bound)
    }

    /// How many independent trials of this probability fail before the first that succeeds; at most `most`.
    pub fn failures(&mut self, probability: f64, most: usize) -> usize {
        if probability >= 1.0 {
            return 0;
        }
        if probability <= 0.0 {
            return most;
        }
        // The inverse of the geometric distribution's function; `1 - unit` is never zero.
        let unit = 1.0 - self.source().unit();
        let failed = libm::floor(libm::log(unit) / libm::log1p(-probability));
        // A float that is too large for the type saturates.
        (failed as usize).min(most)
    }

    /// A standard normal number, by Marsaglia's polar method (1964). The logarithm is that of the `libm` crate and the
    /// square root is exact by IEEE 754, so that every machine draws the same.
    pub fn normal(&mut self) -> f64 {
        loop {
            let x = 2.0 * self.source().unit() - 1.0;
            let y = 2.0 * self.source().unit() - 1.0;
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * libm::log(square) / square).sqrt();
            }
        }
    }

    fn source(&mut self) -> &mut seed::Chance {
        let (streams, toxic) = (self.streams, &self.toxic);
        let (connection, way) = (self.connection, self.direction.word());
        self.source.get_or_insert_with(|| {
            Box::new(streams.stream(&format!("connection/{connection}/{way}/{toxic}")))
        })
    }
}

impl std::fmt::Debug for Chance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chance({}, {:?}, {})", self.connection, self.direction, self.toxic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chance(seed: u64, connection: u64, direction: Direction) -> Chance {
        Chance::new(Streams::new(seed), connection, direction, "slow".into())
    }

    fn draws(seed: u64, connection: u64, direction: Direction) -> [u64; 3] {
        let mut chance = chance(seed, connection, direction);
        [(); 3].map(|()| chance.around(Span::millis(100), Span::millis(20)).as_nanos())
    }

    // Computed by a second implementation in another language, not copied from the output of this one.
    #[test]
    fn a_seed_a_connection_and_a_toxic_draw_the_same_for_ever() {
        assert_eq!(draws(42, 0, Direction::Upstream), [111_903_813, 87_781_460, 104_963_413]);
        assert_eq!(draws(42, 0, Direction::Downstream), [108_937_851, 82_653_934, 81_529_984]);
        assert_eq!(draws(42, 1, Direction::Upstream), [98_712_261, 106_871_165, 107_292_279]);
    }

    #[test]
    fn the_spread_is_used_evenly_and_to_its_ends() {
        let mut chance = chance(1, 1, Direction::Upstream);
        let draws: Vec<u64> =
            (0..10_000).map(|_| chance.around(Span::nanos(10), Span::nanos(2)).as_nanos()).collect();
        for value in 8..=12 {
            let share = draws.iter().filter(|draw| **draw == value).count();
            assert!((1_800..2_200).contains(&share), "{value} came {share} times of 10,000");
        }
    }

    #[test]
    fn normal_numbers_have_their_mean_their_spread_and_their_tails() {
        let mut chance = chance(1, 1, Direction::Upstream);
        let draws: Vec<f64> = (0..100_000).map(|_| chance.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|draw| draw * draw).sum::<f64>() / 1e5;
        let beyond_two = draws.iter().filter(|draw| draw.abs() > 2.0).count();
        assert!(mean.abs() < 0.01 && (0.98..1.02).contains(&variance), "{mean} {variance}");
        // 4.55 % of a normal distribution lie beyond two standard deviations.
        assert!((4_300..4_800).contains(&beyond_two), "{beyond_two}");
    }

    #[test]
    fn failures_before_a_success_are_as_many_as_the_probability_says() {
        let mut chance = chance(1, 1, Direction::Upstream);
        let total: usize = (0..10_000).map(|_| chance.failures(0.1, 1_000)).sum();
        assert!((85_000..95_000).contains(&total), "{total}: nine are expected before each success");
        assert_eq!((chance.failures(1.0, 9), chance.failures(0.0, 9)), (0, 9));
    }

    proptest! {
        #[test]
        fn a_draw_never_leaves_its_range(seed: u64, middle: u64, spread: u64) {
            let mut chance = chance(seed, 0, Direction::Upstream);
            let drawn = chance.around(Span::nanos(middle), Span::nanos(spread)).as_nanos();
            prop_assert!(drawn >= middle.saturating_sub(spread));
            prop_assert!(drawn <= middle.saturating_add(spread));
        }
    }
}
