//! What is told of single processes of a tree: which are the largest, their mappings, and how many descriptors they may
//! have open.

use procfs::process::{LimitValue, Limits};
use procfs::{FromRead as _, ProcResult};
use shakedown_reports::journal::Member;

use super::memory::Memory;
use super::scan::Scan;

/// So many are told of.
const TOLD_MAX: usize = 8;

/// The largest processes of a tree by memory, in the order of their ids; none of a tree of one process, since the sums
/// tell all of it. `memory` and `descriptors` (all, sockets) are in the order of `processes`.
pub(super) fn largest(
    scan: &Scan,
    processes: &[i32],
    memory: &[Memory],
    descriptors: &[(u64, u64)],
) -> Vec<Member> {
    if processes.len() < 2 {
        return Vec::new();
    }
    let member = |((pid, memory), (fds, sockets)): ((&i32, &Memory), &(u64, u64))| Member {
        pid: *pid,
        name: std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned(),
        memory: memory.anonymous.saturating_add(memory.swap),
        fds: *fds,
        sockets: *sockets,
        threads: scan.get(*pid).map_or(0, |process| process.threads),
    };
    let mut members: Vec<Member> = processes.iter().zip(memory).zip(descriptors).map(member).collect();
    members.sort_by_key(|member| std::cmp::Reverse(member.memory));
    members.truncate(TOLD_MAX);
    members.sort_by_key(|member| member.pid);
    members
}

/// Mappings of a process: a line each. 0 where they may not be read.
pub(super) fn mappings(pid: i32) -> u64 {
    std::fs::read(format!("/proc/{pid}/maps"))
        .map_or(0, |maps| maps.iter().filter(|byte| **byte == b'\n').count() as u64)
}

/// How many descriptors a process may have open; `None` where there is no limit or it cannot be read.
pub(super) fn fds_max(pid: i32) -> Option<u64> {
    let limits: ProcResult<Limits> = Limits::from_file(format!("/proc/{pid}/limits"));
    match limits.ok()?.max_open_files.soft_limit {
        LimitValue::Value(most) => Some(most),
        LimitValue::Unlimited => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> i32 {
        std::process::id() as i32
    }

    #[test]
    fn a_process_tells_its_mappings_and_its_limit() {
        assert!(mappings(own()) > 10 && fds_max(own()).is_none_or(|most| most > 0));
        assert_eq!((mappings(i32::MAX), fds_max(i32::MAX)), (0, None));
    }

    #[test]
    fn the_largest_of_a_tree_are_told_and_a_tree_of_one_says_nothing_twice() {
        let scan = Scan::new(1, std::collections::BTreeMap::new());
        let sized = |anonymous| Memory { anonymous, ..Memory::default() };
        let memory: Vec<Memory> = (0..10).map(|number| sized(100 - number)).collect();
        let pids: Vec<i32> = (0..10).map(|number| i32::MAX - number).collect();
        let members = largest(&scan, &pids, &memory, &[(3, 1); 10]);
        assert_eq!(members.len(), TOLD_MAX);
        assert!(members.iter().all(|member| member.memory > 92 && member.fds == 3 && member.sockets == 1));
        assert!(largest(&scan, &pids[..1], &memory[..1], &[(3, 1)]).is_empty());
    }
}
