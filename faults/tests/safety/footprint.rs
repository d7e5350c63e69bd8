//! What a process has: descriptors, threads, memory. And waiting for it to be as it was.

use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// "Clean" means: all back within this.
pub const CLEAN_WITHIN: Duration = Duration::from_secs(5);

/// What this process has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    pub descriptors: usize,
    pub threads: usize,
    /// Resident, bytes.
    pub memory: u64,
    /// Bytes that are allocated, which is less: the allocator keeps some of what was given back.
    pub allocated: u64,
}

// === impl Footprint ===

impl Footprint {
    pub fn now() -> Self {
        let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
        let resident = procfs::process::Process::myself().unwrap().statm().unwrap().resident;
        Self {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            memory: resident * procfs::page_size(),
            // SAFETY: it reads the allocator's books, under the allocator's own locks.
            allocated: unsafe { libc::mallinfo2() }.uordblks as u64,
        }
    }

    /// Waits until descriptors and threads are as they were here.
    pub fn wait_until_back(&self) {
        let is_back = || {
            let now = Self::now();
            (now.descriptors, now.threads) == (self.descriptors, self.threads)
        };
        wait_until("being clean", CLEAN_WITHIN, is_back);
    }
}

/// Raises the limit on descriptors as far as it goes, and says how far that is.
pub fn raise_limit() -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    usize::try_from(hard).unwrap_or(usize::MAX)
}

/// Waits until something holds.
pub fn wait_until(what: &str, longest: Duration, mut holds: impl FnMut() -> bool) {
    let began = now();
    while !holds() {
        assert!(began.elapsed() < longest, "{what} took longer than {longest:?}: {:?}", Footprint::now());
        pause(Duration::from_millis(1));
    }
}

#[expect(clippy::disallowed_methods, reason = "tests of real processes wait in real time")]
pub fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "waits for states in /proc, which nothing announces")]
pub fn pause(length: Duration) {
    std::thread::sleep(length);
}
