//! Rows of the process table, as `/proc` tells them.

use std::collections::{BTreeMap, BTreeSet};

use procfs::process::Process;

/// What is needed of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) session: i32,
    pub(super) state: char,
    pub(super) start_ticks: u64,
    /// Whether it is a thread of the kernel, which has no program.
    pub(super) is_kernel: bool,
}

/// `PF_KTHREAD` of the kernel's `include/linux/sched.h`.
const KERNEL_THREAD: u32 = 0x0020_0000;

/// In clock ticks, which are hundredths of a second wherever Linux runs today.
const YOUNG: u64 = 300;

/// One process; `None` if there is none (any longer).
pub(super) fn row(pid: i32) -> Option<Row> {
    let stat = Process::new(pid).ok()?.stat().ok()?;
    Some(Row {
        pid,
        parent: stat.ppid,
        group: stat.pgrp,
        session: stat.session,
        state: stat.state,
        start_ticks: stat.starttime,
        is_kernel: stat.flags & KERNEL_THREAD != 0,
    })
}

/// All processes that could be read while this looked, by id. It is no snapshot: some may have come or gone.
pub(super) fn all() -> BTreeMap<i32, Row> {
    let numbers = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, row(pid)?))).collect()
}

/// This process.
pub(super) fn own_pid() -> i32 {
    // Process ids fit 22 bits on Linux.
    i32::try_from(std::process::id()).unwrap_or(i32::MAX)
}

/// Our parent, its parent, and so on; without ourselves.
pub(super) fn ancestors() -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    let mut next = row(own_pid()).map(|row| row.parent);
    while let Some(pid) = next.filter(|pid| *pid > 0 && found.insert(*pid)) {
        next = row(pid).map(|row| row.parent);
    }
    found
}

impl Row {
    /// Whether this is a program's process that started within the last seconds, as far as the others in the table tell.
    /// Older ones without an environment were simply started without one.
    pub(super) fn is_young_program(&self, table: &BTreeMap<i32, Self>) -> bool {
        let newest = table.values().map(|row| row.start_ticks).max().unwrap_or(0);
        let ended = super::has_ended(self.state);
        !self.is_kernel && !ended && self.pid != own_pid() && self.start_ticks + YOUNG >= newest
    }
}
