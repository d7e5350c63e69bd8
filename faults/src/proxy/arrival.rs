//! When bytes came. A thread learns of them only once it is woken, tens of microseconds after the kernel took them in; a
//! delay that counts from then is late by that. The kernel stamps what it takes in if asked to (`SO_TIMESTAMPNS`,
//! socket(7)), and tells the stamp of the last segment with what is read.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use shakedown_scenarios::units::Span;

/// Stamps are in the time of day, which may be set while bytes wait: no more than this is believed, and that is more than
/// a wake-up takes.
const MOST: Span = Span::millis(1);

/// Room for the one control message that is asked for, as `CMSG_SPACE` has it, and aligned as the kernel wants it.
type Control = [u64; 8];

/// Asks for stamps, or for none.
pub(super) fn stamp(socket: BorrowedFd<'_>, on: bool) {
    let on = libc::c_int::from(on);
    let length = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the socket is open as long as it is borrowed, and the kernel reads `length` bytes of `on`. Where it refuses,
    // nothing is stamped, and a delay counts from the reading.
    let _ = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast(),
            length,
        )
    };
}

/// Reads; tells how many bytes, which then are initialised, and how long ago they came.
pub(super) fn read(
    socket: BorrowedFd<'_>,
    buffer: &mut [MaybeUninit<u8>],
) -> rustix::io::Result<(usize, Span)> {
    let mut control: Control = [0; 8];
    let mut bytes = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all fields of a `msghdr` may be zero.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut bytes;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<Control>();
    // SAFETY: the message points to a buffer and to room for control messages, with their true lengths; both live on.
    let read = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    let Ok(count) = usize::try_from(read) else {
        let error = std::io::Error::last_os_error().raw_os_error();
        return Err(error.map_or(Errno::IO, Errno::from_raw_os_error));
    };
    Ok((count, stamp_of(&message).map_or(Span::ZERO, age)))
}

fn stamp_of(message: &libc::msghdr) -> Option<libc::timespec> {
    // SAFETY: the kernel has filled in the message; the macro looks only at what its length covers.
    let head = unsafe { libc::CMSG_FIRSTHDR(message).as_ref() }?;
    let is_stamp = head.cmsg_level == libc::SOL_SOCKET && head.cmsg_type == libc::SCM_TIMESTAMPNS;
    // SAFETY: a control message of this type holds a `timespec`, which need not be aligned.
    is_stamp.then(|| unsafe { libc::CMSG_DATA(head).cast::<libc::timespec>().read_unaligned() })
}

fn age(stamp: libc::timespec) -> Span {
    let now = clock_gettime(ClockId::Realtime);
    let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let age = nanos(now.tv_sec, now.tv_nsec) - nanos(stamp.tv_sec, stamp.tv_nsec);
    u64::try_from(age).map_or(Span::ZERO, |age| Span::nanos(age).min(MOST))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn bytes_tell_how_long_they_have_waited() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let mut buffer = [MaybeUninit::uninit(); 16];
        // The kernel begins to stamp a little after it is asked to.
        for _ in 0..10_000 {
            stamp(server.as_fd(), true);
            client.write_all(b"four").unwrap();
            let (count, age) = read(server.as_fd(), &mut buffer).unwrap();
            assert_eq!(count, 4);
            assert!(age <= MOST);
            if age > Span::ZERO {
                return;
            }
        }
        panic!("10,000 messages, and none had a stamp");
    }

    #[test]
    fn a_stamp_from_a_clock_that_was_set_is_hardly_believed() {
        let stamp = |seconds| libc::timespec { tv_sec: seconds, tv_nsec: 0 };
        assert_eq!(age(stamp(0)), MOST);
        assert_eq!(age(stamp(i64::MAX)), Span::ZERO);
    }
}
