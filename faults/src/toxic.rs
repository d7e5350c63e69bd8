//! Toxics: faults on the bytes of a connection, under Toxiproxy's names where it has one.
//!
//! Everything in here decides and nothing in here waits: what a toxic does to a chunk depends on the chunk, on the
//! moment it is told and on the chance it is handed. [`Toxic::decide`] judges one chunk; [`Rules`] are all toxics
//! that hold on a link; a [`Pipe`] is one way of one connection under those rules. Sockets and clocks are `proxy`'s.

mod bucket;
mod chance;
mod evidence;
mod pipe;
mod rules;

use shakedown_scenarios::fault::Act;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::{Bandwidth, Span};

pub use bucket::Bucket;
pub use chance::Chance;
pub use evidence::{Evidence, Tally};
pub use pipe::{BUFFER, DELAY_BUFFER, End, Next, Pipe, Settled};
pub use rules::{Rule, Rules, RulesError};

/// A fault on the bytes of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toxic {
    /// Every chunk is delivered `delay` ± up to `jitter` after it came. Order is kept, and each chunk has a deadline of
    /// its own, so that delays never add up over queued chunks.
    Latency {
        /// The mean delay.
        delay: Span,
        /// Drawn evenly from -jitter to +jitter for each chunk; a sum below zero is no delay.
        jitter: Span,
        /// Which way.
        way: Way,
    },
    /// Bytes are taken and lost, ends of streams too; a connection that lost something is reset when this heals.
    Blackhole {
        /// Which way.
        way: Way,
    },
    /// Bytes stop, with back-pressure, and go on at heal without a byte lost. New connections are accepted but get
    /// nowhere.
    Partition {
        /// Which way.
        way: Way,
    },
    /// Open connections get a RST at once, new ones as soon as they are accepted.
    Reset,
    /// New connections are refused; open ones stay.
    Refuse,
    /// Each connection passes at most so many bytes a second.
    Bandwidth {
        /// The limit for each connection and way; zero stalls.
        rate: Bandwidth,
        /// Which way.
        way: Way,
    },
}

/// One of the two ways of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From client to target.
    Upstream,
    /// From target to client.
    Downstream,
}

/// What is known of some bytes that were just read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// How many bytes; zero for an end of stream.
    pub len: usize,
    /// Which way they go.
    pub direction: Direction,
}

/// What becomes of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on at once.
    Pass,
    /// It goes on so long after it came, behind what came before it.
    Delay(Span),
    /// It goes on no faster than this.
    Pace(Bandwidth),
    /// It waits for the toxic to heal.
    Hold,
    /// It is lost.
    Drop,
    /// Its connection is reset.
    Reset,
}

// === impl Toxic ===

impl Toxic {
    /// The toxic that an act stands for; `None` for acts that are not done to bytes.
    #[must_use]
    pub const fn from_act(act: &Act) -> Option<Self> {
        Some(match act {
            Act::Latency { delay, jitter, way, .. } => {
                Self::Latency { delay: *delay, jitter: *jitter, way: *way }
            }
            Act::Blackhole { way, .. } => Self::Blackhole { way: *way },
            Act::Partition { way, .. } => Self::Partition { way: *way },
            Act::Reset { .. } => Self::Reset,
            Act::Refuse { .. } => Self::Refuse,
            Act::Bandwidth { rate, way, .. } => Self::Bandwidth { rate: *rate, way: *way },
            Act::Kill { .. }
            | Act::Stop { .. }
            | Act::Restart { .. }
            | Act::CpuPressure { .. }
            | Act::MemoryPressure { .. } => return None,
        })
    }

    /// Whether bytes that go this way are touched at all.
    #[must_use]
    pub const fn touches(&self, direction: Direction) -> bool {
        match self {
            Self::Latency { way, .. }
            | Self::Blackhole { way }
            | Self::Partition { way }
            | Self::Bandwidth { way, .. } => direction.is_in(*way),
            Self::Reset => true,
            Self::Refuse => false,
        }
    }

    /// The fate of a chunk under this toxic alone. Chance is drawn only where there is something to draw, so that one
    /// toxic never shifts what another one draws on a different connection.
    #[must_use]
    pub fn decide(&self, chunk: Chunk, chance: &mut Chance) -> Fate {
        if !self.touches(chunk.direction) {
            return Fate::Pass;
        }
        match self {
            Self::Latency { delay, jitter, .. } => Fate::Delay(chance.around(*delay, *jitter)),
            Self::Blackhole { .. } => Fate::Drop,
            Self::Partition { .. } => Fate::Hold,
            Self::Reset => Fate::Reset,
            Self::Refuse => Fate::Pass,
            Self::Bandwidth { rate, .. } => Fate::Pace(*rate),
        }
    }
}

// === impl Direction ===

impl Direction {
    /// Whether this direction is meant by a way.
    #[must_use]
    pub const fn is_in(self, way: Way) -> bool {
        matches!(
            (self, way),
            (_, Way::Both) | (Self::Upstream, Way::Upstream) | (Self::Downstream, Way::Downstream)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_scenarios::seed::Streams;

    const BOTH: [Direction; 2] = [Direction::Upstream, Direction::Downstream];

    fn fates(toxic: Toxic) -> [Fate; 2] {
        let mut chance = Chance::new(Streams::new(7), 0, Direction::Upstream);
        BOTH.map(|direction| toxic.decide(Chunk { len: 10, direction }, &mut chance))
    }

    #[test]
    fn a_toxic_touches_only_its_way() {
        let rate = Bandwidth::bytes_per_second(9);
        let delay = Span::millis(5);
        let way = Way::Upstream;
        let cases = [
            (Toxic::Latency { delay, jitter: Span::ZERO, way }, [Fate::Delay(delay), Fate::Pass]),
            (Toxic::Blackhole { way: Way::Downstream }, [Fate::Pass, Fate::Drop]),
            (Toxic::Blackhole { way: Way::Both }, [Fate::Drop, Fate::Drop]),
            (Toxic::Partition { way }, [Fate::Hold, Fate::Pass]),
            (Toxic::Bandwidth { rate, way }, [Fate::Pace(rate), Fate::Pass]),
            (Toxic::Reset, [Fate::Reset, Fate::Reset]),
            (Toxic::Refuse, [Fate::Pass, Fate::Pass]),
        ];
        for (toxic, expected) in cases {
            assert_eq!(fates(toxic), expected, "{toxic:?}");
        }
    }

    #[test]
    fn every_act_on_a_link_has_a_toxic_and_no_other_has() {
        let link = || "l".to_owned();
        let (target, way) = (|| "t".to_owned(), Way::Both);
        let delay = Span::millis(1);
        let on_links = [
            Act::Latency { link: link(), delay, jitter: Span::ZERO, way },
            Act::Blackhole { link: link(), way },
            Act::Partition { link: link(), way },
            Act::Reset { link: link() },
            Act::Refuse { link: link() },
            Act::Bandwidth { link: link(), rate: Bandwidth::bytes_per_second(1), way },
        ];
        assert!(on_links.iter().all(|act| Toxic::from_act(act).is_some()));
        let elsewhere = [
            Act::Kill { target: target() },
            Act::Stop { target: target() },
            Act::Restart { target: target() },
        ];
        assert!(elsewhere.iter().all(|act| Toxic::from_act(act).is_none()));
    }
}
