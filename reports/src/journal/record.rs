//! What a journal holds: one [`Meta`], and any number of [`Record`]s in the order of time.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use shakedown_scenarios::experiment::{Engine, Phase};

use super::endpoints::EndpointSecond;

/// Facts about the run as a whole, written before anything else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// The number of the journal's format.
    pub format: u32,
    /// The run's id: the name of its folder.
    pub run: String,
    /// The version of the harness.
    pub version: String,
    /// Start of the run, RFC 3339 with zone.
    pub started_at: String,
    /// The command that runs this again, as argv.
    pub again: Vec<String>,
    /// Where the run happened: host name, kernel, cores, memory in bytes.
    pub host: Host,
}

/// The machine of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Host name.
    pub name: String,
    /// Operating system and kernel release.
    pub system: String,
    /// Processors online.
    pub cores: u32,
    /// Memory in bytes.
    pub memory: u64,
}

/// One entry.
#[derive(Clone, Debug)]
pub enum Record {
    /// Something happened.
    Event(Event),
    /// One second of a workload.
    Window(Box<Window>),
    /// The resources of a target or of the harness at one instant.
    Sample(Sample),
    /// The state of the whole machine at one instant.
    HostSample(HostSample),
    /// The counters of a link at one instant.
    LinkSample(LinkSample),
    /// What a target exported of itself at one instant.
    Export(ExportSample),
}

/// Something happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When, in microseconds since the start of the load.
    pub at_us: i64,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum What {
    /// Where a target or a link listens.
    Listening {
        /// `target` or `link`.
        kind: String,
        /// Its name.
        name: String,
        /// `host:port`.
        address: String,
    },
    /// A target's process was started.
    TargetStarted {
        /// The target.
        target: String,
        /// Its process id.
        pid: i32,
    },
    /// A target answered its readiness probe.
    TargetReady {
        /// The target.
        target: String,
        /// From its start, in microseconds.
        after_us: u64,
    },
    /// A target's process ended.
    TargetExited {
        /// The target.
        target: String,
        /// `exit 1`, `signal 9 (SIGKILL)`.
        status: String,
        /// Whether a fault or the end of the run ended it.
        expected: bool,
    },
    /// A target did not start, or did not become ready.
    TargetFailed {
        /// The target.
        target: String,
        /// Why, for people.
        why: String,
    },
    /// A phase began.
    PhaseStarted {
        /// Which.
        phase: Phase,
    },
    /// A fault is about to be injected; its ledger line is on disk.
    Injecting {
        /// The cue's number.
        cue: u32,
    },
    /// A fault holds.
    Injected {
        /// The cue's number.
        cue: u32,
    },
    /// A fault could not be injected.
    InjectionFailed {
        /// The cue's number.
        cue: u32,
        /// Why, for people.
        why: String,
    },
    /// Whether a fault bit, judged by its own counters.
    Bit {
        /// The cue's number.
        cue: u32,
        /// Whether it is proven.
        proven: bool,
        /// What was counted: `1,204 chunks delayed by 101 ms on average`.
        evidence: String,
    },
    /// Whether a fault is healed.
    Healed {
        /// The cue's number.
        cue: u32,
        /// Whether it is proven.
        proven: bool,
        /// What was seen: `pid 812 runs (state S)`.
        evidence: String,
    },
    /// A probe's answer.
    Probed {
        /// The probe's name.
        probe: String,
        /// Whether the answer was in tolerance.
        ok: bool,
        /// What came: `200`, `connection refused`.
        found: String,
        /// How long it took, in microseconds.
        took_us: u64,
    },
    /// A stop condition was met.
    GuardTripped {
        /// What was met, for people.
        why: String,
    },
    /// A leak is certain, before the run is over.
    LeakCertain {
        /// The target.
        target: String,
        /// What was found, for people.
        found: String,
    },
    /// A loom model was played.
    Model(ModelPlayed),
    /// The load whose history was kept is over.
    HistoryKept(HistoryKept),
    /// The harness could not do part of its own work; the report says so.
    Degraded {
        /// What, for people.
        why: String,
    },
    /// The run ended in an orderly way. A journal without it was cut.
    Ended {
        /// Why.
        how: Ending,
    },
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// It ran to its planned end.
    Completed,
    /// A stop condition was met.
    Guard,
    /// The steady-state hypothesis did not hold before chaos, or a target never became ready.
    Aborted {
        /// Why, for people.
        why: String,
    },
    /// A leak was certain, and the experiment says to stop then.
    CertainLeak {
        /// What was found, for people.
        found: String,
    },
    /// A signal asked for it.
    Signal {
        /// Its number.
        signal: i32,
    },
}

