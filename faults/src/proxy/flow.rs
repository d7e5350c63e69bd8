//! Moves bytes of one way from socket to socket, as far as they go without waiting: past the pipe where no toxic touches
//! them (a small chunk is read and written, a big one spliced), else through it.

use std::sync::atomic::Ordering::Relaxed;

use shakedown_scenarios::units::Span;

use super::peer::{Moved, Peer};
use super::shared::{Seen, Shared};
use super::transit::{TRANSIT, Transit, Transits};
use crate::toxic::{BUFFER, Direction, End, Next, Over, Pipe};

/// How many chunks one turn moves at the most, so that a fast connection does not starve others of its thread.
const CHUNKS_A_TURN: usize = 16;

/// A way that fills a whole buffer at once is one that carries bulk; one that moves less than this is not.
const BULK: usize = BUFFER / 4;

/// How many buffers a worker keeps for what is read next.
const SPARE: usize = 16;

/// What a worker lends to the connection whose turn it is.
#[derive(Debug)]
pub(super) struct Tools {
    /// Where small chunks are read to. One for each thread and none for each connection: idle connections are to be small.
    pub(super) scratch: Box<[u8]>,
    /// Where chunks are read to that a pipe may keep.
    spare: Vec<Vec<u8>>,
    pub(super) transits: Transits,
}

/// One way of a connection.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) pipe: Pipe,
    direction: Direction,
    transit: Option<Box<Transit>>,
    bulk: bool,
    /// The receive buffer was made small.
    narrowed: bool,
}

/// One way, for the length of one turn.
pub(super) struct Flow<'a> {
    pub(super) lane: &'a mut Lane,
    pub(super) from: &'a mut Peer,
    pub(super) to: &'a mut Peer,
    pub(super) shared: &'a Shared,
    pub(super) seen: &'a Seen,
    pub(super) tools: &'a mut Tools,
    /// The version of the rules that the pipe was brought in line with.
    pub(super) version: u64,
    /// Whether there is memory for what travels.
    pub(super) ample: bool,
    /// Whether the connection is closed as soon as this way is at its end, which passes the end on by itself.
    pub(super) closes: bool,
}

/// What a flow waits for when a turn is over, besides its sockets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wants {
    /// A moment.
    pub(super) at: Option<Span>,
    /// Nothing: there is more to do at once.
    pub(super) again: bool,
    /// The sink turned out to be gone.
    pub(super) sink_broke: bool,
    /// The sink has no room.
    pub(super) blocked: bool,
}

/// Whether a step of a turn leaves more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    More,
    Done,
}

// === impl Tools ===

impl Tools {
    pub(super) fn new() -> Self {
        Self { scratch: vec![0; BUFFER].into_boxed_slice(), spare: Vec::new(), transits: Transits::default() }
    }

    /// Keeps the memory of bytes that went for those that come: fresh pages cost more than copying into them.
    fn keep(&mut self, mut used: Vec<u8>) {
        if used.capacity() >= BUFFER && self.spare.len() < SPARE {
            used.clear();
            self.spare.push(used);
        }
    }
}

// === impl Lane ===

impl Lane {
    pub(super) const fn new(direction: Direction) -> Self {
        Self { pipe: Pipe::new(direction), direction, transit: None, bulk: false, narrowed: false }
    }

    /// Whether nothing will ever come out again.
    pub(super) fn is_done(&self) -> bool {
        self.pipe.is_done()
    }

    /// What is on its way past the pipe has to go by the rules if there are some now.
    pub(super) fn reclaim(&mut self, now: Span, tools: &mut Tools) {
        if self.pipe.is_clear() {
            return;
        }
        let Some(mut transit) = self.transit.take() else { return };
        if transit.holds > 0 {
            self.pipe.take_earlier(transit.drain(), now);
        }
        tools.transits.take_back(*transit);
    }

    /// Gives back what a lane that has nothing under way does not need.
    fn give_back(&mut self, tools: &mut Tools) {
        if self.transit.as_ref().is_some_and(|transit| transit.holds == 0)
            && let Some(transit) = self.transit.take()
        {
            tools.transits.take_back(*transit);
        }
    }
}

// === impl Flow ===

