//! One way of one session under all faults that hold: a datagram goes in, what comes of it comes out.

use shakedown_faults::toxic::Direction;
use shakedown_scenarios::seed::{Chance, Streams};

use super::evidence::UdpTally;
use super::fate::{Datagram, Fate, Journey, Wait};
use super::fault::UdpFault;
use super::stage::State;
use crate::injections::{Holding, Rule};

/// The faults that hold on a UDP proxy.
pub type UdpHolding = Holding<UdpFault, UdpTally>;

/// One fault that holds on a UDP proxy.
pub type UdpRule = Rule<UdpFault, UdpTally>;

/// At most so many copies come of one datagram, however many faults make some.
pub const MOST_JOURNEYS: usize = 64;

/// One way of one session.
///
/// What it draws never depends on how many other sessions there are, nor on time: its stream's name holds the session's
/// number, in the order in which clients first showed up, and its way. So the same seed and the same order of datagrams
/// give the same fates.
///
/// ```
/// use shakedown_datagram_faults::udp::{Flow, UdpFault, UdpHolding};
/// use shakedown_faults::toxic::Direction;
/// use shakedown_scenarios::{seed::Streams, target::Way, units::Ratio};
///
/// let half = Ratio::new(0.5).expect("a ratio");
/// let holding = UdpHolding::default().with(1, UdpFault::Loss { probability: half, direction: Way::Both })?;
/// let fates = || {
///     let mut flow = Flow::new(Streams::new(42), 0, Direction::Upstream);
///     flow.follow(&holding);
///     let mut journeys = Vec::new();
///     [(); 20].map(|()| {
///         flow.decide(100, &mut journeys);
///         journeys.len()
///     })
/// };
/// assert_eq!(fates(), fates());
/// # Ok::<(), shakedown_datagram_faults::injections::InjectError>(())
/// ```
#[derive(Debug)]
pub struct Flow {
    direction: Direction,
    chance: Chance,
    version: u64,
    stages: Vec<Stage>,
}

#[derive(Debug)]
struct Stage {
    rule: UdpRule,
    state: State,
}

// === impl Flow ===

impl Flow {
    /// A way that no datagram went yet, by its session's number.
    #[must_use]
    pub fn new(streams: Streams, session: u64, direction: Direction) -> Self {
        let way = match direction {
            Direction::Upstream => "upstream",
            Direction::Downstream => "downstream",
        };
        let chance = streams.stream(&format!("session/{session}/{way}"));
        Self { direction, chance, version: 0, stages: Vec::new() }
    }

    /// Which way.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// The version of the faults that it goes by.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Goes by these faults from now on. What those remember that held before stays.
    pub fn follow(&mut self, holding: &UdpHolding) {
        if self.version == holding.version() {
            return;
        }
        self.version = holding.version();
        let before = std::mem::take(&mut self.stages);
        let remembered =
            |since| before.iter().find(|stage| stage.rule.since == since).map(|stage| stage.state);
        let mine = holding.rules().iter().filter(|rule| rule.fault.touches(self.direction));
        self.stages = mine
            .map(|rule| Stage { rule: rule.clone(), state: remembered(rule.since).unwrap_or_default() })
            .collect();
    }

    /// Decides about a datagram. What `journeys` held is replaced by what comes of it: nothing if it is lost, more than
    /// one if it is doubled. What the faults did is counted.
    pub fn decide(&mut self, len: usize, journeys: &mut Vec<Journey>) {
        journeys.clear();
        journeys.push(Journey::default());
        let datagram = Datagram { len, direction: self.direction };
        for stage in &mut self.stages {
            stage.act(datagram, &mut self.chance, journeys);
        }
    }
}

// === impl Stage ===