/// One second of a workload: everything that *completed* (or was given up) in it, and what was *due* in it.
#[derive(Clone, Debug)]
pub struct Window {
    /// The second, counted from the start of the load.
    pub second: u32,
    /// The workload.
    pub workload: String,
    /// Requests due in this second by the arrivals.
    pub due: u64,
    /// Requests sent in this second.
    pub sent: u64,
    /// Right answers that completed in this second.
    pub ok: u64,
    /// Failed requests that completed in this second, by class: `refused`, `reset`, `timeout`, `closed`, `protocol`,
    /// `status`, `check`, `dial`, `miss`, `conflict`, `slow`.
    pub errors: BTreeMap<String, u64>,
    /// Due requests that were never sent, because the queue of waiting requests was full.
    pub dropped: u64,
    /// Requests in flight or waiting at the end of this second.
    pub backlog: u64,
    /// Bytes received.
    pub received: u64,
    /// Latency of right answers from when the request was due, in microseconds.
    pub latency: Histogram<u64>,
    /// Service time of right answers from when the request was sent, in microseconds.
    pub service: Histogram<u64>,
    /// How late the harness itself was: from due to the pacer's turn, in microseconds, largest of the second.
    pub late_us_max: u64,
    /// The same, median of the second.
    pub late_us_p50: u64,
    /// The endpoints of a mix of several, as far as something completed; their latencies add up to `latency`. Packed
    /// already: there may be many.
    pub endpoints: Vec<EndpointSecond>,
    /// Failures that are put into words: of each endpoint and class the first few that differ.
    pub examples: Vec<Example>,
}

/// One request that failed, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The kind of request: `GET /items/{n}`.
    pub endpoint: String,
    /// As in [`Window::errors`].
    pub class: String,
    /// What was wanted and what came instead, for people. It may quote the target.
    pub why: String,
}

/// The history of a workload is as whole as it will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryKept {
    /// The workload.
    pub workload: String,
    /// Events that were written.
    pub events: u64,
    /// Why it ends before its load does; `None`: it does not.
    pub cut: Option<String>,
}

/// What came of a model of a race.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPlayed {
    /// Program, module and test: `pairs::lock_order::buggy`.
    pub name: String,
    /// What played it.
    #[serde(default)]
    pub engine: Engine,
    /// How it ended.
    pub outcome: ModelOutcome,
    /// Interleavings that were played; `None`: not told.
    pub iterations: Option<u64>,
    /// How often a thread could be interrupted, where that was limited.
    pub preemptions: Option<u8>,
    /// What was wrong; `None` for a pass.
    pub why: Option<String>,
    /// Where: `src/pool.rs:18:43`.
    pub place: Option<String>,
    /// The failing interleaving, a step a line.
    pub interleaving: Vec<String>,
    /// The command that plays it again.
    pub replay: Option<String>,
}

/// How a model of a race ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelOutcome {
    /// None of the interleavings that were played failed; with loom these are all.
    Pass,
    /// A limit was reached before all were played.
    Limit,
    /// Something was left behind.
    Leak,
    /// A thread panicked.
    Assertion,
    /// Two threads used the same memory, and at least one wrote.
    Race,
    /// No thread could go on.
    Deadlock,
}

