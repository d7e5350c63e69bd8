//! A process and all that it starts: ended together, weighed together.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, killpg};
use nix::time::ClockId;
use nix::unistd::Pid;
use procfs::process::{Process, all_processes};

/// A process group of its own. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) child: Child,
}

// === impl Group ===

impl Group {
    /// Starts a program as the leader of a new group. If we die before it is dropped, the kernel asks the leader to end.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        command.process_group(0);
        // SAFETY: what runs between fork and exec is one system call, which allocates nothing and takes no lock.
        unsafe { command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGTERM)?)) };
        Ok(Self { child: command.spawn()? })
    }

    /// How the leader ended, if it did.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// CPU time of all that live, and of all that one of them has buried.
    pub(super) fn cpu(&self) -> Duration {
        self.members().iter().map(cpu_of).sum()
    }

    /// Proportional set size in bytes.
    pub(super) fn memory(&self) -> u64 {
        let total = |process: &Process| {
            let maps = process.smaps_rollup().ok()?.memory_map_rollup;
            maps.0.iter().map(|map| map.extension.map.get("Pss").copied()).sum::<Option<u64>>()
        };
        self.members().iter().filter_map(total).sum()
    }

    /// The sum of each one's highest resident set, in bytes.
    pub(super) fn memory_peak(&self) -> u64 {
        let peak = |process: &Process| process.status().ok()?.vmhwm;
        self.members().iter().filter_map(peak).sum::<u64>() * 1024
    }

    fn id(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process number is positive and fits"))
    }

    /// A process that ends while this looks is left out: its parent has its times by then.
    fn members(&self) -> Vec<Process> {
        let Ok(all) = all_processes() else { return Vec::new() };
        let ours = |process: &Process| process.stat().is_ok_and(|stat| stat.pgrp == self.id().as_raw());
        all.flatten().filter(ours).collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It fails if all are gone already, which is as good.
        let _ = killpg(self.id(), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// The kernel counts in nanoseconds for the living, and tells those that were buried in ticks.
fn cpu_of(process: &Process) -> Duration {
    let Ok(stat) = process.stat() else { return Duration::ZERO };
    let tick = Duration::from_secs(1) / u32::try_from(procfs::ticks_per_second()).unwrap_or(100);
    let ticks = |count: u64| tick * u32::try_from(count).unwrap_or(u32::MAX);
    let buried = ticks(u64::try_from(stat.cutime + stat.cstime).unwrap_or(0));
    let alive = ClockId::pid_cpu_clock_id(Pid::from_raw(process.pid)).and_then(ClockId::now);
    buried + alive.map_or_else(|_| ticks(stat.utime + stat.stime), Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxies::clock::{now, pause};

    /// Far more than starting or ending a process takes.
    const LONG: Duration = Duration::from_secs(20);

    fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let give_up = now() + LONG;
        while !holds() {
            assert!(now() < give_up, "{what} took longer than {LONG:?}");
            pause(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_group_is_weighed_and_nothing_of_it_outlives_it() {
        let mut command = Command::new("timeout");
        // `timeout` stays in its group in the foreground, and starts a child in the same.
        let group =
            Group::start(command.args(["--foreground", "60", "yes"]).stdout(std::process::Stdio::null()))
                .unwrap();
        until("starting both", || group.members().len() == 2);
        until("using CPU time", || group.cpu() > Duration::from_millis(50));
        assert!(group.memory() > 0 && group.memory_peak() > 0);
        let members: Vec<i32> = group.members().iter().map(|process| process.pid).collect();
        drop(group);
        let gone =
            |pid: &i32| Process::new(*pid).and_then(|p| p.stat()).map_or(true, |stat| stat.state == 'Z');
        until("ending both", || members.iter().all(gone));
    }
}
