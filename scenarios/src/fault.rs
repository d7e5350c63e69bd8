//! Faults: what is broken, when, and for how long.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::protocol::Protocol;
use crate::target::{Amount, Way};
use crate::toxic::{Aim, Toxic};
use crate::units::{Ratio, Span};

/// One line of the experiment's `faults`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Name for people, unique among the faults.
    pub name: String,
    /// First injection, counted from the start of the chaos phase.
    pub at: Span,
    /// How long it holds; zero for acts that have no length of their own (`Kill`, `Restart`).
    pub hold: Span,
    /// Period of the repetitions, start to start; `None`: once.
    pub every: Option<Span>,
    /// How often at the most; `None` with `every`: as often as fits the chaos phase.
    pub repeat: Option<u32>,
    /// Each start is moved by a time drawn evenly from 0 to this.
    pub jitter: Span,
    /// What is done.
    pub act: Act,
}

/// What a fault does. In a file it stands after `do:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Act {
    /// The connections of a link are broken.
    Toxic {
        /// The link.
        link: String,
        /// How.
        toxic: Toxic,
        /// Which of them, and which way.
        aim: Aim,
    },
    /// Two groups are cut from each other: every link that leads from a member of one to a member of the other.
    Split {
        /// The groups: names of targets, and of those who stand on the client's side of links.
        between: Groups,
        /// Which way.
        way: GroupWay,
    },
    /// What a link's protocol says is broken.
    Protocol {
        /// The link.
        link: String,
        /// The protocol that the fault is about.
        protocol: Protocol,
        /// The fault in that protocol's own words.
        fault: Value,
    },
    /// The target's process tree gets SIGKILL. Whether it comes back is up to its restart policy.
    Kill {
        /// The target: a process.
        target: String,
    },
    /// The target's process tree gets SIGSTOP, and SIGCONT when it heals.
    Stop {
        /// The target: a process or an attached pid.
        target: String,
    },
    /// The target gets SIGTERM, after its grace SIGKILL, and is started again.
    Restart {
        /// The target: a process.
        target: String,
    },
    /// Threads that keep cores busy.
    CpuPressure {
        /// How many threads, 1 to 1,024.
        workers: u32,
        /// Busy share of each worker's core, above 0 to 100 %.
        load: Ratio,
    },
    /// Memory taken and touched, so that it is really there.
    MemoryPressure {
        /// How much.
        amount: Amount,
        /// Time until all of it is taken; it grows in a straight line.
        ramp: Span,
    },
}

/// Two groups of names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    /// One of them.
    pub first: Vec<String>,
    /// The other one.
    pub second: Vec<String>,
}

/// Which way two groups are cut from each other. It is about bytes, not about who connects to whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupWay {
    /// Neither hears of the other.
    #[default]
    Both,
    /// The second hears nothing of the first.
    FirstToSecond,
    /// The first hears nothing of the second.
    SecondToFirst,
}

/// What a fault acts on, for the rule that exclusive faults on one thing must not overlap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope<'a> {
    /// A link, by name.
    Link(&'a str),
    /// A target's processes, by name.
    Target(&'a str),
    /// All links between two groups.
    Groups(&'a Groups),
    /// The host itself.
    Host,
}

// === impl Act ===

impl Act {
    /// The names of all acts that are not done to links, as they stand in a file.
    pub const OTHER_KINDS: [&'static str; 5] = ["Kill", "Stop", "Restart", "CpuPressure", "MemoryPressure"];

    /// The names of all acts, as they stand in a file: those of the toxics, of protocols, and the others.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        Toxic::KINDS.into_iter().chain(Protocol::ALL.map(Protocol::act)).chain(Self::OTHER_KINDS)
    }

    /// The name of this act, one of [`Act::kinds`].
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Toxic { toxic, .. } => toxic.kind(),
            Self::Split { .. } => "Partition",
            Self::Protocol { protocol, .. } => protocol.act(),
            Self::Kill { .. } => "Kill",
            Self::Stop { .. } => "Stop",
            Self::Restart { .. } => "Restart",
            Self::CpuPressure { .. } => "CpuPressure",
            Self::MemoryPressure { .. } => "MemoryPressure",
        }
    }

    /// What it acts on.
    #[must_use]
    pub fn scope(&self) -> Scope<'_> {
        match self {
            Self::Toxic { link, .. } | Self::Protocol { link, .. } => Scope::Link(link),
            Self::Split { between, .. } => Scope::Groups(between),
            Self::Kill { target } | Self::Stop { target } | Self::Restart { target } => Scope::Target(target),
            Self::CpuPressure { .. } | Self::MemoryPressure { .. } => Scope::Host,
        }
    }

    /// Whether it is over as soon as it is done: it takes no `hold`.
    #[must_use]
    pub const fn is_instant(&self) -> bool {
        matches!(self, Self::Kill { .. } | Self::Restart { .. })
    }

    /// Whether two acts must not hold at the same time: the same kind on the same thing (two latencies on one way of a
    /// link), or two acts on one target's processes. Acts of different kinds on one link do mix, and so do those of
    /// protocols: each chooses requests, frames or datagrams of its own.
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        let same_scope = self.scope() == other.scope();
        let meet = match (self, other) {
            (Self::Toxic { aim, .. }, Self::Toxic { aim: others, .. }) => aim.way.meets(others.way),
            (Self::Split { way, .. }, Self::Split { way: others, .. }) => way.meets(*others),
            (Self::Protocol { .. }, Self::Protocol { .. }) => false,
            _ => true,
        };
        same_scope && meet && (self.kind() == other.kind() || matches!(self.scope(), Scope::Target(_)))
    }
}

// === impl GroupWay ===

impl GroupWay {
    /// Whether there is a way that both mean.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        !matches!(
            (self, other),
            (Self::FirstToSecond, Self::SecondToFirst) | (Self::SecondToFirst, Self::FirstToSecond)
        )
    }

    /// Which way of a link is cut whose clients are in the first group, or else in the second.
    #[must_use]
    pub const fn of_link(self, from_first: bool) -> Way {
        match (self, from_first) {
            (Self::Both, _) => Way::Both,
            (Self::FirstToSecond, true) | (Self::SecondToFirst, false) => Way::Upstream,
            (Self::FirstToSecond, false) | (Self::SecondToFirst, true) => Way::Downstream,
        }
    }
}

// === impl Groups ===

impl Groups {
    /// Whether clients of a link from one to the other would be in the first group; `None` where no link between the two
    /// groups goes like that.
    #[must_use]
    pub fn crossed(&self, from: &String, to: &String) -> Option<bool> {
        match (self.first.contains(from), self.second.contains(to)) {
            (true, true) => Some(true),
            _ => (self.second.contains(from) && self.first.contains(to)).then_some(false),
        }
    }
}
