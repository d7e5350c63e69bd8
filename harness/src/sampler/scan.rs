//! All processes of the machine at one tick: who is whose child, and what the one file `/proc/PID/stat` tells of each.

use std::collections::BTreeMap;
use std::{fs, io};

use nix::time::{ClockId, clock_gettime};
use procfs::FromRead as _;
use procfs::process::Stat;

use super::account::{Counters, Observation};

/// The processes, and the moment.
#[derive(Debug)]
pub struct Scan {
    /// When the scan began, in the clock ticks since boot that [`Process::start`] counts too.
    pub uptime_ticks: u64,
    processes: BTreeMap<i32, Process>,
    children: BTreeMap<i32, Vec<i32>>,
}

/// One process.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Its parent's id.
    pub parent: i32,
    /// When it started, in clock ticks since boot.
    pub start: u64,
    /// Whether it still runs, and is not merely waiting to be waited for.
    pub alive: bool,
    /// Its threads.
    pub threads: u64,
    own: Counters,
    waited: Counters,
}

// === impl Scan ===

impl Scan {
    /// Reads `/proc` once. A process that ends meanwhile is left out.
    ///
    /// # Errors
    /// When `/proc` itself cannot be read.
    pub fn take() -> io::Result<Self> {
        let uptime_ticks = uptime_ticks()?;
        let mut processes = BTreeMap::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            if let Ok(stat) = Stat::from_file(format!("/proc/{pid}/stat")) {
                processes.insert(pid, Process::new(&stat));
            }
        }
        Ok(Self::new(uptime_ticks, processes))
    }

    /// A scan of these processes.
    #[must_use]
    pub fn new(uptime_ticks: u64, processes: BTreeMap<i32, Process>) -> Self {
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for (pid, process) in &processes {
            children.entry(process.parent).or_default().push(*pid);
        }
        Self { uptime_ticks, processes, children }
    }

    /// A process, if it was there.
    #[must_use]
    pub fn get(&self, pid: i32) -> Option<&Process> {
        self.processes.get(&pid)
    }

    /// Whether a process was there and was no zombie.
    #[must_use]
    pub fn is_alive(&self, pid: i32) -> bool {
        self.get(pid).is_some_and(|process| process.alive)
    }

    /// The children of a process.
    #[must_use]
    pub fn children(&self, pid: i32) -> &[i32] {
        self.children.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// All processes by their ids.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &Process)> {
        self.processes.iter().map(|(pid, process)| (*pid, process))
    }
}

/// The time since boot, suspended time included, as the kernel counts the start of a process.
fn uptime_ticks() -> io::Result<u64> {
    let uptime = clock_gettime(ClockId::CLOCK_BOOTTIME)?;
    let hundredths = |nanos: i64| nanos / 1_000_000 * procfs::ticks_per_second() as i64 / 1_000;
    let seconds = uptime.tv_sec() * procfs::ticks_per_second() as i64;
    Ok((seconds + hundredths(uptime.tv_nsec())).unsigned_abs())
}

// === impl Process ===

impl Process {
    fn new(stat: &Stat) -> Self {
        let signed = |children: i64| children.max(0).unsigned_abs();
        Self {
            parent: stat.ppid,
            start: stat.starttime,
            alive: !matches!(stat.state, 'Z' | 'X' | 'x'),
            threads: signed(stat.num_threads),
            own: counters(stat.utime + stat.stime, stat.minflt, stat.majflt),
            waited: counters(signed(stat.cutime) + signed(stat.cstime), stat.cminflt, stat.cmajflt),
        }
    }

    /// What the account wants to know.
    #[must_use]
    pub fn observation(&self, pid: i32) -> Observation {
        Observation { pid, start: self.start, parent: self.parent, own: self.own, waited: self.waited }
    }

    /// A process for tests: running, one thread, nothing used.
    #[cfg(test)]
    pub(super) fn idle(parent: i32, start: u64) -> Self {
        Self { parent, start, alive: true, threads: 1, own: Counters::default(), waited: Counters::default() }
    }
}

fn counters(ticks: u64, faults_minor: u64, faults_major: u64) -> Counters {
    let cpu_us = ticks.saturating_mul(1_000_000) / procfs::ticks_per_second();
    Counters { cpu_us, faults_minor, faults_major, ..Counters::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen_under_its_parent() {
        let scan = Scan::take().unwrap();
        let own = std::process::id() as i32;
        let process = scan.get(own).unwrap();
        assert!(process.alive && process.threads >= 1);
        assert!(scan.children(process.parent).contains(&own));
        assert!(process.start <= scan.uptime_ticks, "{} after {}", process.start, scan.uptime_ticks);
    }
}
