//! Faults: what is broken, when, and for how long.

use serde::{Deserialize, Serialize};

use crate::target::{Amount, Way};
use crate::units::{Bandwidth, Ratio, Span};

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
    /// Every chunk of bytes is delivered `delay` ± up to `jitter` later; order is kept.
    Latency {
        /// The link.
        link: String,
        /// The mean delay.
        delay: Span,
        /// Drawn evenly from -jitter to +jitter, once a chunk; at most `delay`.
        jitter: Span,
        /// Which way.
        way: Way,
    },
    /// Bytes are taken and lost; connections that lost some are reset when it heals.
    Blackhole {
        /// The link.
        link: String,
        /// Which way.
        way: Way,
    },
    /// Bytes stop, with back-pressure, and go on when it heals, as in a network that is cut and joined again.
    /// New connections are accepted but get nowhere.
    Partition {
        /// The link.
        link: String,
        /// Which way.
        way: Way,
    },
    /// Connections are reset (RST): the open ones at once, new ones as soon as they are accepted.
    Reset {
        /// The link.
        link: String,
    },
    /// New connections are refused; open ones stay.
    Refuse {
        /// The link.
        link: String,
    },
    /// Each connection passes at most so many bytes a second.
    Bandwidth {
        /// The link.
        link: String,
        /// The limit for each connection and way.
        rate: Bandwidth,
        /// Which way.
        way: Way,
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

/// What a fault acts on, for the rule that exclusive faults on one thing must not overlap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope<'a> {
    /// A link, by name.
    Link(&'a str),
    /// A target's processes, by name.
    Target(&'a str),
    /// The host itself.
    Host,
}

// === impl Act ===

impl Act {
    /// The names of all acts, as they stand in a file.
    pub const KINDS: [&'static str; 11] = [
        "Latency",
        "Blackhole",
        "Partition",
        "Reset",
        "Refuse",
        "Bandwidth",
        "Kill",
        "Stop",
        "Restart",
        "CpuPressure",
        "MemoryPressure",
    ];

    /// The name of this act, one of [`Act::KINDS`].
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "Latency",
            Self::Blackhole { .. } => "Blackhole",
            Self::Partition { .. } => "Partition",
            Self::Reset { .. } => "Reset",
            Self::Refuse { .. } => "Refuse",
            Self::Bandwidth { .. } => "Bandwidth",
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
            Self::Latency { link, .. }
            | Self::Blackhole { link, .. }
            | Self::Partition { link, .. }
            | Self::Reset { link }
            | Self::Refuse { link }
            | Self::Bandwidth { link, .. } => Scope::Link(link),
            Self::Kill { target } | Self::Stop { target } | Self::Restart { target } => Scope::Target(target),
            Self::CpuPressure { .. } | Self::MemoryPressure { .. } => Scope::Host,
        }
    }

    /// Whether it is over as soon as it is done: it takes no `hold`.
    #[must_use]
    pub const fn is_instant(&self) -> bool {
        matches!(self, Self::Kill { .. } | Self::Restart { .. })
    }

    /// Whether two acts must not hold at the same time: the same kind on the same thing (two latencies on one link), or
    /// two acts on one target's processes. Acts of different kinds on one link do mix.
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        let same_scope = self.scope() == other.scope();
        same_scope && (self.kind() == other.kind() || matches!(self.scope(), Scope::Target(_)))
    }
}
