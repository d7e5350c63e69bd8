//! How much memory may be taken: what the host has, and what our control groups let us have of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use procfs::{Current as _, Meminfo};
use shakedown_scenarios::target::Amount;
use shakedown_scenarios::units::Size;

/// Whatever an experiment says, this share of all memory stays available.
const FLOOR: f64 = 0.10;

/// Memory at one instant, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// All memory of the host, or the limit of our control group where that is less.
    pub total: u64,
    /// What could be taken without pushing others out.
    pub available: u64,
}

/// The room there is now.
///
/// # Errors
/// If the kernel does not tell.
pub fn room() -> io::Result<Room> {
    let told = Meminfo::current().map_err(io::Error::other)?;
    let unknown = || io::Error::other("the kernel does not tell MemAvailable; it is older than 3.14");
    let host = Room { total: told.mem_total, available: told.mem_available.ok_or_else(unknown)? };
    Ok(groups().into_iter().fold(host, Room::within))
}

// === impl Room ===

impl Room {
    /// What must stay available.
    #[must_use]
    pub fn floor(&self, keep_available: Option<Size>) -> u64 {
        let tenth = (self.total as f64 * FLOOR) as u64;
        tenth.max(keep_available.map_or(0, Size::as_bytes))
    }

    /// The bytes that an amount means now.
    #[must_use]
    pub fn resolve(&self, amount: Amount) -> u64 {
        match amount {
            Amount::Size(size) => size.as_bytes(),
            Amount::Share(share) => (self.available as f64 * share.value()) as u64,
        }
    }

    /// Says why so much must not be taken, if it must not.
    #[must_use]
    pub fn refusal(&self, bytes: u64, keep_available: Option<Size>) -> Option<String> {
        let floor = self.floor(keep_available);
        let most = self.available.saturating_sub(floor);
        (bytes > most).then(|| {
            format!(
                "asked to take {}, but only {} may be taken: {} are available and {} must stay so",
                mebibytes(bytes),
                mebibytes(most),
                mebibytes(self.available),
                mebibytes(floor)
            )
        })
    }

    fn within(self, group: Self) -> Self {
        Self { total: self.total.min(group.total), available: self.available.min(group.available) }
    }
}

pub(super) fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

/// The room in each of our control groups that has a limit, from the innermost outwards, in either version.
fn groups() -> Vec<Room> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    folders(&own).iter().filter_map(|folder| in_group(folder)).collect()
}

/// The folders of the memory controller that `/proc/self/cgroup` names, innermost first.
fn folders(own: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let base = match controllers {
            "" => "/sys/fs/cgroup",
            list if list.split(',').any(|name| name == "memory") => "/sys/fs/cgroup/memory",
            _ => continue,
        };
        let inner = Path::new(path.trim_start_matches('/'));
        found.extend(inner.ancestors().map(|ancestor| Path::new(base).join(ancestor)));
    }
    found
}

fn in_group(folder: &Path) -> Option<Room> {
    let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    // Without a limit version 2 says `max`, which is no number, and version 1 says one beyond all memory.
    let total = number("memory.max").or_else(|| number("memory.limit_in_bytes"))?;
    let used = number("memory.current").or_else(|| number("memory.usage_in_bytes"))?;
    // The page cache counts as used and is given back when somebody needs it.
    let cache =
        statistic(folder, "inactive_file").or_else(|| statistic(folder, "total_inactive_file")).unwrap_or(0);
    Some(Room { total, available: total.saturating_sub(used.saturating_sub(cache)) })
}

fn statistic(folder: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(folder.join("memory.stat")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { total: 1_000 << 20, available: 500 << 20 };

    #[test]
    fn a_tenth_of_all_memory_stays_available_whatever_is_asked() {
        assert_eq!(ROOM.refusal(400 << 20, None), None);
        let refusal = ROOM.refusal(401 << 20, None).unwrap();
        assert_eq!(
            refusal,
            "asked to take 401 MiB, but only 400 MiB may be taken: 500 MiB are available and 100 MiB must stay so"
        );
    }

    #[test]
    fn more_stays_available_where_the_guard_says_so_but_never_less() {
        assert!(ROOM.refusal(301 << 20, Some(Size::bytes(200 << 20))).is_some());
        assert!(ROOM.refusal(300 << 20, Some(Size::bytes(200 << 20))).is_none());
        assert!(ROOM.refusal(401 << 20, Some(Size::bytes(1))).is_some());
    }

    #[test]
    fn a_control_groups_limit_counts_where_it_is_tighter() {
        let group = Room { total: 64 << 20, available: 32 << 20 };
        assert_eq!(ROOM.within(group), group);
        let unlimited = Room { total: u64::MAX, available: u64::MAX };
        assert_eq!(ROOM.within(unlimited), ROOM);
    }

    #[test]
    fn both_versions_of_control_groups_are_found_with_their_ancestors() {
        let own = "5:cpu,memory:/a/b\n1:name=systemd:/x\n0::/c\n";
        let expected = ["memory/a/b", "memory/a", "memory", "c", ""];
        let expected = expected.map(|end| Path::new("/sys/fs/cgroup").join(end));
        assert_eq!(folders(own), expected);
    }

    #[test]
    fn this_host_tells_its_room() {
        let room = room().unwrap();
        assert!(room.available > 0 && room.available <= room.total, "{room:?}");
    }
}
