//! One way of one connection: bytes go in as they come, and out when the rules let them.
//!
//! A pipe knows bytes, rules and moments, and nothing of sockets: its owner tells it what was read ([`Pipe::take`],
//! [`Pipe::take_end`]), asks what may be written ([`Pipe::next`]) and tells what was written ([`Pipe::sent`]). Latency
//! and loss are decided when a chunk comes; partitions and limits when it is about to go.

mod pace;
mod piece;

use std::collections::VecDeque;
use std::sync::Arc;

use shakedown_scenarios::units::Span;

use super::{Chance, Chunk, Direction, Fate, Rules, Tally, Toxic};
use pace::{Pace, Turn};
use piece::{Piece, What};

/// How much one way of a connection keeps when its sink does not take it, bytes. Beyond it nothing is read: the sender
/// feels back-pressure as it would from a slow peer.
pub const BUFFER: usize = 64 << 10;

/// The same while a latency holds and the sink takes all that is due: what travels must be kept somewhere, and this
/// bounds rate × delay (160 MB/s at 100 ms).
pub const DELAY_BUFFER: usize = 16 << 20;

/// What keeping a chunk costs beside its bytes, so that a flood of tiny chunks is bounded like a flood of bytes.
const PIECE: usize = 128;

/// One way of one connection.
#[derive(Debug)]
pub struct Pipe {
    direction: Direction,
    chance: Chance,
    queue: VecDeque<Piece>,
    cost: usize,
    /// The version of the rules that the queue was last brought in line with.
    version: u64,
    pace: Pace,
    /// Toxics that took something which now is missing.
    lost_to: Vec<(u32, Arc<Tally>)>,
    sink_blocked: bool,
    state: State,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order: a FIN.
    Finished,
    /// Abruptly: a RST.
    Reset,
}

/// What the owner of a pipe can do.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// Write some of these bytes now.
    Write(&'a [u8]),
    /// Pass on the end of the stream now.
    End(End),
    /// Come back at this moment.
    At(Span),
    /// Come back when the rules have changed.
    Held,
    /// There is nothing to write.
    Idle,
}

/// What new rules mean for a connection.
#[derive(Debug)]
pub enum Settled {
    /// It goes on.
    Goes,
    /// It is reset, and counted here.
    Reset(Arc<Tally>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// More may come.
    Open,
    /// Its source ended.
    Ended,
    /// Its end was passed on.
    Delivered,
    /// Its sink is gone: nothing more is taken.
    Closed,
}

// === impl Pipe ===

impl Pipe {
    /// An empty pipe.
    #[must_use]
    pub const fn new(direction: Direction, chance: Chance) -> Self {
        Self {
            direction,
            chance,
            queue: VecDeque::new(),
            cost: 0,
            version: 0,
            pace: Pace::new(),
            lost_to: Vec::new(),
            sink_blocked: false,
            state: State::Open,
        }
    }

    /// How many bytes may be read from the source now; zero: none.
    #[must_use]
    pub fn room(&self, rules: &Rules) -> usize {
        if self.state != State::Open {
            return 0;
        }
        let delays = rules.on(self.direction).any(|rule| matches!(rule.toxic, Toxic::Latency { .. }));
        let most = if delays && !self.sink_blocked { DELAY_BUFFER } else { BUFFER };
        most.saturating_sub(self.cost)
    }

    /// Whether bytes that come now may be handed on at once, without passing through here.
    #[must_use]
    pub fn is_clear(&self, rules: &Rules) -> bool {
        self.queue.is_empty() && self.state == State::Open && rules.is_clear(self.direction)
    }

    /// Whether the source may still have something to tell.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether nothing will ever come out again.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Delivered | State::Closed)
    }

