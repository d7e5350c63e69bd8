//! One fault on one way of one session: what it remembers, and what it decides.

use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::units::{Ratio, Span};

use super::fate::{Datagram, Fate};
use super::fault::{Distribution, UdpFault};
use crate::normal;

/// What a fault remembers from one datagram to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Whether losses are in their bad state.
    bad: bool,
    /// Datagrams since the last one that was held back.
    since_reordered: u32,
    /// How far the last delay strayed from its middle, nanoseconds.
    strayed: Option<i64>,
}

// === impl UdpFault ===

impl UdpFault {
    /// The fate of a datagram under this fault alone. Chance is drawn only where there is something to draw.
    ///
    /// ```
    /// use shakedown_datagram_faults::udp::{Datagram, Fate, State, UdpFault};
    /// use shakedown_faults::toxic::Direction;
    /// use shakedown_scenarios::seed::Streams;
    /// use shakedown_scenarios::target::Way;
    ///
    /// let fault = UdpFault::Mtu { bytes: 1_200, direction: Way::Upstream };
    /// let mut chance = Streams::new(42).stream("docs");
    /// let mut decide = |len, direction| {
    ///     fault.decide(Datagram { len, direction }, &mut State::default(), &mut chance)
    /// };
    /// assert_eq!(decide(1_201, Direction::Upstream), Fate::Drop);
    /// assert_eq!(decide(1_200, Direction::Upstream), Fate::Pass);
    /// assert_eq!(decide(9_000, Direction::Downstream), Fate::Pass);
    /// ```
    #[must_use]
    pub fn decide(&self, datagram: Datagram, state: &mut State, chance: &mut Chance) -> Fate {
        if !self.touches(datagram.direction) {
            return Fate::Pass;
        }
        match *self {
            Self::Loss { probability, .. } => when(chance.chance(probability.value()), Fate::Drop),
            Self::BurstLoss { p, r, bad_loss, good_loss, .. } => {
                let back = r.map_or(1.0 - p.value(), Ratio::value);
                let losses = [good_loss.value(), bad_loss.value()];
                when(state.is_lost_in_burst([p.value(), back], losses, chance), Fate::Drop)
            }
            Self::Duplicate { probability, copies, .. } => {
                when(chance.chance(probability.value()), Fate::Copies(copies))
            }
            Self::Reorder { probability, gap, datagrams, time, .. } => {
                let chosen = state.is_reordered(gap, probability, chance);
                when(chosen, Fate::Behind { datagrams, time })
            }
            Self::Delay { delay, jitter, distribution, correlation, .. } => {
                Fate::Delay(state.delay(delay, jitter, (distribution, correlation), chance))
            }
            Self::Corrupt { probability, bits, .. } => corrupted(datagram.len, probability, bits, chance),
            Self::Mtu { bytes, .. } => when(datagram.len > bytes as usize, Fate::Drop),
            Self::Blackhole { .. } => Fate::Drop,
        }
    }
}

fn when(happens: bool, fate: Fate) -> Fate {
    if happens { fate } else { Fate::Pass }
}

fn corrupted(len: usize, probability: Ratio, bits: u16, chance: &mut Chance) -> Fate {
    if len == 0 || !chance.chance(probability.value()) {
        return Fate::Pass;
    }
    // No datagram is longer than 65,535 bytes.
    let all = u32::try_from(len).unwrap_or(u32::MAX / 8).min(u32::MAX / 8) * 8;
    Fate::Flip(chosen(u32::from(bits).min(all), all, chance))
}

/// So many different numbers below `all`, by Floyd's method (Bentley and Floyd, "A Sample of Brilliance", 1987): one
/// draw for each, however few there are to choose from.
fn chosen(count: u32, all: u32, chance: &mut Chance) -> Vec<u32> {
    let mut taken = Vec::with_capacity(count as usize);
    for last in all - count..all {
        let drawn = u32::try_from(chance.below(u64::from(last) + 1)).unwrap_or(last);
        let free = if taken.contains(&drawn) { last } else { drawn };
        taken.push(free);
    }
    taken
}

// === impl State ===

impl State {
    /// One step of the Gilbert-Elliott model; two draws, whatever comes of them. `moves` and `losses` are those of the
    /// good state, then those of the bad one.
    fn is_lost_in_burst(&mut self, moves: [f64; 2], losses: [f64; 2], chance: &mut Chance) -> bool {
        let lost = chance.chance(losses[usize::from(self.bad)]);
        self.bad ^= chance.chance(moves[usize::from(self.bad)]);
        lost
    }

