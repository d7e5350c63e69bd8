//! Where datagrams are read into: one buffer for each thread, since no datagram is looked at across an `await`.

use std::cell::RefCell;

/// The longest datagram there can be, so that none is ever cut.
pub(super) const LONGEST: usize = 65_536;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends out this thread's buffer. Within a loan there must not be another.
pub(super) fn with<R>(work: impl FnOnce(&mut [u8]) -> R) -> R {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(LONGEST, 0);
        work(buffer)
    })
}