    /// Bytes that came and were not handed on yet.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.queue.iter().map(|piece| piece.len() - piece.sent).sum()
    }

    /// Takes bytes that were read. No bytes are no chunk: an end has a call of its own.
    pub fn take(&mut self, bytes: &[u8], now: Span, rules: &Rules) {
        if bytes.is_empty() {
            return;
        }
        let chunk = Chunk { len: bytes.len(), direction: self.direction };
        if let Some(delays) = self.judge(chunk, rules) {
            self.push(What::Bytes(bytes.into()), delays, now);
        }
    }

    /// Takes the end of the source. An end is a message like any other: it can be late, held or lost.
    pub fn take_end(&mut self, end: End, now: Span, rules: &Rules) {
        let reset_already =
            self.queue.back().is_some_and(|piece| matches!(piece.what, What::End(End::Reset)));
        let too_late = self.state != State::Open && end == End::Finished;
        if self.state == State::Closed || reset_already || too_late {
            return;
        }
        self.state = State::Ended;
        let chunk = Chunk { len: 0, direction: self.direction };
        if let Some(delays) = self.judge(chunk, rules) {
            self.push(What::End(end), delays, now);
        }
    }

    /// The sink is gone: what is kept is of no use to anybody.
    pub fn close(&mut self) {
        self.queue.clear();
        self.cost = 0;
        self.state = State::Closed;
    }

    /// The sink took nothing, or takes again.
    pub const fn block(&mut self, blocked: bool) {
        self.sink_blocked = blocked;
    }

    /// Brings the pipe in line with rules that may have changed.
    #[must_use = "a connection that lost bytes must be reset"]
    pub fn settle(&mut self, now: Span, rules: &Rules) -> Settled {
        if let Some(rule) = rules.resets() {
            return Settled::Reset(Arc::clone(&rule.tally));
        }
        if rules.version() == self.version {
            return Settled::Goes;
        }
        if let Some((_, tally)) = self.lost_to.iter().find(|(id, _)| !rules.holds(*id)) {
            return Settled::Reset(Arc::clone(tally));
        }
        self.forget_healed(rules);
        self.meet_new(now, rules);
        self.version = rules.version();
        Settled::Goes
    }

    /// What can be done now.
    pub fn next(&mut self, now: Span, rules: &Rules) -> Next<'_> {
        let Some(head) = self.queue.front() else { return Next::Idle };
        if rules.on(self.direction).any(|rule| matches!(rule.toxic, Toxic::Partition { .. })) {
            return Next::Held;
        }
        if head.due > now {
            return Next::At(head.due);
        }
        let waiting = match &head.what {
            What::End(end) => return Next::End(*end),
            What::Bytes(bytes) => bytes.len() - head.sent,
        };
        let allowed = match self.pace.turn(waiting, now) {
            Turn::Now(allowed) => allowed,
            Turn::At(moment) => return Next::At(moment),
            Turn::Never => return Next::Held,
        };
        match self.queue.front().map(|head| (&head.what, head.sent)) {
            Some((What::Bytes(bytes), sent)) => Next::Write(&bytes[sent..sent + allowed]),
            _ => Next::Idle,
        }
    }

    /// Whether a reset is due although bytes are stuck before it: a RST overtakes what a peer does not read.
    #[must_use]
    pub fn reset_overtakes(&self, now: Span) -> bool {
        let last = self.queue.back();
        last.is_some_and(|piece| matches!(piece.what, What::End(End::Reset)) && piece.due <= now)
    }

    /// Tells that so many bytes of the last [`Next::Write`] were written.
    pub fn sent(&mut self, bytes: usize, now: Span, rules: &Rules) {
        self.pace.sent(bytes, now, rules);
        let Some(head) = self.queue.front_mut() else { return };
        head.sent += bytes;
        self.cost -= bytes;
        if head.sent == head.len() {
            self.leave(now, rules);
        }
    }

    /// Tells that the end of the last [`Next::End`] was passed on.
    pub fn ended(&mut self, now: Span, rules: &Rules) {
        self.leave(now, rules);
        self.state = State::Delivered;
    }

    /// The delays of a chunk that goes on, by toxic; `None` if it is lost.
    fn judge(&mut self, chunk: Chunk, rules: &Rules) -> Option<Vec<(u32, Span)>> {
        let mut delays = Vec::new();
        let mut taken_by = None;
        for rule in rules.on(self.direction) {
            match rule.toxic.decide(chunk, &mut self.chance) {
                Fate::Delay(delay) => delays.push((rule.id, delay)),
                Fate::Drop => taken_by = taken_by.or(Some(rule)),
                Fate::Hold if taken_by.is_none() => rule.tally.held(chunk.len),
                // Limits are asked when a chunk is about to go, and resets when the rules change.
                Fate::Hold | Fate::Pace(_) | Fate::Reset | Fate::Pass => {}
            }
        }
        let Some(rule) = taken_by else { return Some(delays) };
        rule.tally.swallowed(chunk.len);
        if self.lost_to.iter().all(|(id, _)| *id != rule.id) {
            self.lost_to.push((rule.id, Arc::clone(&rule.tally)));
        }
        None
    }

    fn push(&mut self, what: What, delays: Vec<(u32, Span)>, now: Span) {
        let piece = Piece::new(what, delays, now, self.queue.back());
        self.cost += piece.len() + PIECE;
        self.queue.push_back(piece);
    }

    /// Takes the head out, for it is on its way.
    fn leave(&mut self, now: Span, rules: &Rules) {
        let Some(head) = self.queue.pop_front() else { return };
        self.cost -= PIECE;
        let late = now.minus(head.arrived);
        let ids = head.delays.iter().map(|(id, _)| *id);
        for rule in ids.filter_map(|id| rules.iter().find(|rule| rule.id == id)) {
            if head.len() > 0 {
                rule.tally.delayed(head.len(), late);
            }
        }
    }

    /// What waits for a toxic that is gone need not wait for it any longer.
    fn forget_healed(&mut self, rules: &Rules) {
        self.pace.forget_healed(rules);
        let mut earlier: Option<&Piece> = None;
        for piece in &mut self.queue {
            piece.delays.retain(|(id, _)| rules.holds(*id));
            piece.due = piece.due_after(earlier);
            earlier = Some(piece);
        }
    }

    fn meet_new(&mut self, now: Span, rules: &Rules) {
        let kept = self.kept();
        for rule in rules.on(self.direction).filter(|rule| rule.since > self.version) {
            match rule.toxic {
                Toxic::Bandwidth { rate, .. } => self.pace.limit(rule.id, rate, now),
                Toxic::Partition { .. } => rule.tally.held(kept),
                _ => {}
            }
        }
    }
}
