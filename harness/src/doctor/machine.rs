//! The kernel and what it lets us do. Facts are read first, and judged by pure functions.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use procfs::Current as _;
use shakedown_faults::process;

use super::Check;
use crate::clock::Clock;

/// Descriptors that one connection through a link takes in the harness: the load's end, and the proxy's two.
const PER_CONNECTION: u64 = 3;

/// Descriptors for everything else: journal, logs, runtime, probes.
const RESERVE: u64 = 128;

pub(super) fn examine() -> Vec<Check> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((0, 0));
    vec![
        kernel(&read("/proc/sys/kernel/osrelease")),
        cores(std::thread::available_parallelism().map_or(1, usize::from)),
        memory(),
        descriptors(soft, hard),
        pidfd(
            process::myself().and_then(|own| process::watch_end(&own)).is_ok_and(|handle| handle.is_some()),
        ),
        share_of_memory(Path::new("/proc/self/smaps_rollup").exists(), nix::unistd::geteuid().is_root()),
        pressure(Path::new("/proc/pressure/memory").exists()),
        control_groups(&read("/proc/self/mounts")),
        user_namespaces(
            &read("/proc/sys/user/max_user_namespaces"),
            &read("/proc/sys/kernel/unprivileged_userns_clone"),
        ),
        timers(&overshoots()),
    ]
}

/// A file's text without its last line end; empty where it cannot be read.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim_end().to_owned()
}

/// 5.3 brought `pidfd_open`, the last of the calls without which signals could reach the wrong process.
fn kernel(release: &str) -> Check {
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= (5, 3) => Check::good("kernel", release),
        (Some(_), Some(_)) => Check::limited(
            "kernel",
            release,
            "use Linux 5.3 or later, whose process handles cannot be mixed up",
        ),
        _ => Check::limited("kernel", format!("`{release}` is no version"), "use Linux 5.3 or later"),
    }
}

fn cores(count: usize) -> Check {
    match count {
        0 | 1 => Check::limited(
            "cores",
            count.to_string(),
            "load, proxy and target will wait for each other; read latencies with care, or use two cores or more",
        ),
        _ => Check::good("cores", count.to_string()),
    }
}

fn memory() -> Check {
    match procfs::Meminfo::current() {
        Ok(memory) => memory_left(memory.mem_available.unwrap_or(memory.mem_free), memory.mem_total),
        Err(error) => Check::missing("memory", format!("/proc/meminfo: {error}"), "mount /proc"),
    }
}

fn memory_left(available: u64, total: u64) -> Check {
    let found = format!("{} MiB available of {} MiB", available >> 20, total >> 20);
    if available < 512 << 20 {
        return Check::limited(
            "memory",
            found,
            "memory pressure will be small, and the report of a long run slow",
        );
    }
    Check::good("memory", found)
}

fn descriptors(soft: u64, hard: u64) -> Check {
    let connections = |limit: u64| limit.saturating_sub(RESERVE) / PER_CONNECTION;
    let found = format!("{soft} (at most {hard}): about {} connections through links", connections(soft));
    if connections(soft) >= 1_000 {
        return Check::good("descriptors", found);
    }
    let advice = format!("`ulimit -n {hard}` before the run allows about {}", connections(hard));
    Check::limited("descriptors", found, advice)
}

fn pidfd(works: bool) -> Check {
    if works {
        return Check::good("pidfd", "works");
    }
    let advice =
        "processes are told apart by their start time instead; stop and kill faults still find the right one";
    Check::limited("pidfd", "refused by the kernel or a sandbox", advice)
}

fn share_of_memory(is_there: bool, is_root: bool) -> Check {
    match (is_there, is_root) {
        (true, true) => Check::good("smaps_rollup", "readable for every process"),
        (true, false) => Check::good("smaps_rollup", "readable for your own processes"),
        (false, _) => Check::limited(
            "smaps_rollup",
            "not there",
            "reports will lack the proportional share (PSS) of memory",
        ),
    }
}

fn pressure(is_there: bool) -> Check {
    if is_there {
        return Check::good("pressure stall information", "there");
    }
    let advice = "reports will not show how long the machine waited; boot with psi=1 where the kernel has it";
    Check::limited("pressure stall information", "not there", advice)
}

/// `mounts` is the text of `/proc/self/mounts`.
fn control_groups(mounts: &str) -> Check {
    let mut versions = Vec::new();
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let version = match fields[..] {
            [_, path, "cgroup2", ..] => format!("v2 at {path}"),
            [_, _, "cgroup", options, ..] => format!("v1 ({})", controllers(options)),
            _ => continue,
        };
        versions.push(version);
    }
    if versions.is_empty() {
        return Check::limited("control groups", "none mounted", "no fault of this version needs them");
    }
    Check::good("control groups", versions.join(", "))
}

