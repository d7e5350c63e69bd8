//! Kernel pipes through which bytes are moved without being copied.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// How much one way of a connection may have in the kernel between its two sockets, bytes.
pub const TRANSIT: usize = 256 << 10;

/// How many empty pipes a worker keeps for the next connection that needs one.
const SPARE: usize = 16;

/// A pipe, and how much is in it.
#[derive(Debug)]
pub(super) struct Transit {
    out: OwnedFd,
    mouth: OwnedFd,
    pub(super) holds: usize,
}

/// Pipes that nobody uses now.
#[derive(Debug, Default)]
pub(super) struct Transits {
    spare: Vec<Transit>,
}

// === impl Transits ===

impl Transits {
    /// A pipe, if the system has one.
    pub(super) fn lend(&mut self) -> Option<Transit> {
        self.spare.pop().or_else(Transit::open)
    }

    /// Takes a pipe back. One that still holds something is of no use.
    pub(super) fn take_back(&mut self, transit: Transit) {
        if transit.holds == 0 && self.spare.len() < SPARE {
            self.spare.push(transit);
        }
    }
}

// === impl Transit ===

impl Transit {
    fn open() -> Option<Self> {
        let (out, mouth) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        // Where the system refuses, the pipe stays at its usual 64 KiB.
        let _ = fcntl_setpipe_size(&mouth, TRANSIT);
        Some(Self { out, mouth, holds: 0 })
    }

    pub(super) fn out(&self) -> BorrowedFd<'_> {
        self.out.as_fd()
    }

    pub(super) fn mouth(&self) -> BorrowedFd<'_> {
        self.mouth.as_fd()
    }

    /// Reads what it holds.
    pub(super) fn drain(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; self.holds];
        let mut filled = 0;
        while filled < bytes.len() {
            match rustix::io::read(&self.out, &mut bytes[filled..]) {
                Ok(count) if count > 0 => filled += count,
                // It holds what we put in: nothing else ends this before it is empty.
                _ => break,
            }
        }
        bytes.truncate(filled);
        self.holds = 0;
        bytes
    }
}