    fn is_reordered(&mut self, gap: u32, probability: Ratio, chance: &mut Chance) -> bool {
        self.since_reordered = self.since_reordered.saturating_add(1);
        let chosen = self.since_reordered >= gap && chance.chance(probability.value());
        if chosen {
            self.since_reordered = 0;
        }
        chosen
    }

    fn delay(&mut self, middle: Span, spread: Span, how: (Distribution, Ratio), chance: &mut Chance) -> Span {
        if spread.is_zero() {
            return middle;
        }
        let (distribution, correlation) = (how.0, how.1.value());
        let again = self.strayed.filter(|_| correlation > 0.0 && chance.chance(correlation));
        let strayed = again.unwrap_or_else(|| stray(spread, distribution, chance));
        self.strayed = Some(strayed);
        let size = Span::nanos(strayed.unsigned_abs());
        if strayed < 0 { middle.minus(size) } else { middle.plus(size) }
    }
}

/// How far a delay strays, nanoseconds.
fn stray(spread: Span, distribution: Distribution, chance: &mut Chance) -> i64 {
    match distribution {
        Distribution::Uniform => {
            let drawn = chance.between(Span::ZERO, spread.plus(spread)).as_nanos();
            i64::try_from(i128::from(drawn) - i128::from(spread.as_nanos())).unwrap_or(i64::MAX)
        }
        // The cast saturates.
        Distribution::Normal => (normal::standard(chance) * spread.as_nanos() as f64).round() as i64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shakedown_faults::toxic::Direction;
    use shakedown_scenarios::seed::Streams;
    use shakedown_scenarios::target::Way;

    const WAY: Way = Way::Both;

    fn ratio(value: f64) -> Ratio {
        Ratio::new(value).unwrap()
    }

    /// What becomes of so many datagrams of 100 bytes.
    fn fates(fault: UdpFault, count: usize) -> Vec<Fate> {
        let (mut state, mut chance) = (State::default(), Streams::new(5).stream("stage"));
        let datagram = Datagram { len: 100, direction: Direction::Upstream };
        (0..count).map(|_| fault.decide(datagram, &mut state, &mut chance)).collect()
    }

    fn delays(distribution: Distribution, correlation: f64, count: usize) -> Vec<u64> {
        let fault = UdpFault::Delay {
            delay: Span::millis(100),
            jitter: Span::millis(10),
            distribution,
            correlation: ratio(correlation),
            direction: WAY,
        };
        let nanos = |fate| match fate {
            Fate::Delay(span) => span.as_nanos(),
            other => panic!("{other:?}"),
        };
        fates(fault, count).into_iter().map(nanos).collect()
    }

    fn share_lost(fates: &[Fate]) -> f64 {
        fates.iter().filter(|fate| **fate == Fate::Drop).count() as f64 / fates.len() as f64
    }

    #[test]
    fn losses_are_as_many_as_asked_for() {
        for probability in [0.0, 0.01, 0.5, 1.0] {
            let fault = UdpFault::Loss { probability: ratio(probability), direction: WAY };
            let share = share_lost(&fates(fault, 50_000));
            assert!((share - probability).abs() < 0.008, "{probability}: {share}");
        }
    }

    /// In the long run the bad state holds for p/(p+r) of all datagrams, and stays for 1/r of them at a time.
    #[test]
    fn bursts_have_the_share_and_the_length_of_the_model() {
        let fault = UdpFault::BurstLoss {
            p: ratio(0.02),
            r: Some(ratio(0.25)),
            bad_loss: ratio(1.0),
            good_loss: ratio(0.0),
            direction: WAY,
        };
        let fates = fates(fault, 200_000);
        let share = share_lost(&fates);
        assert!((share - 0.02 / 0.27).abs() < 0.004, "{share}");
        let bursts = fates.windows(2).filter(|pair| pair[0] != Fate::Drop && pair[1] == Fate::Drop).count();
        let length = share * fates.len() as f64 / bursts as f64;
        assert!((3.8..4.2).contains(&length), "{length}");
    }

    #[test]
    fn both_states_lose_at_their_own_rate() {
        let fault = UdpFault::BurstLoss {
            p: ratio(0.1),
            r: Some(ratio(0.3)),
            bad_loss: ratio(0.5),
            good_loss: ratio(0.04),
            direction: WAY,
        };
        let share = share_lost(&fates(fault, 200_000));
        assert!((share - (0.25 * 0.5 + 0.75 * 0.04)).abs() < 0.005, "{share}");
    }

    /// With its defaults the model is a coin that is thrown for each datagram.
    #[test]
    fn p_alone_is_plain_loss() {
        let fault = UdpFault::BurstLoss {
            p: ratio(0.3),
            r: None,
            bad_loss: ratio(1.0),
            good_loss: ratio(0.0),
            direction: WAY,
        };
        let fates = fates(fault, 100_000);
        let pairs = fates.windows(2).filter(|pair| pair[0] == Fate::Drop && pair[1] == Fate::Drop).count();
        assert!((share_lost(&fates) - 0.3).abs() < 0.008);
        assert!((pairs as f64 / 1e5 - 0.09).abs() < 0.006, "{pairs}");
    }

    #[test]
    fn a_gap_keeps_chosen_datagrams_apart() {
        let fault = |probability, gap| UdpFault::Reorder {
            probability: ratio(probability),
            gap,
            datagrams: 1,
            time: Span::millis(1),
            direction: WAY,
        };
        let places = |fault| -> Vec<usize> {
            let fates = fates(fault, 1_000).into_iter().enumerate();
            fates.filter(|(_, fate)| *fate != Fate::Pass).map(|(place, _)| place).collect()
        };
        assert_eq!(places(fault(1.0, 5)), (0..200).map(|n| n * 5 + 4).collect::<Vec<_>>());
        assert_eq!(places(fault(1.0, 1)).len(), 1_000);
        let now_and_then = places(fault(0.25, 5));
        assert!(now_and_then.windows(2).all(|pair| pair[1] - pair[0] >= 5));
        // The gap, and three more on average until the coin falls.
        assert!((110..140).contains(&now_and_then.len()), "{}", now_and_then.len());
    }

    #[test]
    fn delays_stray_as_their_distribution_says() {
        let even = delays(Distribution::Uniform, 0.0, 20_000);
        assert!(even.iter().all(|nanos| (90_000_000..=110_000_000).contains(nanos)));
        let below = even.iter().filter(|nanos| **nanos < 95_000_000).count();
        assert!((4_750..5_250).contains(&below), "{below}");
        let bell = delays(Distribution::Normal, 0.0, 20_000);
        let within = bell.iter().filter(|nanos| (90_000_000..=110_000_000).contains(*nanos)).count();
        assert!((13_350..13_950).contains(&within), "{within}");
    }

    #[test]
    fn correlation_repeats_and_keeps_the_distribution() {
        let delays = delays(Distribution::Uniform, 0.75, 40_000);
        let repeats = delays.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!((29_500..30_500).contains(&repeats), "{repeats}");
        let below = delays.iter().filter(|nanos| **nanos < 95_000_000).count();
        assert!((9_300..10_700).contains(&below), "{below}");
    }

    #[test]
    fn a_bell_never_reaches_below_no_delay() {
        let fault = UdpFault::Delay {
            delay: Span::millis(1),
            jitter: Span::millis(10),
            distribution: Distribution::Normal,
            correlation: ratio(0.0),
            direction: WAY,
        };
        let none = fates(fault, 10_000).iter().filter(|fate| **fate == Fate::Delay(Span::ZERO)).count();
        assert!((4_400..4_800).contains(&none), "{none}");
    }

    #[test]
    fn nothing_is_drawn_where_there_is_nothing_to_draw() {
        let direction = Way::Upstream;
        let quiet = [
            UdpFault::Mtu { bytes: 10, direction },
            UdpFault::Blackhole { direction },
            UdpFault::Delay {
                delay: Span::millis(1),
                jitter: Span::ZERO,
                distribution: Distribution::Normal,
                correlation: ratio(1.0),
                direction,
            },
            UdpFault::Loss { probability: ratio(1.0), direction: Way::Downstream },
        ];
        let mut chance = Streams::new(5).stream("quiet");
        for fault in quiet {
            let _ = fault.decide(
                Datagram { len: 11, direction: Direction::Upstream },
                &mut State::default(),
                &mut chance,
            );
        }
        assert_eq!(chance.u64(), Streams::new(5).stream("quiet").u64());
    }

    proptest! {
        /// The bits are as many as asked for, differ, and lie within the datagram.
        #[test]
        fn flipped_bits_differ_and_lie_within(len in 0usize..2_000, bits in 1u16..=64, seed: u64) {
            let mut chance = Streams::new(seed).stream("bits");
            let fate = corrupted(len, ratio(1.0), bits, &mut chance);
            let flips = match fate { Fate::Flip(flips) => flips, _ => Vec::new() };
            prop_assert_eq!(flips.len(), usize::from(bits).min(len * 8));
            let different: std::collections::BTreeSet<u32> = flips.iter().copied().collect();
            prop_assert_eq!(different.len(), flips.len());
            prop_assert!(flips.iter().all(|bit| (*bit as usize) < len * 8));
        }
    }
}
