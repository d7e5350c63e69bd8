//! The frames of a WebSocket between its two ends, after the upgrade.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::{Connection, Faults, Passed, Pipe, Sender};

/// What passed through a relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// From the client to the server.
    pub up: Passed,
    /// From the server to the client.
    pub down: Passed,
}

/// One way of a relay.
struct Flow<R, W> {
    from: ReadHalf<R>,
    to: WriteHalf<W>,
    pipe: Pipe,
    faults: watch::Receiver<Arc<Faults>>,
    clock: Clock,
    /// Whether `from` has ended.
    ended: bool,
    /// Whether something was written that may not have left yet.
    unflushed: bool,
}

/// What a side took.
enum Sent {
    Written(usize),
    Flushed,
}

/// How much is read at once.
const BUFFER: usize = 16 * 1_024;

/// Carries frames both ways, with faults done to them, until both ways have ended. An end of one way is passed on when
/// everything before it was sent, and leaves the other way open. A side that does not read slows the other one down: at
/// most 256 KiB (and what faults make of 16 KiB more) are held for it. Frames that are delayed are held too, so that a long
/// delay limits how much passes in a second.
///
/// A reset of one side is an error here; what the other side sees of it is up to whoever made the streams.
///
/// The streams are those of the connection after its upgrade, with nothing read ahead of it.
///
/// # Errors
/// If a side breaks, if whoever makes the faults is gone, or ([`io::ErrorKind::InvalidData`], with a
/// [`Malformed`](crate::Malformed) in it) if a frame is flawed and the connection is not lenient. Both streams are dropped
/// then.
pub async fn relay(
    client: impl AsyncRead + AsyncWrite,
    server: impl AsyncRead + AsyncWrite,
    faults: watch::Receiver<Arc<Faults>>,
    connection: Connection,
) -> io::Result<Counters> {
    let clock = Clock::start();
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let up = Pipe::new(Sender::Client, connection);
    let down = Pipe::new(Sender::Server, connection);
    let up = Flow::new(from_client, to_server, up, faults.clone(), clock).run();
    let down = Flow::new(from_server, to_client, down, faults, clock).run();
    let (up, down) = tokio::try_join!(up, down)?;
    Ok(Counters { up, down })
}

// === impl Flow ===

impl<R: AsyncRead, W: AsyncWrite> Flow<R, W> {
    const fn new(
        from: ReadHalf<R>,
        to: WriteHalf<W>,
        pipe: Pipe,
        faults: watch::Receiver<Arc<Faults>>,
        clock: Clock,
    ) -> Self {
        Self { from, to, pipe, faults, clock, ended: false, unflushed: false }
    }

    async fn run(mut self) -> io::Result<Passed> {
        while !(self.ended && self.pipe.is_empty()) {
            let faults = Arc::clone(&self.faults.borrow_and_update());
            self.pipe.renew(&faults, self.clock.now());
            self.step().await?;
        }
        tokio::select! {
            ended = self.to.shutdown() => ended?,
            error = end_of(&mut self.faults) => return Err(error),
        }
        Ok(self.pipe.passed())
    }

    /// Waits for whatever comes first, and does it.
    async fn step(&mut self) -> io::Result<()> {
        let due = self.pipe.due(self.clock.now());
        let (idle, reads) = (due.is_empty(), !self.ended && self.pipe.has_room());
        tokio::select! {
            biased;
            changed = self.faults.changed() => changed.map_err(|_| gone())?,
            sent = send(&mut self.to, due), if !idle || self.unflushed => self.sent(sent?)?,
            read = read(&mut self.from), if reads => self.came(&read?)?,
            () = self.clock.until(self.pipe.next()), if idle => {}
        }
        Ok(())
    }

    fn sent(&mut self, sent: Sent) -> io::Result<()> {
        match sent {
            Sent::Flushed => self.unflushed = false,
            Sent::Written(0) => return Err(io::ErrorKind::WriteZero.into()),
            Sent::Written(count) => {
                self.unflushed = true;
                self.pipe.sent(count);
            }
        }
        Ok(())
    }

    fn came(&mut self, bytes: &[u8]) -> io::Result<()> {
        let now = self.clock.now();
        self.ended = bytes.is_empty();
        let taken = if self.ended { self.pipe.finish(now) } else { self.pipe.push(now, bytes) };
        taken.map_err(|malformed| io::Error::new(io::ErrorKind::InvalidData, malformed))
    }
}

/// Some bytes that came; none at the end. The buffer is there only while there is something to put in, so that an idle
/// connection stays small. Dropped early, it loses nothing.
async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    poll_fn(|cx| {
        let mut bytes = vec![0; BUFFER];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut *from).poll_read(cx, &mut buffer))?;
        let count = buffer.filled().len();
        bytes.truncate(count);
        Poll::Ready(Ok(bytes))
    })
    .await
}

/// Writes some of what is due; where nothing is, sends what was written on its way. Dropped early, it loses nothing.
async fn send(to: &mut (impl AsyncWrite + Unpin), due: &[u8]) -> io::Result<Sent> {
    match due.is_empty() {
        true => to.flush().await.map(|()| Sent::Flushed),
        false => to.write(due).await.map(Sent::Written),
    }
}

/// Waits until nobody makes faults any longer.
async fn end_of(faults: &mut watch::Receiver<Arc<Faults>>) -> io::Error {
    while faults.changed().await.is_ok() {}
    gone()
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "whoever makes the faults is gone")
}
