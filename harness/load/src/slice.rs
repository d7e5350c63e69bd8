//! Asks the scheduler to let the load's thread run soon after it wakes, even where the machine is busy.
//!
//! The thread sleeps most of the time and needs a few microseconds often. Under Linux's EEVDF scheduler a short time
//! slice (settable since 6.12, without privileges) says just that: among threads with the same share, the one with the
//! shorter slice has the earlier deadline and runs first. It gets no more CPU time by it. An older kernel takes no notice.

/// The shortest slice that the kernel grants, in nanoseconds (`sched_attr.sched_runtime`; 0.1 to 100 ms).
const SLICE_NANOS: u64 = 100_000;

/// Asks for it; whether it was granted. Where it is not, lateness is larger on a busy machine, and is told as ever.
pub(crate) fn ask_for_short_slices() -> bool {
    // SAFETY: the structure is plain numbers, for which all zeros are valid.
    let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
    let size = u32::try_from(size_of::<libc::sched_attr>()).expect("the structure has some fifty bytes");
    // SAFETY: the kernel fills at most `size` bytes of a structure of that size; pid 0 is the calling thread.
    let got = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
    if got != 0 || attributes.sched_policy != libc::SCHED_OTHER as u32 {
        return false;
    }
    attributes.size = size;
    attributes.sched_runtime = SLICE_NANOS;
    // SAFETY: the kernel reads a structure of the size that stands in it.
    let set = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    set == 0
}