impl Stage {
    /// Lets every copy that there is meet this fault.
    fn act(&mut self, datagram: Datagram, chance: &mut Chance, journeys: &mut Vec<Journey>) {
        let (rule, state) = (&self.rule, &mut self.state);
        let mut copies = Vec::new();
        let room = MOST_JOURNEYS - journeys.len();
        journeys.retain_mut(|journey| {
            let fate = rule.fault.decide(datagram, state, chance);
            rule.tally.decided(datagram.len, &fate);
            match fate {
                Fate::Pass => {}
                Fate::Drop => return false,
                Fate::Copies(count) => {
                    let count = usize::from(count).min(room - copies.len());
                    copies.extend(std::iter::repeat_n(journey.clone(), count));
                    rule.tally.copied(count);
                }
                Fate::Delay(time) if time.is_zero() => {}
                Fate::Delay(time) => journey.waits.push(Wait { since: rule.since, time, others: None }),
                Fate::Behind { datagrams, time } => {
                    journey.waits.push(Wait { since: rule.since, time, others: Some(datagrams) });
                }
                Fate::Flip(bits) => journey.flips.extend(bits),
            }
            true
        });
        journeys.append(&mut copies);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_scenarios::target::Way;
    use shakedown_scenarios::units::{Ratio, Span};

    fn ratio(value: f64) -> Ratio {
        Ratio::new(value).unwrap()
    }

    fn duplicate(copies: u8) -> UdpFault {
        UdpFault::Duplicate { probability: ratio(1.0), copies, direction: Way::Both }
    }

    fn delay(delay: Span) -> UdpFault {
        let (distribution, correlation) = (crate::udp::Distribution::Uniform, ratio(0.0));
        UdpFault::Delay { delay, jitter: Span::millis(5), distribution, correlation, direction: Way::Both }
    }

    fn under(faults: &[UdpFault]) -> UdpHolding {
        let ids = 1..;
        faults
            .iter()
            .zip(ids)
            .fold(UdpHolding::default(), |holding, (fault, id)| holding.with(id, *fault).unwrap())
    }

    fn flow(holding: &UdpHolding) -> Flow {
        let mut flow = Flow::new(Streams::new(7), 0, Direction::Upstream);
        flow.follow(holding);
        flow
    }

    fn journeys(holding: &UdpHolding) -> Vec<Journey> {
        let mut journeys = Vec::new();
        flow(holding).decide(100, &mut journeys);
        journeys
    }

    #[test]
    fn without_faults_one_goes_on_at_once() {
        assert_eq!(journeys(&UdpHolding::default()), [Journey::default()]);
    }

    #[test]
    fn copies_meet_later_faults_by_themselves() {
        let apart = journeys(&under(&[duplicate(2), delay(Span::millis(50))]));
        assert_eq!(apart.len(), 3);
        assert!(apart[0] != apart[1] && apart[1] != apart[2]);
        let together = journeys(&under(&[delay(Span::millis(50)), duplicate(2)]));
        assert!(together.len() == 3 && together[0] == together[1] && together[1] == together[2]);
    }

    #[test]
    fn copies_of_copies_are_bounded() {
        let holding = under(&[duplicate(16); 5]);
        assert_eq!(journeys(&holding).len(), MOST_JOURNEYS);
        let copies: u64 = holding.rules().iter().map(|rule| rule.tally.evidence(rule.fault).copies).sum();
        assert_eq!(copies as usize, MOST_JOURNEYS - 1);
    }

    #[test]
    fn a_change_elsewhere_leaves_a_state_alone() {
        let every_fifth = UdpFault::Reorder {
            probability: ratio(1.0),
            gap: 5,
            datagrams: 1,
            time: Span::millis(1),
            direction: Way::Both,
        };
        let before = under(&[every_fifth]);
        let mut flow = flow(&before);
        let mut journeys = Vec::new();
        let mut is_held = |flow: &mut Flow| {
            flow.decide(1, &mut journeys);
            !journeys[0].is_immediate()
        };
        assert!((0..4).all(|_| !is_held(&mut flow)));
        flow.follow(&before.with(9, UdpFault::Mtu { bytes: 1_000, direction: Way::Both }).unwrap());
        assert!(is_held(&mut flow));
    }

    /// All faults together, two sessions, both ways: what was decided once is decided for ever.
    #[test]
    fn safety_13_the_same_seed_and_order_give_the_same_fates_for_ever() {
        let holding = under(&[
            UdpFault::Loss { probability: ratio(0.05), direction: Way::Upstream },
            UdpFault::BurstLoss {
                p: ratio(0.02),
                r: Some(ratio(0.3)),
                bad_loss: ratio(0.9),
                good_loss: ratio(0.01),
                direction: Way::Both,
            },
            UdpFault::Duplicate { probability: ratio(0.1), copies: 2, direction: Way::Downstream },
            UdpFault::Reorder {
                probability: ratio(0.25),
                gap: 4,
                datagrams: 3,
                time: Span::millis(20),
                direction: Way::Both,
            },
            UdpFault::Delay {
                delay: Span::millis(40),
                jitter: Span::millis(10),
                distribution: crate::udp::Distribution::Normal,
                correlation: ratio(0.25),
                direction: Way::Both,
            },
            delay(Span::millis(3)),
            UdpFault::Corrupt { probability: ratio(0.1), bits: 3, direction: Way::Both },
            UdpFault::Mtu { bytes: 1_300, direction: Way::Upstream },
        ]);
        let mut digest = crc32fast::Hasher::new();
        let mut journeys = Vec::new();
        for session in 0..2 {
            for direction in [Direction::Upstream, Direction::Downstream] {
                let mut flow = Flow::new(Streams::new(42), session, direction);
                flow.follow(&holding);
                for number in 0..5_000 {
                    flow.decide(number * 7 % 1_400, &mut journeys);
                    digest.update(spelled(&journeys).as_bytes());
                }
            }
        }
        assert_eq!(digest.finalize(), DIGEST);
    }

    const DIGEST: u32 = 4_162_799_718;

    fn spelled(journeys: &[Journey]) -> String {
        let mut text = String::new();
        for journey in journeys {
            for wait in &journey.waits {
                text += &format!("{}+{}/{:?} ", wait.since, wait.time.as_nanos(), wait.others);
            }
            text += &format!("{:?};", journey.flips);
        }
        text + "\n"
    }
}