impl Flow<'_> {
    /// Moves what can be moved now.
    pub(super) fn turn(&mut self) -> Result<Wants, Over> {
        let mut wants = Wants::default();
        self.narrow();
        self.from.stamp(self.lane.pipe.delays());
        for _ in 0..CHUNKS_A_TURN {
            let step = match self.lane.pipe.is_clear() {
                true => self.past(&mut wants),
                false => self.through(&mut wants)?,
            };
            if step == Step::Done || wants.sink_broke {
                self.lane.give_back(self.tools);
                return self.mind_reset(wants);
            }
        }
        wants.again = true;
        Ok(wants)
    }

    /// One chunk past the pipe.
    fn past(&mut self, wants: &mut Wants) -> Step {
        if self.lane.transit.as_ref().is_some_and(|transit| transit.holds > 0) {
            return self.splice_out(wants);
        }
        let goes_on = self.from.readable && self.lane.pipe.is_open();
        // A toxic that came meanwhile holds from its first byte on.
        if !goes_on || self.rules_changed(wants) {
            return Step::Done;
        }
        if !self.to.writable {
            wants.blocked = true;
            return Step::Done;
        }
        if self.lane.bulk && self.has_transit() { self.splice_in(wants) } else { self.copy(wants) }
    }

    fn rules_changed(&self, wants: &mut Wants) -> bool {
        let changed = self.shared.version() != self.version;
        wants.again |= changed;
        changed
    }

    fn has_transit(&mut self) -> bool {
        if self.lane.transit.is_none() {
            self.lane.transit = self.tools.transits.lend().map(Box::new);
        }
        self.lane.transit.is_some()
    }

    fn copy(&mut self, wants: &mut Wants) -> Step {
        let count = match self.from.read(&mut self.tools.scratch) {
            Moved::Some(count) => count,
            Moved::Blocked => return Step::Done,
            Moved::End | Moved::Broken if self.from.broken => return self.ended(End::Reset),
            Moved::End => return self.ended(End::Finished),
            Moved::Broken => return self.ended(End::Reset),
        };
        self.received(count);
        self.lane.bulk = count == BUFFER;
        let bytes = &self.tools.scratch[..count];
        match self.to.write(bytes) {
            Moved::Some(written) => {
                if written < count {
                    // Its sink takes no more: what is left waits in the pipe, which keeps the way from being read.
                    self.lane.pipe.take(bytes[written..].to_vec(), self.shared.now());
                    wants.blocked = true;
                }
                self.passed(written);
            }
            Moved::Blocked => self.lane.pipe.take(bytes.to_vec(), self.shared.now()),
            Moved::End | Moved::Broken => self.sink_broke(wants),
        }
        Step::More
    }

    fn splice_in(&mut self, wants: &mut Wants) -> Step {
        let Some(transit) = &mut self.lane.transit else { return Step::Done };
        match self.from.splice_to(transit.mouth(), TRANSIT) {
            Moved::Some(count) => {
                transit.holds = count;
                self.lane.bulk = count >= BULK;
                self.received(count);
                self.splice_out(wants)
            }
            Moved::Blocked => Step::Done,
            Moved::End if !self.from.broken => self.ended(End::Finished),
            Moved::End | Moved::Broken => self.ended(End::Reset),
        }
    }

    fn splice_out(&mut self, wants: &mut Wants) -> Step {
        let Some(transit) = &mut self.lane.transit else { return Step::Done };
        match self.to.splice_from(transit.out(), transit.holds) {
            Moved::Some(count) => {
                transit.holds -= count;
                self.passed(count);
                Step::More
            }
            Moved::Blocked => {
                wants.blocked = true;
                Step::Done
            }
            Moved::End | Moved::Broken => {
                self.lane.transit = None;
                self.sink_broke(wants);
                Step::Done
            }
        }
    }

    /// The source ended, and nothing stands between.
    fn ended(&mut self, end: End) -> Step {
        if end == End::Finished {
            self.finish();
            self.lane.pipe.passed_end();
            return Step::Done;
        }
        // A reset goes through the pipe, for the whole connection ends with it.
        self.lane.pipe.take_end(end, self.shared.now());
        Step::More
    }

    /// One chunk through the pipe.
    fn through(&mut self, wants: &mut Wants) -> Result<Step, Over> {
        self.deliver(wants)?;
        if wants.sink_broke || self.rules_changed(wants) || self.lane.pipe.is_clear() {
            return Ok(if self.lane.pipe.is_clear() && !wants.again { Step::More } else { Step::Done });
        }
        Ok(self.take_in(wants))
    }

    /// Writes all that is due.
    fn deliver(&mut self, wants: &mut Wants) -> Result<(), Over> {
        (wants.at, wants.blocked) = (None, false);
        loop {
            let now = self.shared.now();
            match self.lane.pipe.next(now) {
                Next::Write(bytes) => {
                    let moved = if self.to.writable { self.to.write(bytes) } else { Moved::Blocked };
                    match moved {
                        Moved::Some(count) => {
                            self.lane.pipe.block(false);
                            self.lane.pipe.sent(count, self.shared.now());
                            if let Some(used) = self.lane.pipe.take_used() {
                                self.tools.keep(used);
                            }
                            self.passed(count);
                        }
                        Moved::Blocked => {
                            self.lane.pipe.block(true);
                            wants.blocked = true;
                            return Ok(());
                        }
                        Moved::End | Moved::Broken => {
                            self.sink_broke(wants);
                            return Ok(());
                        }
                    }
                }
                Next::End(End::Reset) => return Err(Over::RESET),
                Next::End(End::Finished) => {
                    self.finish();
                    self.lane.pipe.ended(now);
                }
                Next::Over(over) => return Err(over),
                Next::At(moment) => {
                    wants.at = Some(moment);
                    return Ok(());
                }
                Next::Held | Next::Idle => return Ok(()),
            }
        }
    }

    /// Reads one chunk into the pipe.
    fn take_in(&mut self, wants: &mut Wants) -> Step {
        if !self.from.readable || !self.lane.pipe.is_open() {
            return Step::Done;
        }
        let now = self.shared.now();
        let (room, again) = self.lane.pipe.room(now, self.ample);
        if room == 0 {
            if self.lane.pipe.leaves_unread() {
                self.lane.pipe.waits_unread(self.from.unread());
            }
            wants.at = [wants.at, again].into_iter().flatten().min();
            return Step::Done;
        }
        let mut spare = self.tools.spare.pop().unwrap_or_else(|| Vec::with_capacity(BUFFER));
        let (read, ago) = self.from.read_into(&mut spare, room);
        // A chunk that fills its buffer keeps it; a small one shall not hold a large one.
        let bytes =
            if spare.len() * 2 > spare.capacity() { std::mem::take(&mut spare) } else { spare[..].to_vec() };
        self.tools.keep(spare);
        match read {
            Moved::Some(count) => {
                self.received(count);
                let now = self.shared.now();
                self.lane.pipe.take_since(bytes, now.minus(ago), now);
            }
            Moved::Blocked => return Step::Done,
            Moved::End if !self.from.broken => self.lane.pipe.take_end(End::Finished, now),
            Moved::End | Moved::Broken => self.lane.pipe.take_end(End::Reset, now),
        }
        Step::More
    }

    fn finish(&self) {
        if !self.closes {
            self.to.shut_write();
        }
    }

    fn sink_broke(&mut self, wants: &mut Wants) {
        self.lane.pipe.close();
        wants.sink_broke = true;
    }

    fn received(&self, bytes: usize) {
        let link = match self.lane.direction {
            Direction::Upstream => &self.shared.counters.up_received,
            Direction::Downstream => &self.shared.counters.down_received,
        };
        link.fetch_add(bytes as u64, Relaxed);
    }

    fn passed(&self, bytes: usize) {
        let (link, own) = match self.lane.direction {
            Direction::Upstream => (&self.shared.counters.up, &self.seen.up),
            Direction::Downstream => (&self.shared.counters.down, &self.seen.down),
        };
        link.fetch_add(bytes as u64, Relaxed);
        own.fetch_add(bytes as u64, Relaxed);
    }

    /// A reset does not queue behind bytes that the sink does not take: the kernel would not do that either.
    fn mind_reset(&self, wants: Wants) -> Result<Wants, Over> {
        let behind = self.lane.pipe.reset_overtakes(self.shared.now());
        let unread = self.from.broken && self.lane.pipe.is_open() && self.from.readable;
        if wants.blocked && (behind || unread) { Err(Over::RESET) } else { Ok(wants) }
    }

    /// Makes the source's receive buffer as small as a toxic wants it. It stays so: the kernel has no way back to a
    /// buffer that grows by itself.
    fn narrow(&mut self) {
        if self.lane.narrowed || self.lane.pipe.is_clear() {
            return;
        }
        if let Some(window) = self.lane.pipe.window() {
            self.from.set_window(usize::try_from(window.as_bytes()).unwrap_or(usize::MAX));
            self.lane.narrowed = true;
        }
    }
}
