//! Memory of processes: from `smaps_rollup`, which is exact and knows the proportional share but makes the kernel walk
//! every resident page; or from `status`, which costs nothing but knows no PSS and, on kernels before 6.17, may be some
//! hundred KiB for each core behind.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use procfs::process::{SmapsRollup, Status};
use procfs::{FromRead as _, ProcError};

/// How much CPU time the exact figures of one subject may cost in one tick: 2 % of a core at one tick a second.
pub const ROLLUP_BUDGET: Duration = Duration::from_millis(20);

/// How many ticks in a row must be over the budget before the exact figures are given up.
const PATIENCE: u8 = 3;

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) rss: u64,
    /// `None` as soon as one process does not tell.
    pub(super) pss: Option<u64>,
    pub(super) anonymous: u64,
    pub(super) swap: u64,
    /// Written to and shared with nobody; `None` as soon as one process does not tell.
    pub(super) private_dirty: Option<u64>,
}

/// Chooses the source. Once it has gone over to the cheap one it stays there as long as the subject lives: figures that
/// change their meaning back and forth would look like a leak and its repair.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    over_budget: u8,
}

// === impl Gauge ===

impl Gauge {
    /// Each of these processes.
    pub(super) fn measure(&mut self, processes: &[i32]) -> Vec<Memory> {
        if self.over_budget >= PATIENCE {
            let cheap = |pid: &i32| Memory::from_status(*pid).unwrap_or(Memory::NOT_TOLD);
            return processes.iter().map(cheap).collect();
        }
        let before = thread_time();
        let memory = processes.iter().map(|pid| Memory::of(*pid)).collect();
        self.charge(thread_time().saturating_sub(before));
        memory
    }

    fn charge(&mut self, cost: Duration) {
        self.over_budget = if cost > ROLLUP_BUDGET { self.over_budget + 1 } else { 0 };
    }
}

/// CPU time of this thread: unlike time on the clock it does not grow when the machine is busy with something else.
fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

// === impl Memory ===

impl Memory {
    /// No memory, and that is known.
    const NOTHING: Self = Self { rss: 0, pss: Some(0), anonymous: 0, swap: 0, private_dirty: Some(0) };
    /// Nothing is known.
    const NOT_TOLD: Self = Self { rss: 0, pss: None, anonymous: 0, swap: 0, private_dirty: None };

    /// The exact figures, or the cheap ones where those are not allowed or not known. A process that vanishes has none.
    fn of(pid: i32) -> Self {
        match Self::from_rollup(pid) {
            Ok(memory) => memory,
            // It has no memory any more, or was never a process of its own (a kernel thread).
            Err(ProcError::Incomplete(_)) => Self::NOTHING,
            Err(_) => Self::from_status(pid).unwrap_or(Self::NOTHING),
        }
    }

    fn from_rollup(pid: i32) -> Result<Self, ProcError> {
        let rollup = SmapsRollup::from_file(format!("/proc/{pid}/smaps_rollup"))?;
        let map = rollup.memory_map_rollup.iter().next().ok_or(ProcError::Incomplete(None))?;
        let figure = |name: &str| map.extension.map.get(name).copied();
        Ok(Self {
            rss: figure("Rss").unwrap_or(0),
            pss: figure("Pss"),
            anonymous: figure("Anonymous").unwrap_or(0),
            swap: figure("Swap").unwrap_or(0),
            private_dirty: figure("Private_Dirty"),
        })
    }

    fn from_status(pid: i32) -> Option<Self> {
        let status = Status::from_file(format!("/proc/{pid}/status")).ok()?;
        let bytes = |kib: Option<u64>| kib.unwrap_or(0).saturating_mul(1_024);
        Some(Self {
            rss: bytes(status.vmrss),
            pss: None,
            anonymous: bytes(status.rssanon),
            swap: bytes(status.vmswap),
            private_dirty: None,
        })
    }

    /// The sum of several processes.
    pub(super) fn sum(processes: &[Self]) -> Self {
        processes.iter().copied().fold(Self::NOTHING, Self::plus)
    }

    fn plus(self, other: Self) -> Self {
        let known = |left: Option<u64>, right: Option<u64>| Some(left?.saturating_add(right?));
        Self {
            rss: self.rss.saturating_add(other.rss),
            pss: known(self.pss, other.pss),
            private_dirty: known(self.private_dirty, other.private_dirty),
            anonymous: self.anonymous.saturating_add(other.anonymous),
            swap: self.swap.saturating_add(other.swap),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> i32 {
        std::process::id() as i32
    }

    #[test]
    fn both_sources_tell_much_the_same() {
        let exact = Memory::from_rollup(own()).unwrap();
        let cheap = Memory::from_status(own()).unwrap();
        assert!(exact.pss.is_some_and(|pss| pss > 0 && pss <= exact.rss), "{exact:?}");
        // Other tests of this process allocate meanwhile.
        let near = 8 << 20;
        assert!(exact.rss.abs_diff(cheap.rss) < near, "{exact:?} {cheap:?}");
        assert!(exact.anonymous.abs_diff(cheap.anonymous) < near, "{exact:?} {cheap:?}");
    }

    #[test]
    fn a_process_that_is_gone_has_none() {
        assert_eq!(Memory::of(i32::MAX), Memory::NOTHING);
    }

    #[test]
    fn one_process_that_does_not_tell_its_share_leaves_the_sum_unknown() {
        let told = Memory { rss: 3, pss: Some(2), anonymous: 1, swap: 0, private_dirty: Some(1) };
        let twice = Memory { rss: 6, pss: Some(4), anonymous: 2, swap: 0, private_dirty: Some(2) };
        assert_eq!(Memory::sum(&[told, told]), twice);
        let unknown = Memory::sum(&[told, Memory::NOT_TOLD]);
        assert_eq!((unknown.pss, unknown.private_dirty), (None, None));
    }

    #[test]
    fn the_exact_figures_are_given_up_after_three_costly_ticks_in_a_row_and_for_good() {
        let (cheap, costly) = (Duration::from_millis(1), Duration::from_millis(21));
        let mut gauge = Gauge::default();
        for cost in [costly, costly, cheap, costly, costly] {
            gauge.charge(cost);
        }
        assert!(gauge.measure(&[own()])[0].pss.is_some());
        let mut gauge = Gauge::default();
        for cost in [costly; PATIENCE as usize] {
            gauge.charge(cost);
        }
        for _ in 0..3 {
            assert_eq!(gauge.measure(&[own()])[0].pss, None);
        }
    }
}
