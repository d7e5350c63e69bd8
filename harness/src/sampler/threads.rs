//! Context switches, summed over threads that come and go. The kernel tells them thread by thread only, and forgets a
//! thread's with the thread.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;

use super::scan::Scan;

/// Voluntary and involuntary switches.
type Switches = (u64, u64);

/// What is known of the threads of one subject.
#[derive(Debug, Default)]
pub(super) struct Threads {
    /// By id and start: an id used again is another process.
    processes: BTreeMap<(i32, u64), Process>,
    /// Reused from file to file.
    text: String,
}

#[derive(Debug, Default)]
struct Process {
    /// Of threads that are gone.
    ended: Switches,
    threads: BTreeMap<i32, Switches>,
}

// === impl Threads ===

impl Threads {
    /// Reads the threads of these processes and says the sum of each. A zombie keeps what it had.
    pub(super) fn observe(&mut self, scan: &Scan, members: &[i32]) -> BTreeMap<i32, Switches> {
        self.processes.retain(|(pid, start), _| scan.get(*pid).is_some_and(|it| it.start == *start));
        let mut sums = BTreeMap::new();
        for (pid, seen) in members.iter().filter_map(|pid| Some((*pid, scan.get(*pid)?))) {
            let process = self.processes.entry((pid, seen.start)).or_default();
            if seen.alive {
                process.observe(read_threads(pid, &mut self.text));
            }
            sums.insert(pid, process.sum());
        }
        sums
    }
}

// === impl Process ===

impl Process {
    fn observe(&mut self, now: BTreeMap<i32, Switches>) {
        let is_same = |tid: &i32, before: &Switches| {
            now.get(tid).is_some_and(|it| it.0 >= before.0 && it.1 >= before.1)
        };
        for (_, before) in self.threads.iter().filter(|(tid, before)| !is_same(tid, before)) {
            self.ended = add(self.ended, *before);
        }
        self.threads = now;
    }

    fn sum(&self) -> Switches {
        self.threads.values().copied().fold(self.ended, add)
    }
}

fn add(left: Switches, right: Switches) -> Switches {
    (left.0.saturating_add(right.0), left.1.saturating_add(right.1))
}

fn read_threads(pid: i32, text: &mut String) -> BTreeMap<i32, Switches> {
    let mut threads = BTreeMap::new();
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return threads };
    for name in entries.flatten().map(|entry| entry.file_name()) {
        let Some(tid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        text.clear();
        let read = File::open(format!("/proc/{pid}/task/{tid}/status"))
            .and_then(|mut file| file.read_to_string(text));
        if let (Ok(_), Some(switches)) = (read, parse(text)) {
            threads.insert(tid, switches);
        }
    }
    threads
}

/// The two counters at the end of a `status` file. Parsed by hand: a full parse of every thread's file would be most of
/// what a sample costs.
fn parse(status: &str) -> Option<Switches> {
    let mut last_first = status.lines().rev();
    let mut figure = |name: &str| last_first.find_map(|line| line.strip_prefix(name))?.trim().parse().ok();
    let involuntary = figure("nonvoluntary_ctxt_switches:")?;
    Some((figure("voluntary_ctxt_switches:")?, involuntary))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_are_found_at_the_end() {
        let status = "Name:\tvoluntary_ctxt_switches:\nThreads:\t1\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(parse(status), Some((150, 7)));
        assert_eq!(parse("Name:\tx\n"), None);
    }

    #[test]
    fn threads_that_end_stay_counted() {
        let mut process = Process::default();
        process.observe(BTreeMap::from([(1, (5, 1)), (2, (10, 2))]));
        process.observe(BTreeMap::from([(1, (6, 1))]));
        assert_eq!(process.sum(), (16, 3));
    }

    #[test]
    fn a_thread_id_used_again_is_a_new_thread() {
        let mut process = Process::default();
        process.observe(BTreeMap::from([(1, (5, 1)), (2, (10, 2))]));
        process.observe(BTreeMap::from([(1, (5, 1)), (2, (3, 0))]));
        assert_eq!(process.sum(), (18, 3));
    }
}
