//! An allocator that counts what is live.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

/// A global allocator that counts: live bytes (as asked for) and live allocations. Everything else it leaves to the one
/// that it wraps.
///
/// Counters are spread over shards, each on a cache line of its own, and a thread keeps to one shard, so that threads
/// seldom wait for each other's lines. All operations are relaxed: a figure read while others allocate is off by what is
/// under way, and never drifts.
pub struct Counting<A = System, const SHARDS: usize = 16> {
    inner: A,
    shards: [Shard; SHARDS],
}

/// What an allocator that counts can be asked.
pub trait Heap: Sync {
    /// Bytes that are allocated now, as they were asked for.
    fn live_bytes(&self) -> u64;
    /// Allocations that are not freed yet.
    fn live_allocations(&self) -> u64;
}

/// Two lines of 64 bytes, since processors fetch them in pairs. What was allocated in one shard may be freed in another:
/// each may be negative, and only their sum means something.
#[repr(align(128))]
struct Shard {
    bytes: AtomicIsize,
    allocations: AtomicIsize,
}

/// The shard of the next thread that allocates.
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// This thread's number, once it has one. Made without an allocation and without an end of its own, so that it can be
    /// used wherever a thread allocates.
    static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
}

// === impl Counting ===

impl Counting {
    /// Counts what comes from the system's allocator.
    #[must_use]
    pub const fn system() -> Self {
        Self::around(System)
    }
}

impl<A, const SHARDS: usize> Counting<A, SHARDS> {
    /// Counts what comes from this allocator.
    #[must_use]
    pub const fn around(inner: A) -> Self {
        const { assert!(SHARDS > 0, "there is nothing to count in without a shard") };
        Self {
            inner,
            shards: [const { Shard { bytes: AtomicIsize::new(0), allocations: AtomicIsize::new(0) } };
                SHARDS],
        }
    }

    /// Bytes that are allocated now, as they were asked for.
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        self.sum(|shard| &shard.bytes)
    }

    /// Allocations that are not freed yet.
    #[must_use]
    pub fn live_allocations(&self) -> u64 {
        self.sum(|shard| &shard.allocations)
    }

    /// The sum over all shards; what is freed while it is made may be missing and show as less than nothing.
    fn sum(&self, pick: fn(&Shard) -> &AtomicIsize) -> u64 {
        let sum = self
            .shards
            .iter()
            .fold(0_isize, |sum, shard| sum.wrapping_add(pick(shard).load(Ordering::Relaxed)));
        u64::try_from(sum).unwrap_or(0)
    }

    fn count(&self, bytes: isize, allocations: isize) {
        let shard = &self.shards[number() % SHARDS];
        shard.bytes.fetch_add(bytes, Ordering::Relaxed);
        if allocations != 0 {
            shard.allocations.fetch_add(allocations, Ordering::Relaxed);
        }
    }
}

impl<A: Sync, const SHARDS: usize> Heap for Counting<A, SHARDS> {
    fn live_bytes(&self) -> u64 {
        self.live_bytes()
    }

    fn live_allocations(&self) -> u64 {
        self.live_allocations()
    }
}

impl<A, const SHARDS: usize> fmt::Debug for Counting<A, SHARDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counting")
            .field("live_bytes", &self.live_bytes())
            .field("live_allocations", &self.live_allocations())
            .finish_non_exhaustive()
    }
}

// SAFETY: every call goes to the inner allocator with the arguments as they came, and what it answers is what the caller
// gets. Counting touches atomics and a thread-local cell only: it neither allocates nor unwinds.
unsafe impl<A: GlobalAlloc, const SHARDS: usize> GlobalAlloc for Counting<A, SHARDS> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises about the layout are passed on.
        let pointer = unsafe { self.inner.alloc(layout) };
        if !pointer.is_null() {
            self.count(signed(layout.size()), 1);
        }
        pointer
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let pointer = unsafe { self.inner.alloc_zeroed(layout) };
        if !pointer.is_null() {
            self.count(signed(layout.size()), 1);
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from the inner allocator with this layout, as the caller promises of this one.
        unsafe { self.inner.dealloc(pointer, layout) };
        self.count(-signed(layout.size()), -1);
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        let moved = unsafe { self.inner.realloc(pointer, layout, size) };
        if !moved.is_null() {
            self.count(signed(size) - signed(layout.size()), 0);
        }
        moved
    }
}

/// No allocation is larger than `isize::MAX`.
const fn signed(size: usize) -> isize {
    size.cast_signed()
}

/// The number of this thread.
fn number() -> usize {
    // The cell has no end of its own, so it is there until the thread is gone; the shard 0 serves if that ever changes.
    let own = |number: &Cell<usize>| {
        if number.get() == usize::MAX {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed) % (usize::MAX / 2));
        }
        number.get()
    };
    NUMBER.try_with(own).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    #[test]
    fn everything_live_is_counted_and_everything_freed_is_not() {
        let heap: Counting<System, 3> = Counting::around(System);
        // SAFETY: each pointer is freed once, with the layout that it has then.
        unsafe {
            let (one, two) = (heap.alloc(layout(100)), heap.alloc_zeroed(layout(50)));
            assert_eq!((heap.live_bytes(), heap.live_allocations()), (150, 2));
            let one = heap.realloc(one, layout(100), 1_000);
            assert_eq!((heap.live_bytes(), heap.live_allocations()), (1_050, 2));
            let one = heap.realloc(one, layout(1_000), 10);
            heap.dealloc(two, layout(50));
            assert_eq!((heap.live_bytes(), heap.live_allocations()), (10, 1));
            heap.dealloc(one, layout(10));
        }
        assert_eq!((heap.live_bytes(), heap.live_allocations()), (0, 0));
    }

    #[test]
    fn what_one_thread_allocates_another_may_free() {
        static HEAP: Counting<System, 4> = Counting::around(System);
        for _ in 0..20 {
            // SAFETY: freed once, below.
            let pointers: Vec<usize> = (0..100).map(|_| unsafe { HEAP.alloc(layout(64)) } as usize).collect();
            assert_eq!((HEAP.live_bytes(), HEAP.live_allocations()), (6_400, 100));
            let free = move || {
                for pointer in pointers {
                    // SAFETY: allocated above with this layout.
                    unsafe { HEAP.dealloc(pointer as *mut u8, layout(64)) };
                }
            };
            std::thread::spawn(free).join().unwrap();
            assert_eq!((HEAP.live_bytes(), HEAP.live_allocations()), (0, 0));
        }
    }

    #[test]
    fn an_allocation_that_fails_is_not_counted() {
        struct Empty;
        // SAFETY: null says that there is no memory, and is always allowed.
        unsafe impl GlobalAlloc for Empty {
            unsafe fn alloc(&self, _: Layout) -> *mut u8 {
                std::ptr::null_mut()
            }
            unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
        }
        let heap: Counting<Empty> = Counting::around(Empty);
        // SAFETY: null is never used.
        assert!(unsafe { heap.alloc(layout(8)) }.is_null());
        assert_eq!((heap.live_bytes(), heap.live_allocations()), (0, 0));
    }
}
