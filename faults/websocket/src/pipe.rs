//! One way of one connection under the faults that hold: bytes in, bytes out, each from its moment on. It never waits
//! and asks nobody for the time.

use std::sync::Arc;

use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::Span;

use crate::outbox::Outbox;
use crate::stage::{Rest, Stage};
use crate::{Faults, Malformed, Piece, Sender, Splitter};

/// The state of one way. Without faults what comes out is what was put in, byte for byte.
pub struct Pipe {
    sender: Sender,
    connection: Connection,
    splitter: Splitter,
    faults: Arc<Faults>,
    stages: Vec<Stage>,
    /// The version of the faults that the stages are made of.
    staged: u64,
    /// Whether the frame that is passing is flawed, so that no stage knows of it.
    untouched: bool,
    /// Whether a fault has closed this way.
    closed: bool,
    out: Outbox,
    passed: Passed,
}

/// What a connection is to the faults on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Where chance comes from.
    pub streams: Streams,
    /// Its place in the order of connections, from 0: with the same seed and place the same frames have the same fates.
    pub ordinal: u64,
    /// Whether flawed frames pass, untouched; otherwise they end the connection.
    pub lenient: bool,
}

/// What passed one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Frames that came.
    pub frames: u64,
    /// Of those, flawed ones.
    pub flawed: u64,
    /// Bytes that came.
    pub came: u64,
    /// Bytes that were sent.
    pub sent: u64,
}

// === impl Pipe ===

impl Pipe {
    /// The way of what this side sends, at its beginning, without faults.
    #[must_use]
    pub fn new(sender: Sender, connection: Connection) -> Self {
        Self {
            sender,
            connection,
            splitter: Splitter::new(sender, connection.lenient),
            faults: Arc::default(),
            stages: Vec::new(),
            staged: 0,
            untouched: false,
            closed: false,
            out: Outbox::default(),
            passed: Passed::default(),
        }
    }

    /// Tells which faults hold from now on. They are taken over between two frames; delays that no longer hold end at
    /// once.
    pub fn renew(&mut self, faults: &Arc<Faults>, now: Span) {
        if faults.version() == self.faults.version() {
            return;
        }
        self.faults = Arc::clone(faults);
        self.end_delays(now);
        self.settle(now);
    }

    /// Puts in bytes that came.
    ///
    /// # Errors
    /// If a frame is flawed and the connection is not lenient. Nothing after it makes sense.
    pub fn push(&mut self, now: Span, mut input: &[u8]) -> Result<(), Malformed> {
        self.passed.came += input.len() as u64;
        loop {
            self.settle(now);
            if self.closed {
                return Ok(());
            }
            match self.splitter.next(&mut input)? {
                Some(piece) => self.pass(now, piece),
                None => return Ok(()),
            }
        }
    }

    /// Tells that no more bytes come. A header that was begun goes out as it is.
    ///
    /// # Errors
    /// If that is in the middle of a frame and the connection is not lenient.
    pub fn finish(&mut self, now: Span) -> Result<(), Malformed> {
        if self.closed {
            return Ok(());
        }
        self.splitter.finish()?;
        self.out.push(now, self.splitter.torn());
        Ok(())
    }

    /// Some bytes that may be sent now; none if there are none.
    #[must_use]
    pub fn due(&self, now: Span) -> &[u8] {
        self.out.due(now)
    }

    /// Tells that so many of them were sent.
    pub fn sent(&mut self, count: usize) {
        self.passed.sent += count as u64;
        self.out.sent(count);
    }

    /// When the next bytes may be sent.
    #[must_use]
    pub fn next(&self) -> Option<Span> {
        self.out.next()
    }

    /// Whether more should be put in: not while 256 KiB are held, which is the back-pressure. What is put in then may
    /// become more by a megabyte at the most, where faults duplicate and cut it.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.out.has_room()
    }

    /// Whether everything was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// What passed so far.
    #[must_use]
    pub const fn passed(&self) -> Passed {
        self.passed
    }

    fn pass(&mut self, now: Span, piece: Piece<'_>) {
        if let Piece::Head(head) = &piece {
            self.untouched = head.flaw.is_some();
            self.passed.frames += 1;
            self.passed.flawed += u64::from(self.untouched);
        }
        let stages = if self.untouched { &mut [] } else { self.stages.as_mut_slice() };
        Rest { stages, out: &mut self.out }.push(now, piece);
    }

    /// Between two frames: takes over the newest faults, and closes if that is due.
    fn settle(&mut self, now: Span) {
        if self.closed || !self.splitter.is_at_head() {
            return;
        }
        if self.staged != self.faults.version() {
            self.restage();
        }
        for place in 0..self.stages.len() {
            if let Some((head, payload)) = self.stages[place].close() {
                let stages = &mut self.stages[place + 1..];
                Rest { stages, out: &mut self.out }.push_frame(now, head, &payload);
                self.closed = true;
                return;
            }
        }
    }

    /// Stages for what holds now; those of what held before go on where they were.
    fn restage(&mut self) {
        let mut before = std::mem::take(&mut self.stages);
        for injection in self.faults.iter() {
            let same = |stage: &Stage| stage.injection.since == injection.since;
            let stage = match before.iter().position(same) {
                Some(place) => before.remove(place),
                None => Stage::new(injection, self.sender, self.connection.streams, self.connection.ordinal),
            };
            self.stages.push(stage);
        }
        self.staged = self.faults.version();
    }

    fn end_delays(&mut self, now: Span) {
        let healed = |stage: &&mut Stage| !self.faults.holds(&stage.injection) && stage.is_delay();
        let mut ended = false;
        for stage in self.stages.iter_mut().filter(healed) {
            stage.stop_delay();
            ended = true;
        }
        if ended {
            self.out.release(now);
        }
    }
}

impl std::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pipe({:?}, {} faults, {:?})", self.sender, self.stages.len(), self.passed)
    }
}
