//! Who belongs to whom.
//!
//! Descent alone does not do: a grandchild whose parent ended belongs to init. A marker in the environment alone does
//! not do either: servers that set their process title (nginx, Redis, Postgres) write over it. A session alone does
//! not do, since anybody may start one. So all three are looked at, and whoever slips through all of them at once (a
//! new session *and* a dead parent *and* an overwritten environment) is what this does not know.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{self, Row};
use super::{Identity, boot, has_ended};

/// The environment variable that every process of a run inherits; its value is the run's id.
pub const RUN_VARIABLE: &str = "SHAKEDOWN_RUN";

/// How to find processes that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Kin<'a> {
    /// These processes and all that descend from them.
    pub roots: &'a [Identity],
    /// Whether the members of the process groups and sessions that the roots lead, or led, belong to them too. That
    /// holds for what we started in a group of its own; a process that we only found may share its session with
    /// a person's whole terminal.
    pub groups: bool,
    /// Processes that were started with this `NAME=value` in their environment; see [`run_marker`].
    pub marker: Option<&'a str>,
}

/// The entry of the environment that marks the processes of a run.
#[must_use]
pub fn run_marker(run: &str) -> String {
    format!("{RUN_VARIABLE}={run}")
}

/// A process and all its living descendants, parents before children. Those that have ended and were not waited for
/// yet are not among them.
#[must_use]
pub fn tree(root: &Identity) -> Vec<Identity> {
    kin(&Kin { roots: std::slice::from_ref(root), groups: false, marker: None })
}

/// All living processes that were started with this `NAME=value` in their environment.
#[must_use]
pub fn marked(marker: &str) -> Vec<Identity> {
    kin(&Kin { roots: &[], groups: false, marker: Some(marker) })
}

/// All living processes that belong together, parents before children. This process and its ancestors are never
/// among them.
#[must_use]
pub fn kin(of: &Kin<'_>) -> Vec<Identity> {
    find(&table::all(), of).kin
}

/// What one look at the process table found.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Who belongs together.
    pub(super) kin: Vec<Identity>,
    /// Whether some process is between two programs: during `exec` it has no environment for a moment, so nobody can
    /// tell yet whose it is.
    pub(super) someone_is_being_born: bool,
}

/// Looks once.
pub(super) fn look(of: &Kin<'_>) -> Look {
    find(&table::all(), of)
}

fn find(table: &BTreeMap<i32, Row>, of: &Kin<'_>) -> Look {
    let Ok(boot) = boot() else { return Look::default() };
    let mut found = Vec::new();
    let mut unnamed = Vec::new();
    for root in of.roots.iter().filter(|root| root.boot == boot) {
        if is_there(table, root) {
            descend(table, root.pid, &mut found);
        }
        if of.groups {
            found.extend(table.values().filter(|row| shares_group(table, row, root)).map(|row| row.pid));
        }
    }
    if let Some(marker) = of.marker {
        for row in table.values() {
            match environment(row.pid) {
                bytes if bytes.is_empty() => unnamed.push(row),
                bytes if holds(&bytes, marker) => found.push(row.pid),
                _ => {}
            }
        }
    }
    let untouchable = table::ancestors();
    // One of ours that is being born has one of ours for its parent, or whoever took it over when that ended: the first
    // process, or an ancestor of ours. Elsewhere on a busy host somebody always is.
    let may_be_ours = |parent: i32| {
        parent == 1 || parent == table::own_pid() || untouchable.contains(&parent) || found.contains(&parent)
    };
    let someone_is_being_born =
        unnamed.iter().any(|row| row.is_young_program(table) && may_be_ours(row.parent));
    let mut seen = BTreeSet::from([table::own_pid()]);
    let rows = found.into_iter().filter_map(|pid| table.get(&pid));
    let kin = rows
        .filter(|row| !has_ended(row.state) && !untouchable.contains(&row.pid) && seen.insert(row.pid))
        .map(|row| Identity { pid: row.pid, start_ticks: row.start_ticks, boot: boot.to_owned() })
        .collect();
    Look { kin, someone_is_being_born }
}

fn is_there(table: &BTreeMap<i32, Row>, root: &Identity) -> bool {
    table.get(&root.pid).is_some_and(|row| row.start_ticks == root.start_ticks)
}

/// Appends a process and its descendants, generation after generation.
fn descend(table: &BTreeMap<i32, Row>, root: i32, found: &mut Vec<i32>) {
    let mut generation = vec![root];
    let mut seen = BTreeSet::from([root]);
    while !generation.is_empty() {
        found.extend(&generation);
        let children = table.values().filter(|row| generation.contains(&row.parent));
        generation = children.map(|row| row.pid).filter(|pid| seen.insert(*pid)).collect();
    }
}

