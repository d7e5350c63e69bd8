//! Gates: thresholds on what was measured; the verdict stands on them.

use serde::{Deserialize, Serialize};

use crate::experiment::Phase;
use crate::units::{Rate, Ratio, Span};

/// One threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Gate {
    /// A latency quantile of a workload is below a limit.
    Latency {
        /// Which quantile.
        quantile: Quantile,
        /// The workload.
        of: String,
        /// The limit; equal is not below.
        below: Span,
        /// Over which time.
        over: Window,
    },
    /// Errors ÷ completed requests of a workload is below a limit.
    ErrorRatio {
        /// The workload.
        of: String,
        /// The limit.
        below: Ratio,
        /// Over which time.
        over: Window,
    },
    /// Right answers a second of a workload are above a limit.
    Throughput {
        /// The workload.
        of: String,
        /// The limit.
        above: Rate,
        /// Over which time.
        over: Window,
    },
    /// The largest sampled value of a target's resource is below a limit.
    Resource {
        /// Which resource.
        resource: Resource,
        /// The target.
        of: String,
        /// The limit: bytes for memory, a count for fds, threads, sockets; cores for CPU.
        below: f64,
        /// Over which time.
        over: Window,
    },
    /// Every fault's recovery time is below a limit.
    RecoveryTime {
        /// The limit.
        below: Span,
    },
    /// Nothing of these leaks in a target.
    NoLeak {
        /// The target.
        of: String,
        /// Which resources are checked. Left out: all that the kernel tells, and what the target exports, if it does.
        resources: Vec<LeakResource>,
    },
}

/// A latency quantile. In a file: `P50`, `P95`, `P99`, `P999`, `Max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Quantile {
    /// The median.
    P50,
    /// 95 %.
    P95,
    /// 99 %.
    P99,
    /// 99.9 %.
    P999,
    /// The largest.
    Max,
}

/// A resource of a target's process tree. In a file: `Rss`, `Pss`, `Anonymous`, `Fds`, `Sockets`, `Threads`, `Cpu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Resource {
    /// Resident memory, bytes.
    Rss,
    /// Proportional share of resident memory, bytes.
    Pss,
    /// Anonymous memory, bytes.
    Anonymous,
    /// Open file descriptors.
    Fds,
    /// Open sockets.
    Sockets,
    /// Threads.
    Threads,
    /// Cores in use.
    Cpu,
}

/// What the leak check looks at. In a file: the names as they are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LeakResource {
    /// Anonymous memory and swap.
    Memory,
    /// Resident memory: with files and shared memory that are mapped. Looked at always, and asked for only by name: the
    /// kernel keeps pages of files for as long as nobody needs them.
    Resident,
    /// Resident memory in which a page that several processes share counts for each with its part (PSS). Looked at only
    /// where it is asked for by name.
    Pss,
    /// Memory that only the target has and has written to. Looked at only where it is asked for by name.
    PrivateDirty,
    /// Memory of the target's control group (cgroup) without the cache of files: that of its processes, and what the
    /// kernel keeps for them, such as buffers of sockets. Known only of a target that has a group of its own, as in a
    /// container. Looked at only where it is asked for by name.
    Cgroup,
    /// File descriptors.
    Fds,
    /// Sockets.
    Sockets,
    /// Sockets whose other side has closed and that the target never closed (TCP's CLOSE_WAIT): only the target can end
    /// them.
    CloseWait,
    /// Threads.
    Threads,
    /// Mappings of memory.
    Mappings,
    /// Every figure that the target exports, but for counters, which only grow.
    Exported,
}

/// The time a gate looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// One phase.
    Phase(Phase),
    /// Baseline to the end; warm-up is left out.
    Run,
    /// While any injection of this fault held, by the fault's name.
    Fault(String),
    /// From and to, counted from the start of the load.
    Between(Span, Span),
}

// === impl LeakResource ===

impl LeakResource {
    /// What a gate asks for that names none.
    pub const BY_DEFAULT: [Self; 6] =
        [Self::Memory, Self::Fds, Self::Sockets, Self::CloseWait, Self::Threads, Self::Mappings];

    /// What the kernel tells of a process, in the order in which people are told of it.
    pub const OF_PROCESS: [Self; 10] = [
        Self::Memory,
        Self::Resident,
        Self::Pss,
        Self::PrivateDirty,
        Self::Cgroup,
        Self::Fds,
        Self::Sockets,
        Self::CloseWait,
        Self::Threads,
        Self::Mappings,
    ];

    /// All, in the same order.
    pub const ALL: [Self; 11] = [
        Self::Memory,
        Self::Resident,
        Self::Pss,
        Self::PrivateDirty,
        Self::Cgroup,
        Self::Fds,
        Self::Sockets,
        Self::CloseWait,
        Self::Threads,
        Self::Mappings,
        Self::Exported,
    ];

    /// Whether it is memory, in bytes.
    #[must_use]
    pub const fn is_memory(self) -> bool {
        matches!(self, Self::Memory | Self::Resident | Self::Pss | Self::PrivateDirty | Self::Cgroup)
    }

    /// Whether it is looked at where no gate asks for it: other views of the same memory would tell each leak again.
    #[must_use]
    pub const fn is_looked_at_always(self) -> bool {
        !matches!(self, Self::Pss | Self::PrivateDirty | Self::Cgroup)
    }

    /// The name in a file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "Memory",
            Self::Resident => "Resident",
            Self::Pss => "Pss",
            Self::PrivateDirty => "PrivateDirty",
            Self::Cgroup => "Cgroup",
            Self::Fds => "Fds",
            Self::Sockets => "Sockets",
            Self::CloseWait => "CloseWait",
            Self::Threads => "Threads",
            Self::Mappings => "Mappings",
            Self::Exported => "Exported",
        }
    }
}

// === impl Quantile ===

impl Quantile {
    /// The share of requests at or below it, 0 to 1.
    #[must_use]
    pub const fn share(self) -> f64 {
        match self {
            Self::P50 => 0.50,
            Self::P95 => 0.95,
            Self::P99 => 0.99,
            Self::P999 => 0.999,
            Self::Max => 1.0,
        }
    }

    /// The word for people: `p50`, `p99.9`, `max`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::Max => "max",
        }
    }
}
