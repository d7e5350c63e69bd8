//! Open descriptors by kind. One `readlink` each.

use std::collections::BTreeMap;
use std::fs;
use std::str::FromStr as _;

use procfs::process::FDTarget;

/// The descriptors of several processes.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    /// How many, by `file`, `socket`, `pipe`, `event`, `other`. Two processes that share what they opened count twice.
    pub(super) by_kind: BTreeMap<String, u64>,
    /// How many each process has, in the order they were asked for, and how many of them are sockets.
    pub(super) by_process: Vec<(u64, u64)>,
    /// The inodes of sockets, process by process.
    pub(super) sockets_by_process: Vec<(i32, Vec<u64>)>,
}

// === impl Descriptors ===

impl Descriptors {
    /// Reads them. Processes and descriptors that vanish meanwhile, or may not be read, are left out.
    pub(super) fn of(processes: &[i32]) -> Self {
        let mut all = Self::default();
        for pid in processes {
            let had = all.by_process.len();
            all.add(*pid);
            all.by_process.resize(had + 1, (0, 0));
        }
        all
    }

    fn add(&mut self, pid: i32) {
        let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return };
        let mut sockets = Vec::new();
        let mut counts = [0_u64; KINDS.len()];
        for link in entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()) {
            let target = link.to_str().and_then(|text| FDTarget::from_str(text).ok());
            counts[kind(target.as_ref())] += 1;
            if let Some(FDTarget::Socket(inode)) = target {
                sockets.push(inode);
            }
        }
        for (name, count) in KINDS.iter().zip(counts).filter(|(_, count)| *count > 0) {
            *self.by_kind.entry((*name).to_owned()).or_default() += count;
        }
        self.by_process.push((counts.iter().sum(), sockets.len() as u64));
        if !sockets.is_empty() {
            self.sockets_by_process.push((pid, sockets));
        }
    }
}

const KINDS: [&str; 5] = ["file", "socket", "pipe", "event", "other"];

/// The place in [`KINDS`]. What has a path that is not UTF-8 has a path.
fn kind(target: Option<&FDTarget>) -> usize {
    match target {
        None | Some(FDTarget::Path(_) | FDTarget::MemFD(_)) => 0,
        Some(FDTarget::Socket(_)) => 1,
        Some(FDTarget::Pipe(_)) => 2,
        Some(FDTarget::AnonInode(name)) if is_event(name) => 3,
        Some(_) => 4,
    }
}

/// Whether an anonymous inode is something to wait on. The kernel writes some names with brackets and some without.
fn is_event(name: &str) -> bool {
    const EVENTS: [&str; 7] =
        ["eventfd", "eventpoll", "fanotify", "inotify", "io_uring", "signalfd", "timerfd"];
    EVENTS.contains(&name.trim_matches(['[', ']']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(link: &str, expected: &str) {
        assert_eq!(KINDS[kind(FDTarget::from_str(link).ok().as_ref())], expected, "{link}");
    }

    #[test]
    fn every_link_has_a_kind() {
        check("/var/log/x: y", "file");
        check("/dev/null", "file");
        check("/tmp/gone (deleted)", "file");
        check("/memfd:buffer (deleted)", "file");
        check("socket:[12345]", "socket");
        check("pipe:[1]", "pipe");
        check("anon_inode:[eventpoll]", "event");
        check("anon_inode:[eventfd]", "event");
        check("anon_inode:inotify", "event");
        check("anon_inode:[timerfd]", "event");
        check("anon_inode:[pidfd]", "other");
        check("net:[4026531840]", "other");
        check("mnt:[4026531841]", "other");
    }
}