/// The resources of a process tree at one instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// When, in microseconds since the start of the load.
    pub at_us: i64,
    /// A target's name, or [`HARNESS`].
    pub subject: String,
    /// Processes in the tree; 0: it is down, and every other figure is 0.
    pub processes: u64,
    /// Resident memory, bytes.
    pub rss: u64,
    /// Proportional share, bytes; `None` where the kernel does not tell.
    pub pss: Option<u64>,
    /// Anonymous memory, bytes.
    pub anonymous: u64,
    /// Swapped out, bytes.
    pub swap: u64,
    /// Threads.
    pub threads: u64,
    /// Descriptors by kind: `file`, `socket`, `pipe`, `event`, `other`.
    pub fds: BTreeMap<String, u64>,
    /// TCP sockets by state: `established`, `close_wait`, `time_wait`…
    pub sockets: BTreeMap<String, u64>,
    /// CPU time used since the tree was first seen, microseconds; never falls while the tree lives.
    pub cpu_us: u64,
    /// Voluntary context switches, cumulative like `cpu_us`.
    pub switches_voluntary: u64,
    /// Involuntary context switches, cumulative.
    pub switches_involuntary: u64,
    /// Minor page faults, cumulative.
    pub faults_minor: u64,
    /// Major page faults, cumulative.
    pub faults_major: u64,
    /// Memory that only this tree has and that was written to, bytes; `None` where the kernel does not tell.
    pub private_dirty: Option<u64>,
    /// Mappings of memory; 0 where they may not be read.
    pub mappings: u64,
    /// How many descriptors the first process of the tree may have open (`RLIMIT_NOFILE`, the soft one).
    pub fds_max: Option<u64>,
    /// The largest processes of a tree that has several, by memory; empty for a tree of one.
    pub members: Vec<Member>,
    /// Memory of the control group that the tree's first process is in, without the cache of files, bytes; `None` where
    /// it has no group of its own (the harness is in the same one, or in one within it), or the kernel does not tell.
    pub cgroup: Option<u64>,
}

/// One process of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its id.
    pub pid: i32,
    /// Its name, as the kernel keeps it (15 bytes).
    pub name: String,
    /// Anonymous memory and swap, bytes.
    pub memory: u64,
    /// Open descriptors.
    pub fds: u64,
    /// Those of them that are sockets.
    pub sockets: u64,
    /// Threads.
    pub threads: u64,
}

/// The subject of the harness's own samples.
pub const HARNESS: &str = "(harness)";

/// The state of the machine at one instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSample {
    /// When, in microseconds since the start of the load.
    pub at_us: i64,
    /// `MemAvailable`, bytes.
    pub available: u64,
    /// Busy CPU time of all cores since boot, microseconds.
    pub cpu_us: u64,
    /// Share of the last ten seconds in which something waited for CPU, 0 to 1 (PSI `some avg10`); `None`: not told.
    pub cpu_pressure: Option<f64>,
    /// The same for memory.
    pub memory_pressure: Option<f64>,
    /// The same for IO.
    pub io_pressure: Option<f64>,
}

/// The counters of a link at one instant, cumulative.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSample {
    /// When, in microseconds since the start of the load.
    pub at_us: i64,
    /// The link.
    pub link: String,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Bytes delivered from clients to the target.
    pub up: u64,
    /// Bytes delivered from the target to clients.
    pub down: u64,
}

/// The figures on one page of a target at one instant, or why there are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportSample {
    /// When the page was there, in microseconds since the start of the load.
    pub at_us: i64,
    /// The target.
    pub target: String,
    /// The page: its place among the target's exports in the plan.
    pub page: u32,
    /// What was found, by the names of the plan; finite numbers only.
    pub figures: BTreeMap<String, f64>,
    /// Figures that were there and no finite number.
    pub dropped: u64,
    /// Figures that were looked for and not there.
    pub absent: u64,
    /// Why there was no page, for people; `None`: there was one.
    pub missed: Option<String>,
}

// === impl Sample ===

impl Sample {
    /// All descriptors.
    #[must_use]
    pub fn fds_total(&self) -> u64 {
        self.fds.values().sum()
    }

    /// Descriptors that are sockets.
    #[must_use]
    pub fn sockets_total(&self) -> u64 {
        self.fds.get("socket").copied().unwrap_or(0)
    }
}

// === impl ModelOutcome ===

impl ModelOutcome {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Limit => "limit",
            Self::Leak => "leak",
            Self::Assertion => "assertion",
            Self::Race => "race",
            Self::Deadlock => "deadlock",
        }
    }

    /// Whether something was found.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Pass | Self::Limit)
    }
}