/// Whether a process is in the group or session that a root leads, or led. The kernel gives a number to nobody else
/// while a group or session has it, so members that are left after their leader's end are still its own; they must
/// have started after it.
fn shares_group(table: &BTreeMap<i32, Row>, row: &Row, root: &Identity) -> bool {
    let number_is_ours = match table.get(&root.pid) {
        Some(leader) => leader.start_ticks == root.start_ticks,
        None => true,
    };
    let member = row.group == root.pid || row.session == root.pid;
    member && number_is_ours && row.start_ticks >= root.start_ticks
}

/// The environment that a process was started with; empty while it is between two programs, and where it is not ours
/// to read.
fn environment(pid: i32) -> Vec<u8> {
    std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default()
}

fn holds(environment: &[u8], entry: &str) -> bool {
    environment.split(|byte| *byte == 0).any(|variable| variable == entry.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pid: i32, parent: i32, group: i32, state: char) -> (i32, Row) {
        let start_ticks = 100 + u64::from(pid.unsigned_abs());
        (pid, Row { pid, parent, group, session: group, state, start_ticks, is_kernel: false })
    }

    fn identity(pid: i32) -> Identity {
        Identity { pid, start_ticks: 100 + u64::from(pid.unsigned_abs()), boot: boot().unwrap().to_owned() }
    }

    // Numbers beyond what the kernel gives out, so that none of them is this test's own ancestor.
    const ROOT: i32 = 90_000_000;

    fn found(rows: &[(i32, Row)], root: &Identity) -> Vec<i32> {
        let kin = Kin { roots: std::slice::from_ref(root), groups: true, marker: None };
        let found = find(&rows.iter().copied().collect(), &kin).kin;
        found.iter().map(|identity| identity.pid - ROOT).collect()
    }

    #[test]
    fn descendants_come_after_their_parents_and_the_ended_are_left_out() {
        let rows = [
            row(ROOT, 1, 1, 'S'),
            row(ROOT + 1, ROOT + 3, 1, 'S'),
            row(ROOT + 2, ROOT, 1, 'Z'),
            row(ROOT + 3, ROOT, 1, 'S'),
            row(ROOT + 4, 1, 1, 'S'),
        ];
        assert_eq!(found(&rows, &identity(ROOT)), [0, 3, 1]);
    }

    #[test]
    fn members_of_its_group_outlive_their_leader() {
        let rows = [row(ROOT + 1, 1, ROOT, 'S'), row(ROOT + 2, 1, ROOT + 2, 'S')];
        assert_eq!(found(&rows, &identity(ROOT)), [1]);
    }

    #[test]
    fn a_number_that_was_used_again_has_no_kin() {
        let rows = [row(ROOT, 1, ROOT, 'S'), row(ROOT + 1, ROOT, ROOT, 'S')];
        let earlier = Identity { start_ticks: 7, ..identity(ROOT) };
        assert_eq!(found(&rows, &earlier), [0; 0]);
    }

    #[test]
    fn a_root_of_another_boot_has_no_kin() {
        let rows = [row(ROOT, 1, ROOT, 'S')];
        let earlier = Identity { boot: "another".to_owned(), ..identity(ROOT) };
        assert_eq!(found(&rows, &earlier), [0; 0]);
    }

    #[test]
    fn a_table_that_changed_while_it_was_read_may_hold_a_loop() {
        let rows = [row(ROOT, ROOT + 1, 1, 'S'), row(ROOT + 1, ROOT, 1, 'S')];
        assert_eq!(found(&rows, &identity(ROOT)), [0, 1]);
    }

    /// Found by killing a harness right after it started its target: during `exec` a process has no environment, and
    /// somebody who looked at that moment thought that nobody was left.
    #[test]
    fn who_has_no_environment_yet_may_be_one_of_ours() {
        let born = |young: Row| {
            let newest = row(ROOT + 9, 1, 1, 'Z');
            let table = [(young.pid, young), newest].into_iter().collect();
            find(&table, &Kin { roots: &[], groups: false, marker: Some("A=b") }).someone_is_being_born
        };
        let (_, orphan) = row(ROOT, 1, 1, 'R');
        assert!(born(orphan));
        assert!(born(Row { parent: table::own_pid(), ..orphan }));
        assert!(!born(Row { parent: ROOT + 5, ..orphan }), "somebody else's child");
        assert!(!born(Row { state: 'Z', ..orphan }), "one that has ended");
        assert!(!born(Row { is_kernel: true, ..orphan }), "a thread of the kernel");
        assert!(
            !born(Row { start_ticks: 0, ..orphan }),
            "one that was started long ago without an environment"
        );
    }
}