/// The controllers among the mount options of a version 1 hierarchy, whose other options are not of interest.
fn controllers(options: &str) -> String {
    const OTHERS: [&str; 7] = ["rw", "ro", "nosuid", "nodev", "noexec", "relatime", "xattr"];
    let names: Vec<&str> = options.split(',').filter(|option| !OTHERS.contains(option)).collect();
    names.join(" ")
}

/// `most` is `user.max_user_namespaces`; `clone` is Debian's own switch, empty on other systems.
fn user_namespaces(most: &str, clone: &str) -> Check {
    let name = "user namespaces";
    match (most, clone) {
        ("" | "0", _) => Check::limited(name, "switched off", "no fault of this version needs them"),
        (_, "0") => Check::limited(name, "for root only", "no fault of this version needs them"),
        _ => Check::good(name, format!("at most {most}")),
    }
}

/// How late a wait of one millisecond ends, several times, in microseconds.
fn overshoots() -> Vec<u64> {
    const WAIT: Duration = Duration::from_millis(1);
    let (_never, nothing) = mpsc::channel::<()>();
    let clock = Clock::start();
    let late = |_| {
        let before = clock.now();
        let _ = nothing.recv_timeout(WAIT);
        clock.now().minus(before).as_micros().saturating_sub(1_000)
    };
    (0..31).map(late).collect()
}

fn timers(overshoots_us: &[u64]) -> Check {
    let mut sorted = overshoots_us.to_vec();
    sorted.sort_unstable();
    let Some(median) = sorted.get(sorted.len() / 2) else {
        return Check::limited("timers", "not measured", "run this again");
    };
    let found = format!("a wait of 1 ms ends {median} µs late (median of {})", sorted.len());
    if *median <= 500 {
        return Check::good("timers", found);
    }
    let advice =
        format!("the load will not be spaced finer than that; read latencies below {median} µs with care");
    Check::limited("timers", found, advice)
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[track_caller]
    fn check(check: &Check, state: State, found: &str) {
        assert_eq!((check.state, check.found.as_str()), (state, found), "{check:?}");
    }

    #[test]
    fn kernels_are_judged_by_version() {
        check(&kernel("6.18.44-amd64"), State::Good, "6.18.44-amd64");
        check(&kernel("5.3.0"), State::Good, "5.3.0");
        check(&kernel("5.10-rc1"), State::Good, "5.10-rc1");
        check(&kernel("4.19.0-27"), State::Limited, "4.19.0-27");
        check(&kernel(""), State::Limited, "`` is no version");
    }

    #[test]
    fn descriptors_are_counted_in_connections() {
        let few = descriptors(1_024, 20_000);
        check(&few, State::Limited, "1024 (at most 20000): about 298 connections through links");
        assert_eq!(few.advice, "`ulimit -n 20000` before the run allows about 6624");
        check(
            &descriptors(20_000, 20_000),
            State::Good,
            "20000 (at most 20000): about 6624 connections through links",
        );
        check(&descriptors(0, 0), State::Limited, "0 (at most 0): about 0 connections through links");
    }

    #[test]
    fn both_versions_of_control_groups_are_named() {
        let hybrid = "proc /proc proc rw 0 0\n\
            cgroup /sys/fs/cgroup/cpu cgroup rw,nosuid,nodev,noexec,relatime,cpu,cpuacct 0 0\n\
            cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nosuid 0 0\n";
        check(&control_groups(hybrid), State::Good, "v1 (cpu cpuacct), v2 at /sys/fs/cgroup/unified");
        check(&control_groups("proc /proc proc rw 0 0\n"), State::Limited, "none mounted");
    }

    #[test]
    fn user_namespaces_have_two_switches() {
        check(&user_namespaces("1000", ""), State::Good, "at most 1000");
        check(&user_namespaces("1000", "1"), State::Good, "at most 1000");
        check(&user_namespaces("1000", "0"), State::Limited, "for root only");
        check(&user_namespaces("0", ""), State::Limited, "switched off");
    }

    #[test]
    fn timers_are_judged_by_their_median() {
        check(&timers(&[90, 100, 90_000]), State::Good, "a wait of 1 ms ends 100 µs late (median of 3)");
        check(&timers(&[600, 700, 10]), State::Limited, "a wait of 1 ms ends 600 µs late (median of 3)");
        check(&timers(&[]), State::Limited, "not measured");
    }

    #[test]
    fn little_memory_is_said() {
        check(&memory_left(4 << 30, 8 << 30), State::Good, "4096 MiB available of 8192 MiB");
        check(&memory_left(100 << 20, 8 << 30), State::Limited, "100 MiB available of 8192 MiB");
    }

    #[test]
    fn what_the_kernel_lacks_is_said() {
        assert_eq!(cores(1).state, State::Limited);
        assert_eq!(cores(2).state, State::Good);
        assert_eq!((pidfd(false).state, pressure(false).state), (State::Limited, State::Limited));
        assert_eq!(share_of_memory(false, true).state, State::Limited);
    }
}
