//! The memory of a control group (cgroup), of either version: what the kernel charges to it without what it only keeps
//! of files. Beside the memory of the group's processes that is the kernel's own for them: buffers of sockets, page
//! tables, stacks.
//!
//! A target has a group of its own if the harness is neither in it nor in one within it, as when it is attached to in a
//! container. All processes of that group count, also those that are not of the target's tree.

use std::fs;
use std::path::{Path, PathBuf};

use procfs::FromRead as _;
use procfs::ProcessCGroups;
use procfs::process::MountInfos;

/// Where groups are mounted that account for memory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    /// The group that is seen at [`at`](Self::at).
    root: PathBuf,
    at: PathBuf,
    version: Version,
}

/// The two interfaces differ in the names of their files, and in what stands in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The groups of this machine, and those that the harness is in.
#[derive(Debug)]
pub(super) struct Groups {
    /// With the harness's own group in it; the first that a process is in counts.
    mounts: Vec<(Mount, PathBuf)>,
}

// === impl Groups ===

impl Groups {
    /// Nothing where there are no groups, or none may be read.
    pub(super) fn read() -> Self {
        let Some(own) = groups_of("self") else { return Self { mounts: Vec::new() } };
        let mounts = mounts().into_iter().filter_map(|mount| {
            let group = mount.version.group(&own)?;
            Some((mount, group))
        });
        Self { mounts: mounts.collect() }
    }

    /// The memory of the group that a process is in, in bytes; `None` if it has none of its own.
    pub(super) fn memory(&self, pid: i32) -> Option<u64> {
        let groups = groups_of(&pid.to_string())?;
        self.mounts.iter().find_map(|(mount, own)| {
            let group = mount.version.group(&groups)?;
            if own.starts_with(&group) {
                return None;
            }
            mount.version.memory(&mount.folder(&group)?)
        })
    }
}

fn groups_of(pid: &str) -> Option<ProcessCGroups> {
    ProcessCGroups::from_file(format!("/proc/{pid}/cgroup")).ok()
}

/// Version 1 first: where both are mounted, it is the one that has the memory controller.
fn mounts() -> Vec<Mount> {
    let Ok(all) = MountInfos::from_file("/proc/self/mountinfo") else { return Vec::new() };
    let mut mounts: Vec<Mount> = all
        .into_iter()
        .filter_map(|it| {
            let version = match it.fs_type.as_str() {
                "cgroup" if it.super_options.contains_key("memory") => Version::One,
                "cgroup2" => Version::Two,
                _ => return None,
            };
            Some(Mount { root: it.root.into(), at: it.mount_point, version })
        })
        .collect();
    mounts.sort_by_key(|mount| mount.version == Version::Two);
    mounts
}

// === impl Mount ===

impl Mount {
    /// The folder of a group; `None` if it cannot be seen from here.
    fn folder(&self, group: &Path) -> Option<PathBuf> {
        let below = group.strip_prefix(&self.root).ok()?;
        let inside = !below.components().any(|part| part == std::path::Component::ParentDir);
        inside.then(|| self.at.join(below))
    }
}

// === impl Version ===

impl Version {
    fn group(self, all: &ProcessCGroups) -> Option<PathBuf> {
        let found = all.0.iter().find(|group| match self {
            Self::One => group.controllers.iter().any(|controller| controller == "memory"),
            Self::Two => group.hierarchy == 0,
        });
        found.map(|group| PathBuf::from(&group.pathname))
    }

    /// Of the group with this folder.
    fn memory(self, folder: &Path) -> Option<u64> {
        let (used, stat) = match self {
            Self::One => ("memory.usage_in_bytes", &["total_cache", "total_shmem"]),
            Self::Two => ("memory.current", &["file", "shmem"]),
        };
        let read = |file: &str| fs::read_to_string(folder.join(file)).ok();
        let used: u64 = read(used)?.trim().parse().ok()?;
        without_files(used, &read("memory.stat")?, *stat)
    }
}

/// Takes from the use what `memory.stat` says is cache: pages of files, in which shared memory is counted as well and is
/// none, and (where told) what the kernel could give back of its own: names and inodes of files, mostly.
fn without_files(used: u64, stat: &str, [cache, shared]: [&str; 2]) -> Option<u64> {
    let figure = |name: &str| {
        let value = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value?.trim().parse::<u64>().ok()
    };
    let files = figure(cache)?.saturating_sub(figure(shared).unwrap_or(0));
    Some(used.saturating_sub(files).saturating_sub(figure("slab_reclaimable").unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_files_is_taken_out_and_shared_memory_is_not() {
        let two = "anon 600\nfile 300\nfile_mapped 1\nshmem 100\nslab_reclaimable 50\nslab 70\n";
        assert_eq!(without_files(1_000, two, ["file", "shmem"]), Some(1_000 - (300 - 100) - 50));
        let one = "cache 1\nrss 2\ntotal_cache 300\ntotal_rss 600\ntotal_shmem 100\n";
        assert_eq!(without_files(1_000, one, ["total_cache", "total_shmem"]), Some(800));
        // Both files are read one after the other: what was freed between them is no debt.
        assert_eq!(without_files(10, one, ["total_cache", "total_shmem"]), Some(0));
        assert_eq!(without_files(10, "anon 5\n", ["file", "shmem"]), None);
        assert_eq!(without_files(10, "file many\n", ["file", "shmem"]), None);
    }

    #[test]
    fn a_group_is_looked_for_below_its_mount_only() {
        let mount =
            |root: &str| Mount { root: root.into(), at: "/sys/fs/cgroup".into(), version: Version::Two };
        let folder = |root: &str, group: &str| mount(root).folder(Path::new(group));
        assert_eq!(folder("/", "/shop/web"), Some("/sys/fs/cgroup/shop/web".into()));
        assert_eq!(folder("/shop", "/shop/web"), Some("/sys/fs/cgroup/web".into()));
        assert_eq!(folder("/shop", "/other"), None);
        assert_eq!(folder("/", "/../other"), None);
    }

    #[test]
    fn the_harness_has_no_group_of_its_own() {
        assert_eq!(Groups::read().memory(std::process::id() as i32), None);
    }
}
