//! Moves bytes of one way from socket to pipe to socket, as far as they go without waiting.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shakedown_scenarios::units::Span;
use tokio::net::TcpStream;

use crate::clock::Clock;
use crate::toxic::{BUFFER, End, Next, Pipe, Rules};

/// How many chunks one turn moves at the most, so that a fast connection does not starve others of its thread.
const CHUNKS_A_TURN: usize = 16;

thread_local! {
    /// Where bytes are read to. One for each thread and none for each connection: idle connections are to be small.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER].into_boxed_slice());
}

/// One way, for the length of one turn.
pub(super) struct Flow<'a> {
    pub(super) pipe: &'a mut Pipe,
    pub(super) from: &'a Peer,
    pub(super) to: &'a Peer,
    pub(super) moved: &'a AtomicU64,
    pub(super) rules: &'a Rules,
    pub(super) clock: Clock,
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    /// Whether it is known to have reset the connection. A socket tells that only once, to whoever asks first.
    pub(super) broken: bool,
    /// Whether that was put into its way already.
    pub(super) told: bool,
}

/// What a flow waits for when a turn is over.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wants {
    /// Bytes from its source.
    pub(super) read: bool,
    /// Room in its sink.
    pub(super) write: bool,
    /// A moment.
    pub(super) at: Option<Span>,
    /// Nothing: there is more to do at once.
    pub(super) again: bool,
    /// The sink turned out to be gone.
    pub(super) sink_broke: bool,
}

/// The whole connection must be reset now.
#[derive(Debug)]
pub(super) struct ResetNow;

// === impl Flow ===

impl Flow<'_> {
    /// Moves what can be moved now.
    pub(super) fn turn(&mut self) -> Result<Wants, ResetNow> {
        let mut wants = Wants::default();
        for _ in 0..CHUNKS_A_TURN {
            self.deliver(&mut wants)?;
            if wants.sink_broke || !self.read(&mut wants) {
                return self.mind_reset(wants);
            }
        }
        wants.again = true;
        Ok(wants)
    }

    /// Writes all that is due.
    fn deliver(&mut self, wants: &mut Wants) -> Result<(), ResetNow> {
        (wants.write, wants.at) = (false, None);
        loop {
            let now = self.clock.now();
            match self.pipe.next(now, self.rules) {
                Next::Write(bytes) => match self.to.stream.try_write(bytes) {
                    Ok(count) => self.wrote(count),
                    Err(error) => {
                        self.write_failed(&error, wants);
                        return Ok(());
                    }
                },
                Next::End(End::Reset) => return Err(ResetNow),
                Next::End(End::Finished) => {
                    // It fails only if the sink is gone already, which its own way tells.
                    let _ = socket2::SockRef::from(&self.to.stream).shutdown(std::net::Shutdown::Write);
                    self.pipe.ended(now, self.rules);
                }
                Next::At(moment) => {
                    wants.at = Some(moment);
                    return Ok(());
                }
                Next::Held | Next::Idle => return Ok(()),
            }
        }
    }

    fn wrote(&mut self, count: usize) {
        self.pipe.block(false);
        self.pipe.sent(count, self.clock.now(), self.rules);
        self.moved.fetch_add(count as u64, Relaxed);
    }

    fn write_failed(&mut self, error: &io::Error, wants: &mut Wants) {
        if error.kind() == io::ErrorKind::WouldBlock {
            self.pipe.block(true);
            wants.write = true;
        } else {
            self.pipe.close();
            wants.sink_broke = true;
        }
    }

    /// Reads once; says whether there may be more to do.
    fn read(&mut self, wants: &mut Wants) -> bool {
        wants.read = false;
        let room = self.pipe.room(self.rules).min(BUFFER);
        if room == 0 {
            return false;
        }
        SCRATCH.with_borrow_mut(|scratch| match self.from.stream.try_read(&mut scratch[..room]) {
            Ok(0) => {
                // After a reset was told once, a socket says "end" for ever.
                let end = if self.from.broken { End::Reset } else { End::Finished };
                self.pipe.take_end(end, self.clock.now(), self.rules);
                true
            }
            Ok(count) => {
                self.came(&scratch[..count], wants);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wants.read = true;
                false
            }
            Err(_) => {
                self.pipe.take_end(End::Reset, self.clock.now(), self.rules);
                true
            }
        })
    }

    /// Hands bytes straight on where nothing stands between, and keeps the rest.
    fn came(&mut self, mut bytes: &[u8], wants: &mut Wants) {
        if self.pipe.is_clear(self.rules) {
            match self.to.stream.try_write(bytes) {
                Ok(count) => {
                    self.pipe.block(false);
                    self.moved.fetch_add(count as u64, Relaxed);
                    bytes = &bytes[count..];
                }
                Err(error) => self.write_failed(&error, wants),
            }
        }
        if !bytes.is_empty() && !wants.sink_broke {
            self.pipe.take(bytes, self.clock.now(), self.rules);
        }
    }

    /// A reset does not queue behind bytes that the sink does not take: the kernel would not do that either.
    fn mind_reset(&self, wants: Wants) -> Result<Wants, ResetNow> {
        let behind = self.pipe.reset_overtakes(self.clock.now());
        let unread = self.from.broken && self.pipe.is_open() && !wants.read;
        if wants.write && (behind || unread) { Err(ResetNow) } else { Ok(wants) }
    }
}

// === impl Peer ===

impl Peer {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self { stream, broken: false, told: false }
    }
}
