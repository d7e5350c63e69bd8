//! A TCP socket that knows when what was read had arrived.
//!
//! The kernel notes when it took a segment in (`SO_TIMESTAMPNS`, see socket(7)); on loopback that is the moment in which the
//! target sent it. An answer counts from then, not from when this thread came to read it: what we need to get there is our
//! own time and not the target's.

use std::io::{self, ErrorKind, IoSliceMut};
use std::os::fd::AsRawFd as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::clock::Clock;

/// The longest time for which something may have lain unread. The kernel's stamps are of the clock that can be set: a longer one
/// says more of the clock than of the socket.
const UNREAD_MAX: Duration = Duration::from_secs(1);

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    stamps: Option<Box<Stamps>>,
}

/// When what was read had arrived.
#[derive(Debug)]
struct Stamps {
    clock: Clock,
    /// Where the kernel puts the stamp of a read.
    control: Vec<u8>,
    /// The last arrival.
    arrived: Option<u64>,
}

// === impl Socket ===

impl Socket {
    /// A socket that knows nothing of arrivals.
    pub(crate) const fn new(stream: TcpStream) -> Self {
        Self { stream, stamps: None }
    }

    /// From now on it knows of arrivals on this clock, if the kernel notes them. It may take a while to begin with it.
    pub(crate) fn note_arrivals(&mut self, clock: Clock) {
        let is_granted = setsockopt(&self.stream, sockopt::ReceiveTimestampns, &true).is_ok();
        let stamps = || Box::new(Stamps { clock, control: nix::cmsg_space!(TimeSpec), arrived: None });
        self.stamps = is_granted.then(stamps);
    }

    /// The socket itself.
    pub(crate) const fn tcp(&self) -> &TcpStream {
        &self.stream
    }

    /// When the last bytes that were read had arrived, in nanoseconds since the start of the load; `None` where nobody knows.
    pub(crate) fn arrived(&self) -> Option<u64> {
        self.stamps.as_ref().and_then(|stamps| stamps.arrived)
    }
}

// === impl Stamps ===

impl Stamps {
    fn read(&mut self, stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        let mut pieces = [IoSliceMut::new(buffer)];
        let message =
            recvmsg::<()>(stream.as_raw_fd(), &mut pieces, Some(&mut self.control), MsgFlags::empty())?;
        let stamp = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
            _ => None,
        });
        let read = message.bytes;
        self.arrived = stamp.map(|stamp| self.moment(stamp));
        Ok(read)
    }

    /// A stamp of the clock that can be set, on the load's clock.
    fn moment(&self, stamp: Duration) -> u64 {
        let now = self.clock.now();
        let Ok(real) = clock_gettime(ClockId::CLOCK_REALTIME) else { return now };
        let unread = Duration::from(real).checked_sub(stamp).filter(|unread| *unread <= UNREAD_MAX);
        let unread = unread.map_or(0, |unread| u64::try_from(unread.as_nanos()).unwrap_or(0));
        now.saturating_sub(unread)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, stamps } = self.get_mut();
        let Some(stamps) = stamps else { return Pin::new(stream).poll_read(context, buffer) };
        loop {
            ready!(stream.poll_read_ready(context))?;
            let room = buffer.initialize_unfilled();
            let asked = room.len();
            match stream.try_io(Interest::READABLE, || stamps.read(stream, room)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(read) => {
                    // There is no more where there was less than asked for: who looks again need not ask the kernel.
                    if (1..asked).contains(&read) {
                        let nothing = || Err::<(), _>(ErrorKind::WouldBlock.into());
                        let _ = stream.try_io(Interest::READABLE, nothing);
                    }
                    buffer.advance(read);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::time::Instant;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// Two readings of two clocks lie between a moment and its twin.
    const SLACK_NANOS: u64 = 200_000;

    #[expect(clippy::disallowed_methods, reason = "what a kernel notes is of the real clock")]
    async fn pair() -> (Socket, std::net::TcpStream, Clock) {
        let clock = Clock::new(Instant::now());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut socket = Socket::new(stream);
        assert_eq!(socket.arrived(), None);
        socket.note_arrivals(clock);
        (socket, listener.accept().unwrap().0, clock)
    }

    #[tokio::test]
    async fn bytes_count_from_when_they_came_and_not_from_when_they_were_read() {
        let (mut socket, mut peer, clock) = pair().await;
        let mut buffer = [0; 8];
        // The kernel begins to note them in its own time.
        let begins = async {
            while socket.arrived().is_none() {
                peer.write_all(b"12345678").unwrap();
                socket.read_exact(&mut buffer).await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(10), begins).await.expect("the kernel notes arrivals");
        for unread in [0, 30_000_000, 3_000_000] {
            let before = clock.now();
            peer.write_all(b"12345678").unwrap();
            let after = clock.now();
            tokio::time::sleep_until(clock.deadline(after + unread)).await;
            socket.read_exact(&mut buffer).await.unwrap();
            let arrived = socket.arrived().unwrap();
            assert!(
                (before..=after + SLACK_NANOS).contains(&(arrived + SLACK_NANOS / 2)),
                "{before} {arrived} {after}"
            );
        }
    }

    #[tokio::test]
    async fn a_piece_at_a_time_a_large_one_and_the_end_are_read_as_ever() {
        let (mut socket, mut peer, _) = pair().await;
        let sent: Vec<u8> = (0..300_000_u32).map(|at| at as u8).collect();
        let writer = std::thread::spawn({
            let sent = sent.clone();
            move || {
                sent.chunks(7_001).for_each(|part| peer.write_all(part).unwrap());
            }
        });
        let mut got = vec![0; 10];
        socket.read_exact(&mut got).await.unwrap();
        socket.read_to_end(&mut got).await.unwrap();
        writer.join().unwrap();
        assert_eq!(got, sent);
        assert_eq!(socket.arrived(), None, "an end is no byte");
    }

    #[tokio::test]
    async fn a_stamp_of_a_clock_that_was_set_is_not_believed() {
        let (mut socket, _peer, clock) = pair().await;
        let stamps = socket.stamps.take().unwrap();
        let real = Duration::from(clock_gettime(ClockId::CLOCK_REALTIME).unwrap());
        for wrong in [Duration::ZERO, real - Duration::from_hours(1), real + Duration::from_hours(1)] {
            let before = clock.now();
            assert!((before..=clock.now() + SLACK_NANOS).contains(&stamps.moment(wrong)));
        }
    }
}
