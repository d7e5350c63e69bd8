//! Toxics: faults on the bytes of a connection, under Toxiproxy's names where it has one.
//!
//! Everything in here decides and nothing in here waits: what a toxic does to a chunk depends on the chunk, on the
//! moment it is told and on the chance it is handed. Read in this order: [`Injection`] (what is asked for),
//! [`Rules`] (all that hold on a link at one moment), [`Stage`] (one toxic on one way of one connection: it decides a
//! [`Chunk`]'s [`Fate`]), [`Pipe`] (one way of one connection under all of them). Sockets and clocks are `proxy`'s.

mod bucket;
mod chance;
mod delay;
mod evidence;
mod pipe;
mod rules;
mod stage;

use shakedown_scenarios::fault::Act;
use shakedown_scenarios::target::Way;

pub use bucket::{Bucket, Shares};
pub use chance::Chance;
pub use delay::{Delay, wave_at};
pub use evidence::{Evidence, Tally};
pub use pipe::{BUFFER, DELAY_BUFFER, End, Met, Next, Over, Pipe};
pub use rules::{Rule, Rules, RulesError};
pub use shakedown_scenarios::toxic::{Aim, Toxic};
pub use stage::{Change, Chunk, Fate, Gate, Stage};

/// A toxic that is to hold on a link, and on which of its connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    /// It names the streams of chance that are drawn for it, so that one toxic never shifts what another draws.
    pub name: String,
    /// What is done.
    pub toxic: Toxic,
    /// To whom.
    pub aim: Aim,
}

/// One of the two ways of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From client to target.
    Upstream,
    /// From target to client.
    Downstream,
}

// === impl Injection ===

impl Injection {
    /// A toxic on all connections of a link, under the name of its kind.
    #[must_use]
    pub fn new(toxic: Toxic, way: Way) -> Self {
        Self { name: toxic.kind().to_owned(), toxic, aim: Aim::at(way) }
    }

    /// What an act does to its link; `None` for acts that are not done to bytes.
    #[must_use]
    pub fn from_act(name: &str, act: &Act) -> Option<Self> {
        let Act::Toxic { toxic, aim, .. } = act else { return None };
        Some(Self { name: name.to_owned(), toxic: toxic.clone(), aim: aim.clone() })
    }
}

// === impl Direction ===

impl Direction {
    /// Both, upstream first.
    pub const BOTH: [Self; 2] = [Self::Upstream, Self::Downstream];

    /// Whether this direction is meant by a way.
    #[must_use]
    pub const fn is_in(self, way: Way) -> bool {
        matches!(
            (self, way),
            (_, Way::Both) | (Self::Upstream, Way::Upstream) | (Self::Downstream, Way::Downstream)
        )
    }

    /// The word for it, as Toxiproxy has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }
}
