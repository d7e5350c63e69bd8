//! One way of a connection: what one side sends goes to the other through one buffer, its end too.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::side::Side;

/// The state of one way.
#[derive(Debug)]
pub(super) struct Pump<'a> {
    /// Empty while nothing comes, so that an idle connection stays small.
    buffer: Box<[u8]>,
    state: State,
    passed: &'a AtomicU64,
    truncated: &'a AtomicU64,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Read,
    Write(Range<usize>),
    Flush,
    End,
    Truncate,
    Ended,
}

/// As much as one record of TLS holds (RFC 8446, section 5.1).
const BUFFER: usize = 16 * 1_024;

// === impl Pump ===

impl<'a> Pump<'a> {
    pub(super) fn new(passed: &'a AtomicU64, truncated: &'a AtomicU64) -> Self {
        Self { buffer: Box::default(), state: State::Read, passed, truncated }
    }

    /// Moves what can be moved. Ready when the end has been passed on.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Side,
        to: &mut Side,
    ) -> Poll<io::Result<()>> {
        loop {
            self.state = match self.state.clone() {
                State::Read => ready!(self.read(cx, from))?,
                State::Write(range) => ready!(self.write(cx, range, to))?,
                State::Flush => ready!(Pin::new(&mut *to).poll_flush(cx)).map(|()| State::Read)?,
                State::End => ready!(Pin::new(&mut *to).poll_shutdown(cx)).map(|()| State::Ended)?,
                State::Truncate => ready!(to.poll_truncate(cx)).map(|()| State::Ended)?,
                State::Ended => return Poll::Ready(Ok(())),
            };
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, from: &mut Side) -> Poll<io::Result<State>> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; BUFFER].into();
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let Poll::Ready(read) = Pin::new(from).poll_read(cx, &mut buffer) else {
            self.buffer = Box::default();
            return Poll::Pending;
        };
        match read {
            Ok(()) if buffer.filled().is_empty() => Poll::Ready(Ok(State::End)),
            Ok(()) => Poll::Ready(Ok(State::Write(0..buffer.filled().len()))),
            // That is how TLS tells an end without a close_notify.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.truncated.fetch_add(1, Relaxed);
                Poll::Ready(Ok(State::Truncate))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn write(&mut self, cx: &mut Context<'_>, range: Range<usize>, to: &mut Side) -> Poll<io::Result<State>> {
        let written = ready!(Pin::new(to).poll_write(cx, &self.buffer[range.clone()]))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.passed.fetch_add(written as u64, Relaxed);
        let left = range.start + written..range.end;
        Poll::Ready(Ok(if left.is_empty() { State::Flush } else { State::Write(left) }))
    }
}
