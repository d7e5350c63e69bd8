//! One end of a connection: a socket that never blocks, and what is known of its readiness.
//!
//! Readiness is edge-triggered: it is remembered until the socket says otherwise, so that no system call is made only to
//! be told that there is nothing to do. A read that gives less than was asked for has emptied the socket, and a write
//! that takes less has filled it (epoll(7), questions 9 and its answer), unless the other side has said that it is through.

use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{SendFlags, sockopt};
use rustix::pipe::{SpliceFlags, splice};
use shakedown_scenarios::units::Span;
use socket2::SockRef;

use super::arrival;

/// A socket of a connection.
#[derive(Debug)]
pub(super) struct Peer {
    socket: OwnedFd,
    /// There may be something to read.
    pub(super) readable: bool,
    /// There may be room to write to.
    pub(super) writable: bool,
    /// It has said that nothing more will come, so that reading is over only at its end.
    ends: bool,
    /// Whether it is known to have reset the connection. A socket tells that only once, to whoever asks first.
    pub(super) broken: bool,
    /// Whether that was put into its way already.
    pub(super) told: bool,
    /// What it reads has a stamp that tells when it came.
    stamps: bool,
}

/// What became of an attempt to move bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// So many; never none.
    Some(usize),
    /// None, now.
    Blocked,
    /// There will be no more: the stream is at its end.
    End,
    /// The connection is gone.
    Broken,
}

/// What every socket is watched for.
pub(super) const WATCHED: EventFlags =
    EventFlags::IN.union(EventFlags::OUT).union(EventFlags::RDHUP).union(EventFlags::ET);

// === impl Peer ===

impl Peer {
    /// A socket that was accepted, or is being connected.
    pub(super) const fn new(socket: OwnedFd, connected: bool) -> Self {
        Self {
            socket,
            readable: false,
            writable: connected,
            ends: false,
            broken: false,
            told: false,
            stamps: false,
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Notes what the kernel told.
    pub(super) fn note(&mut self, flags: EventFlags) {
        self.readable |=
            flags.intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        self.writable |= flags.contains(EventFlags::OUT);
        self.ends |= flags.intersects(EventFlags::RDHUP | EventFlags::HUP);
        self.broken |= flags.contains(EventFlags::ERR);
    }

    /// Whether it said that nothing more will come.
    pub(super) const fn ends(&self) -> bool {
        self.ends
    }

    /// Reads into a buffer that is not empty.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Moved {
        let room = buffer.len();
        let read = rustix::io::read(&self.socket, buffer);
        self.noted_read(read, room)
    }

    /// Reads at most so many bytes, which is more than none, into the room of an empty vector; tells how long ago they
    /// came, if that is known.
    pub(super) fn read_into(&mut self, buffer: &mut Vec<u8>, most: usize) -> (Moved, Span) {
        buffer.reserve_exact(most);
        let room = buffer.spare_capacity_mut().len().min(most);
        let spare = &mut buffer.spare_capacity_mut()[..room];
        let read = match self.stamps {
            true => arrival::read(self.socket.as_fd(), spare),
            false => rustix::io::read(&self.socket, spare).map(|(bytes, _)| (bytes.len(), Span::ZERO)),
        };
        if let Ok((count, _)) = read {
            // SAFETY: the kernel has written the first `count` bytes of the spare capacity.
            unsafe { buffer.set_len(count) };
        }
        let ago = read.map_or(Span::ZERO, |(_, ago)| ago);
        (self.noted_read(read.map(|(count, _)| count), room), ago)
    }

    /// Has the kernel note when bytes come, or not.
    pub(super) fn stamp(&mut self, on: bool) {
        if self.stamps != on {
            self.stamps = on;
            arrival::stamp(self.socket.as_fd(), on);
        }
    }

    fn noted_read(&mut self, read: rustix::io::Result<usize>, room: usize) -> Moved {
        match read {
            Ok(0) => Moved::End,
            Ok(count) => {
                self.readable = count == room || self.ends;
                Moved::Some(count)
            }
            Err(error) => self.refused(error, true),
        }
    }

    /// Writes some of these bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Moved {
        match rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL) {
            Ok(count) => {
                self.writable = count == bytes.len();
                Moved::Some(count)
            }
            Err(error) => self.refused(error, false),
        }
    }

    /// Moves bytes into a kernel pipe without looking at them.
    pub(super) fn splice_to(&mut self, pipe: BorrowedFd<'_>, most: usize) -> Moved {
        match splice(&self.socket, None, pipe, None, most, SpliceFlags::MOVE | SpliceFlags::NONBLOCK) {
            Ok(0) => Moved::End,
            Ok(count) => Moved::Some(count),
            Err(error) => self.refused(error, true),
        }
    }

    /// Takes bytes out of a kernel pipe that holds so many.
    pub(super) fn splice_from(&mut self, pipe: BorrowedFd<'_>, count: usize) -> Moved {
        match splice(pipe, None, &self.socket, None, count, SpliceFlags::MOVE | SpliceFlags::NONBLOCK) {
            Ok(0) => Moved::Blocked,
            Ok(count) => Moved::Some(count),
            Err(error) => self.refused(error, false),
        }
    }

    fn refused(&mut self, error: Errno, reading: bool) -> Moved {
        if error == Errno::AGAIN || error == Errno::INTR {
            let blocked = error == Errno::AGAIN;
            if reading {
                self.readable &= !blocked
            } else {
                self.writable &= !blocked
            }
            return Moved::Blocked;
        }
        Moved::Broken
    }

    /// Whether there are bytes to be read, without reading them.
    pub(super) fn peek(&self) -> Moved {
        match rustix::net::recv(&self.socket, &mut [0_u8; 1], rustix::net::RecvFlags::PEEK) {
            Ok((0, _)) => Moved::End,
            Ok((count, _)) => Moved::Some(count),
            Err(Errno::AGAIN) => Moved::Blocked,
            Err(_) => Moved::Broken,
        }
    }

    /// How many bytes wait to be read.
    pub(super) fn unread(&self) -> usize {
        // It fails only for a socket that is none.
        rustix::io::ioctl_fionread(&self.socket)
            .map_or(0, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// Passes an end of stream on. It fails only if the socket is gone already, which its own way tells.
    pub(super) fn shut_write(&self) {
        let _ = SockRef::from(&self.socket).shutdown(Shutdown::Write);
    }

    /// Lets its close be a RST.
    pub(super) fn reset_at_close(&self) {
        let _ = sockopt::set_socket_linger(&self.socket, Some(std::time::Duration::ZERO));
    }

    /// Makes its receive buffer so small; the kernel has a least size of its own.
    pub(super) fn set_window(&self, bytes: usize) {
        let _ = sockopt::set_socket_recv_buffer_size(&self.socket, bytes);
    }

    /// Whether its connect succeeded, though it may have been reset since.
    pub(super) fn was_connected(&self) -> bool {
        let error = sockopt::socket_error(&self.socket);
        // The kernel tells an error once; that it was reset is remembered here.
        matches!(error, Ok(Ok(()) | Err(Errno::CONNRESET | Errno::PIPE)))
    }

    /// Whether it is connected to itself: a connect to a port of this machine that nobody listens on may be given that
    /// very port to come from.
    pub(super) fn is_itself(&self, called: SocketAddr) -> bool {
        let own = SockRef::from(&self.socket).local_addr();
        own.is_ok_and(|own| own.as_socket() == Some(called))
    }
}
