//! What targets and the harness use, read from Linux's `/proc`: memory, descriptors, sockets, threads, CPU time.
//!
//! One [`Scan`] a tick lists every process of the machine; each subject is then a tree cut out of it ([`tree`]), and
//! its figures are gathered process by process. Cumulative figures never fall while a tree lives, whatever comes and
//! goes in it ([`account`]).
//!
//! # What it costs
//!
//! 0.6 % of a core at one tick a second, for a target with 64 MiB, 17 threads and 306 descriptors, 201 of them sockets, on
//! a 2-core virtual machine with 75 processes and a kernel table of 262,144 TCP buckets: 4.4 ms a tick for the target,
//! 1.2 ms for the list of all processes, 0.2 ms for the harness, 0.1 ms for the machine. 40,000 ticks left 0.6 MiB more
//! resident than the first 10,000. `cargo run --release -p shakedown --example sampler_cost` measures it again.
//!
//! It grows with
//! - the number of processes of the machine: one small file each;
//! - the resident pages of the subject: the kernel walks them all for the proportional share (PSS). A subject that costs
//!   more than [20 ms of CPU](memory::ROLLUP_BUDGET) three times in a row is read from `/proc/PID/status` from then on, with `pss: None`;
//! - its descriptors (one `readlink` each) and threads (one small file each);
//! - the TCP sockets of its network namespace, and the size of the kernel's table of them.
//!
//! # What it does not know
//!
//! - Memory that processes share is counted in each of them, but for `pss`. Processes that fork copies of themselves have
//!   a larger `rss` and `anonymous` than the machine gave them.
//! - A process that lives and dies between two ticks shows only in the CPU time and page faults of the parent that
//!   waited for it. Context switches of threads that came and went between ticks are lost.
//! - The descriptors of another user's process cannot be read without privilege: they count as none.
//! - CPU time has the grain of the kernel's clock tick, mostly 10 ms.

use std::collections::BTreeMap;
use std::io;

use shakedown_reports::journal::{HARNESS, HostSample, Sample};

pub mod account;
mod cgroup;
mod descriptors;
mod host;
mod members;
pub mod memory;
pub mod scan;
mod socket_diag;
mod sockets;
mod threads;
pub mod tree;

use account::{Account, Counters, Observation};
use cgroup::Groups;
use descriptors::Descriptors;
use memory::{Gauge, Memory};
pub use scan::Scan;
use sockets::Tables;
use threads::Threads;
use tree::Tree;

/// Reads the resources of process trees. It remembers, for each subject that is up, its processes and what they had
/// used; nothing of it grows with the length of a run.
#[derive(Debug)]
pub struct Sampler {
    subjects: BTreeMap<String, Subject>,
    /// Control groups: where they are mounted, and which the harness is in, stays as it is for a run.
    groups: Groups,
}

/// What is remembered of a subject from one tick to the next.
#[derive(Debug, Default)]
struct Subject {
    tree: Tree,
    account: Account,
    threads: Threads,
    gauge: Gauge,
}

/// All processes of the machine at one tick, and the socket tables that were needed of it so far.
#[derive(Debug)]
pub struct Tick {
    scan: Scan,
    tables: Tables,
}

// === impl Sampler ===

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampler {
    /// A sampler that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { subjects: BTreeMap::new(), groups: Groups::read() }
    }

    /// Lists the machine's processes. Once a tick; all subjects are cut out of it.
    ///
    /// # Errors
    /// When `/proc` cannot be read at all: then nothing is known, and nothing may be taken for "down".
    pub fn scan(&self) -> io::Result<Tick> {
        Ok(Tick { scan: Scan::take()?, tables: Tables::default() })
    }

    /// What a target's tree uses: `roots` and all their descendants, those that were seen before and have other
    /// parents by now, and every process whose environment has the entry `marker` (`NAME=value`, exact), wherever its
    /// parents are.
    ///
    /// `roots` are the ids of processes that the caller knows to be the target's. When none of the tree is alive, the
    /// sample says so with `processes: 0` and zeros everywhere, and cumulative figures start again from zero.
    pub fn sample(
        &mut self,
        tick: &mut Tick,
        subject: &str,
        roots: &[i32],
        marker: Option<&str>,
        at_us: i64,
    ) -> Sample {
        let known = self.subjects.entry(subject.to_owned()).or_default();
        let members = known.tree.members(&tick.scan, roots, marker);
        let sample = known.measure(tick, &members, &self.groups);
        if sample.processes == 0 {
            self.subjects.remove(subject);
            return Sample { at_us, subject: subject.to_owned(), ..Sample::default() };
        }
        Sample { at_us, subject: subject.to_owned(), ..sample }
    }

    /// What the harness's own process uses, under the subject [`HARNESS`]: without its children (targets, guardian,
    /// injectors), and without what it inherits from those that ended.
    pub fn sample_harness(&mut self, tick: &mut Tick, at_us: i64) -> Sample {
        let own = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
        let known = self.subjects.entry(HARNESS.to_owned()).or_default();
        known.account.leave_out_children();
        let sample = known.measure(tick, &[own], &self.groups);
        Sample { at_us, subject: HARNESS.to_owned(), ..sample }
    }

    /// The state of the machine.
    ///
    /// # Errors
    /// When the memory or the CPU time cannot be read. Pressure that the kernel does not tell is `None`.
    pub fn host_sample(&self, at_us: i64) -> io::Result<HostSample> {
        host::sample(at_us)
    }
}

// === impl Subject ===

impl Subject {
    /// Reads all figures of these processes. What vanishes meanwhile counts as far as it was read.
    fn measure(&mut self, tick: &mut Tick, members: &[i32], groups: &Groups) -> Sample {
        let Tick { scan, tables } = tick;
        let alive: Vec<i32> = members.iter().copied().filter(|pid| scan.is_alive(*pid)).collect();
        let switches = self.threads.observe(scan, members);
        let observations: Vec<Observation> = members
            .iter()
            .filter_map(|pid| scan.get(*pid).map(|process| process.observation(*pid)))
            .map(|seen| seen.with_switches(switches.get(&seen.pid).copied().unwrap_or_default()))
            .collect();
        let used: Counters = self.account.observe(scan.uptime_ticks, &observations);
        let each: Vec<Memory> = self.gauge.measure(&alive);
        let memory = Memory::sum(&each);
        let descriptors = Descriptors::of(&alive);
        let members = members::largest(scan, &alive, &each, &descriptors.by_process);
        Sample {
            processes: alive.len() as u64,
            rss: memory.rss,
            pss: memory.pss,
            anonymous: memory.anonymous,
            swap: memory.swap,
            threads: alive.iter().filter_map(|pid| scan.get(*pid)).map(|process| process.threads).sum(),
            sockets: tables.states(&descriptors.sockets_by_process),
            fds: descriptors.by_kind,
            cpu_us: used.cpu_us,
            switches_voluntary: used.switches_voluntary,
            switches_involuntary: used.switches_involuntary,
            faults_minor: used.faults_minor,
            faults_major: used.faults_major,
            private_dirty: memory.private_dirty,
            mappings: alive.iter().map(|pid| members::mappings(*pid)).sum(),
            fds_max: alive.first().and_then(|pid| members::fds_max(*pid)),
            members,
            cgroup: alive.first().and_then(|pid| groups.memory(*pid)),
            ..Sample::default()
        }
    }
}
