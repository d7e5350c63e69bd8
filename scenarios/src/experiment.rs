//! The experiment: what a file says once it is known to be right.
//!
//! These are plain values. How they are read from RON, with the place of every mistake, is `read`'s business; whether
//! they fit together is `check`'s; when each thing happens is `plan`'s.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, GroupWay, Groups};
use crate::gate::Gate;
use crate::guard::Guard;
use crate::probe::Probe;
use crate::target::{Link, Target, Way};
use crate::units::{Size, Span};
use crate::workload::Workload;

/// A whole experiment, with variables already put in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Short name, used for the run folder: letters, digits, `-`, `_`, `.`; 1 to 64 characters.
    pub name: String,
    /// One or two sentences for people: the question this experiment answers.
    pub about: String,
    /// What is tested, by name.
    pub targets: BTreeMap<String, Target>,
    /// Client-to-upstream paths through the fault proxy, by name.
    pub links: BTreeMap<String, Link>,
    /// Load, by name.
    pub workloads: BTreeMap<String, Workload>,
    /// How long each phase lasts.
    pub phases: Phases,
    /// What is broken, in the order of the file.
    pub faults: Vec<Fault>,
    /// The steady-state hypothesis: probes that hold before chaos and hold again after it.
    pub hypothesis: Vec<Probe>,
    /// Thresholds that the verdict stands on.
    pub gates: Vec<Gate>,
    /// Stop conditions and blast radius.
    pub guard: Guard,
    /// Models of races that are played before the load begins.
    #[serde(default)]
    pub races: Vec<Races>,
    /// Workloads whose histories are kept and judged.
    #[serde(default)]
    pub consistency: Vec<Consistency>,
}

/// The history of a workload, as a part of the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// The workload, one of `Operations`: it says what the objects are.
    pub of: String,
    /// How long the search for an order may take once the run is over; what needs none is always looked at.
    pub time: Span,
    /// How much memory the history and the search may take, about.
    pub memory: Size,
}

/// The models of races of a package, as a part of the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Races {
    /// The package's `Cargo.toml`, from the experiment's folder on.
    pub manifest: String,
    /// What plays them.
    #[serde(default)]
    pub engine: Engine,
    /// A package of that workspace.
    pub package: Option<String>,
    /// Only the models of these integration tests; empty: all.
    pub tests: Vec<String>,
    /// Only models whose name holds one of these; empty: all.
    pub only: Vec<String>,
    /// What the build is configured with beside the usual; `None`: nothing.
    pub cfg: Option<String>,
    /// Build with optimisation.
    pub release: bool,
    /// How often a thread may be interrupted where it could go on; `None`: as often as it can.
    pub preemptions: Option<u8>,
    /// Time for each model.
    pub time: Span,
}

/// What plays the models of races of a package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// [loom](https://docs.rs/loom): every order of a small model's threads, and every value that a load may see.
    #[default]
    Loom,
    /// [shuttle](https://docs.rs/shuttle): many random orders of a larger model's threads.
    Shuttle,
    /// [ThreadSanitizer](https://clang.llvm.org/docs/ThreadSanitizer.html): the order that happens, of any test, with every
    /// access to memory watched.
    Tsan,
}

/// The four phases, in this order. Only `chaos` may hold faults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phases {
    /// Load without judgement, while caches fill. May be zero.
    pub warmup: Span,
    /// Load without faults: what normal looks like.
    pub baseline: Span,
    /// Faults happen here, and only here.
    pub chaos: Span,
    /// Load without faults after the last heal: does it come back?
    pub recovery: Span,
}

/// One of the four parts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Caches fill; nothing is judged.
    Warmup,
    /// Normal behaviour is measured.
    Baseline,
    /// Faults are injected and healed.
    Chaos,
    /// No faults any more.
    Recovery,
}

// === impl Experiment ===

impl Experiment {
    /// The links that lead from a member of one group to a member of the other, and which way of each is cut. Links that do
    /// not say whose they are (`from`) lead from nobody.
    #[must_use]
    pub fn links_between(&self, groups: &Groups, way: GroupWay) -> Vec<(&String, Way)> {
        let crossing = self.links.iter().filter_map(|(name, link)| {
            let from_first = groups.crossed(link.from()?, link.to()?)?;
            Some((name, way.of_link(from_first)))
        });
        crossing.collect()
    }
}

// === impl Phases ===

impl Phases {
    /// The whole length of a run's load.
    #[must_use]
    pub fn total(&self) -> Span {
        self.warmup.plus(self.baseline).plus(self.chaos).plus(self.recovery)
    }

    /// When a phase starts and ends, counted from the start of the load.
    #[must_use]
    pub fn bounds(&self, phase: Phase) -> (Span, Span) {
        let baseline = self.warmup;
        let chaos = baseline.plus(self.baseline);
        let recovery = chaos.plus(self.chaos);
        match phase {
            Phase::Warmup => (Span::ZERO, baseline),
            Phase::Baseline => (baseline, chaos),
            Phase::Chaos => (chaos, recovery),
            Phase::Recovery => (recovery, recovery.plus(self.recovery)),
        }
    }

    /// The phase that holds at a moment; the last one from its start on for ever.
    #[must_use]
    pub fn at(&self, moment: Span) -> Phase {
        let holds = |phase: &Phase| moment < self.bounds(*phase).1;
        Phase::ALL.into_iter().find(holds).unwrap_or(Phase::Recovery)
    }
}

// === impl Phase ===

impl Phase {
    /// All phases in their order.
    pub const ALL: [Self; 4] = [Self::Warmup, Self::Baseline, Self::Chaos, Self::Recovery];

    /// The word for people: `warm-up`, `baseline`, `chaos`, `recovery`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Warmup => "warm-up",
            Self::Baseline => "baseline",
            Self::Chaos => "chaos",
            Self::Recovery => "recovery",
        }
    }
}

// === impl Engine ===

impl Engine {
    /// As the command line and answers name it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Loom => "loom",
            Self::Shuttle => "shuttle",
            Self::Tsan => "tsan",
        }
    }

    /// What a build is configured with for it, as its users have it: `--cfg loom`.
    #[must_use]
    pub const fn cfg(self) -> Option<&'static str> {
        match self {
            Self::Loom | Self::Shuttle => Some(self.word()),
            Self::Tsan => None,
        }
    }
}
