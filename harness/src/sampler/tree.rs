//! Which processes belong to a target: decided from a scan, what was known before, and a mark in the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::scan::Scan;

/// How many ticks in a row a process is asked for the mark before "no" is believed: one seen between its `fork` and its
/// `exec` still has its parent's environment.
const ASKED: u8 = 2;

/// What is known of a target's processes from one tick to the next.
#[derive(Debug, Default)]
pub struct Tree {
    /// The members of the last tick, by id, with their start.
    last: BTreeMap<i32, u64>,
    /// Processes that have been asked for the mark.
    asked: BTreeMap<i32, Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    start: u64,
    times: u8,
    marked: bool,
}

// === impl Tree ===

impl Tree {
    /// The members at this tick, in order, zombies included.
    pub fn members(&mut self, scan: &Scan, roots: &[i32], marker: Option<&str>) -> Vec<i32> {
        let remembered = self.last.iter().filter(|(pid, start)| is_same(scan, **pid, **start));
        let mut open: Vec<i32> = roots.iter().copied().filter(|pid| scan.get(*pid).is_some()).collect();
        open.extend(remembered.map(|(pid, _)| *pid));
        if let Some(marker) = marker {
            open.extend(self.marked(scan, |pid| has_entry(pid, marker)));
        }
        let members = with_descendants(scan, open);
        self.last = members.iter().filter_map(|pid| scan.get(*pid).map(|it| (*pid, it.start))).collect();
        members.into_iter().collect()
    }

    /// All processes that carry the mark. Each is asked while it is young; a mark once found is kept.
    fn marked(&mut self, scan: &Scan, is_marked: impl Fn(i32) -> bool) -> Vec<i32> {
        self.asked.retain(|pid, asked| is_same(scan, *pid, asked.start));
        let mut marked = Vec::new();
        for (pid, process) in scan.iter() {
            let fresh = Asked { start: process.start, times: 0, marked: false };
            let asked = self.asked.entry(pid).or_insert(fresh);
            if !asked.marked && asked.times < ASKED {
                asked.times += 1;
                asked.marked = is_marked(pid);
            }
            if asked.marked {
                marked.push(pid);
            }
        }
        marked
    }
}

fn is_same(scan: &Scan, pid: i32, start: u64) -> bool {
    scan.get(pid).is_some_and(|process| process.start == start)
}

fn with_descendants(scan: &Scan, mut open: Vec<i32>) -> BTreeSet<i32> {
    let mut members = BTreeSet::new();
    while let Some(pid) = open.pop() {
        if members.insert(pid) {
            open.extend(scan.children(pid));
        }
    }
    members
}

/// Whether the environment that a process was started with has an entry; `false` where it cannot be read.
fn has_entry(pid: i32, entry: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|it| it == entry.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::scan::Process;
    use super::*;

    /// A machine of `(pid, parent, start)`.
    fn scan(processes: &[(i32, i32, u64)]) -> Scan {
        Scan::new(
            1_000,
            processes.iter().map(|(pid, parent, start)| (*pid, Process::idle(*parent, *start))).collect(),
        )
    }

    #[test]
    fn children_of_children_belong_to_it_and_siblings_do_not() {
        let scan = scan(&[(1, 0, 1), (10, 1, 5), (11, 10, 6), (12, 11, 7), (20, 1, 8)]);
        assert_eq!(Tree::default().members(&scan, &[10], None), [10, 11, 12]);
    }

    #[test]
    fn a_member_that_found_another_parent_stays_one() {
        let mut tree = Tree::default();
        tree.members(&scan(&[(1, 0, 1), (10, 1, 5), (11, 10, 6)]), &[10], None);
        let orphaned = scan(&[(1, 0, 1), (11, 1, 6), (12, 11, 9)]);
        assert_eq!(tree.members(&orphaned, &[], None), [11, 12]);
    }

    #[test]
    fn a_stranger_with_a_members_old_id_is_none() {
        let mut tree = Tree::default();
        tree.members(&scan(&[(1, 0, 1), (10, 1, 5), (11, 10, 6)]), &[10], None);
        assert_eq!(tree.members(&scan(&[(1, 0, 1), (10, 1, 5), (11, 1, 99)]), &[10], None), [10]);
    }

    #[test]
    fn a_root_that_is_gone_is_left_out() {
        assert!(Tree::default().members(&scan(&[(1, 0, 1)]), &[10], None).is_empty());
    }

    #[test]
    fn no_is_believed_the_second_time_and_yes_at_once() {
        let mut tree = Tree::default();
        let scan = scan(&[(10, 1, 5)]);
        assert!(tree.marked(&scan, |_| false).is_empty());
        assert_eq!(tree.marked(&scan, |_| true), [10]);
        assert_eq!(tree.marked(&scan, |_| panic!("it is known")), [10]);
        let mut tree = Tree::default();
        tree.marked(&scan, |_| false);
        tree.marked(&scan, |_| false);
        assert!(tree.marked(&scan, |_| panic!("it is known")).is_empty());
    }

    #[test]
    fn what_is_remembered_is_no_more_than_what_runs() {
        let mut tree = Tree::default();
        for pid in 2..500 {
            let scan = scan(&[(1, 0, 1), (pid, 1, 5)]);
            tree.marked(&scan, |_| false);
            tree.members(&scan, &[1], None);
            assert!(tree.asked.len() <= 2 && tree.last.len() <= 2);
        }
    }
}
