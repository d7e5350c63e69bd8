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
}

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
