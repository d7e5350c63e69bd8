//! Asks the kernel to wake the load's thread in time, and to let it run soon after it wakes, even where the machine is busy.
//!
//! The thread sleeps most of the time and needs a few microseconds often. Under Linux's EEVDF scheduler a short time
//! slice (settable since 6.12, without privileges) says just that: among threads with the same share, the one with the
//! shorter slice has the earlier deadline and runs first. It gets no more CPU time by it. An older kernel takes no notice.

/// The shortest slice that the kernel grants, in nanoseconds (`sched_attr.sched_runtime`; 0.1 to 100 ms).
const SLICE_NANOS: u64 = 100_000;

/// Asks for it on behalf of the calling thread. Where it is not granted, a busy machine makes the load later than it
/// need be, and that is told as ever.
pub(crate) fn ask_for_short_slices() {
    if let Some(mut attributes) = attributes().filter(|now| now.sched_policy == libc::SCHED_OTHER as u32) {
        attributes.sched_runtime = SLICE_NANOS;
        // SAFETY: the kernel reads a structure of the size that stands in it; pid 0 is the calling thread.
        let _ = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    }
}

/// The least that the kernel lets a timer of a thread be late, to fire it together with others, in nanoseconds (prctl(2),
/// `PR_SET_TIMERSLACK`). Usually it is 50,000.
const SLACK_NANOS: libc::c_ulong = 1;

/// Asks for sleeps of the calling thread to end when they should. Where it is not granted, the load is that much late.
pub(crate) fn ask_for_exact_sleep() {
    let _ = nix::sys::prctl::set_timerslack(SLACK_NANOS);
}

/// How the calling thread is scheduled now.
fn attributes() -> Option<libc::sched_attr> {
    // SAFETY: the structure is plain numbers, for which all zeros are valid.
    let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::sched_attr>();
    // SAFETY: the kernel fills at most `size` bytes of a structure of that size; pid 0 is the calling thread.
    let got = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
    (got == 0).then_some(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_else_of_the_threads_scheduling_changes() {
        let facts =
            |now: libc::sched_attr| (now.sched_policy, now.sched_nice, now.sched_priority, now.sched_flags);
        let before = attributes().unwrap();
        ask_for_short_slices();
        let after = attributes().unwrap();
        assert_eq!(facts(before), facts(after));
        // A kernel before 6.12 leaves it at zero.
        assert!(
            [0, SLICE_NANOS, before.sched_runtime].contains(&after.sched_runtime),
            "{}",
            after.sched_runtime
        );
    }
}
