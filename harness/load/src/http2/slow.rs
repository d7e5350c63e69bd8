//! The body of an answer that is read slowly, so that the target feels it.
//!
//! A stream's window is about a second's worth of reading ([`SlowReading::ahead`]), and what was read makes room for as
//! much: the target can send no faster than that, however fast the connection is. What came is taken from the library at
//! once, since it gives up connections on which many small frames wait, and is held here until its turn.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use h2::RecvStream;

use crate::reading::SlowReading;

/// Room is made in parts of the window, not byte by byte: a quarter of it, so that three quarters are open or used at any time.
const PARTS: usize = 4;

/// A body on its way.
struct Slow<'a> {
    body: &'a mut RecvStream,
    reading: &'a mut SlowReading,
    /// What came and was not read; no more than the window.
    held: BytesMut,
    is_whole: bool,
    /// Bytes that were read, for which no room was made yet.
    owed: usize,
    part: usize,
}

/// Reads a body to its end; `take` is told of each piece when it is read.
///
/// # Errors
///
/// That of the stream.
pub(super) async fn read(
    body: &mut RecvStream,
    reading: &mut SlowReading,
    mut take: impl FnMut(&[u8]),
) -> Result<(), h2::Error> {
    let part = reading.ahead() / PARTS;
    let mut slow = Slow { body, reading, held: BytesMut::new(), is_whole: false, owed: 0, part };
    poll_fn(|context| slow.poll_read(&mut take, context)).await
}

// === impl Slow ===

impl Slow<'_> {
    fn poll_read(
        &mut self,
        take: &mut impl FnMut(&[u8]),
        context: &mut Context<'_>,
    ) -> Poll<Result<(), h2::Error>> {
        loop {
            self.hold_what_came(context)?;
            if self.held.is_empty() {
                return if self.is_whole { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            ready!(self.reading.poll_may_read(context));
            let piece = self.held.split_to(self.reading.piece().min(self.held.len()));
            take(&piece);
            self.reading.read(piece.len());
            self.make_room(piece.len());
        }
    }

    fn hold_what_came(&mut self, context: &mut Context<'_>) -> Result<(), h2::Error> {
        while !self.is_whole
            && let Poll::Ready(came) = self.body.poll_data(context)
        {
            match came.transpose()? {
                Some(piece) => self.held.extend_from_slice(&piece),
                None => self.is_whole = true,
            }
        }
        Ok(())
    }

    fn make_room(&mut self, bytes: usize) {
        self.owed += bytes;
        if self.owed >= self.part {
            // A stream that has ended meanwhile needs none.
            let _ = self.body.flow_control().release_capacity(std::mem::take(&mut self.owed));
        }
    }
}
