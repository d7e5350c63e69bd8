//! How much memory something takes at its most, counted where it is allocated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with an account for each thread.
pub struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

#[derive(Clone, Copy)]
struct Account {
    held: isize,
    most: isize,
}

thread_local! {
    static ACCOUNT: Cell<Account> = const { Cell::new(Account { held: 0, most: 0 }) };
}

/// The most bytes that are allocated at once while this is done, beyond what was before.
pub fn peak_of(doing: impl FnOnce()) -> usize {
    ACCOUNT.set(Account { held: 0, most: 0 });
    doing();
    usize::try_from(ACCOUNT.get().most).unwrap_or(0)
}

fn add(bytes: isize) {
    let Account { held, most } = ACCOUNT.get();
    let held = held + bytes;
    ACCOUNT.set(Account { held, most: most.max(held) });
}

// SAFETY: all is left to the system's allocator; the account is a plain number of the thread's own, which needs no
// memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as isize);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.dealloc(at, layout) }
    }
}
