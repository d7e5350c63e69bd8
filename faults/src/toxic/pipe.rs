//! One way of one connection: bytes go in as they come, and out when the toxics let them.
//!
//! A pipe knows bytes, toxics and moments, and nothing of sockets: its owner tells it which rules hold
//! ([`Pipe::settle`]) and what was read ([`Pipe::take`], [`Pipe::take_end`]), asks what may be written ([`Pipe::next`]) and
//! tells what was written ([`Pipe::sent`]). Latency, loss and damage are decided when a chunk comes; partitions and limits
//! when it is about to go. A pipe that no toxic touches keeps nothing, and its owner may move bytes past it.

mod piece;
mod queue;

use std::net::IpAddr;
use std::sync::Arc;

use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::toxic::{Blackhole, Side};
use shakedown_scenarios::units::{Size, Span};

use super::stage::{Chunk, Fate, Gate, SWAP_WITHIN, Stage};
use super::{Chance, Direction, Rule, Rules, Toxic};
use piece::{Piece, What};
use queue::Queue;

/// How much one way of a connection keeps when its sink does not take it, bytes. Beyond it nothing is read: the sender
/// feels back-pressure as it would from a slow peer.
pub const BUFFER: usize = 64 << 10;

/// The same while a latency holds and the sink takes all that is due: what travels must be kept somewhere, and this
/// bounds rate × delay (1.3 GB/s at 100 ms).
pub const DELAY_BUFFER: usize = 128 << 20;

/// One way of one connection.
#[derive(Debug)]
pub struct Pipe {
    direction: Direction,
    state: State,
    sink_blocked: bool,
    /// The version of the rules that it was last brought in line with.
    version: u64,
    /// Only there while it is needed, since an idle connection is to be small.
    works: Option<Box<Works>>,
}

/// What a pipe has while toxics hold on it or bytes wait in it.
#[derive(Debug, Default)]
struct Works {
    stages: Vec<Stage>,
    queue: Queue,
    /// The memory of the last piece that went whole.
    used: Option<Vec<u8>>,
    /// Since when the head of the queue waits for its turn, and because of which injection.
    waiting: Option<(Span, u32)>,
}

/// A connection as toxics see it.
#[derive(Clone, Copy, Debug)]
pub struct Met {
    /// Where chance comes from.
    pub streams: Streams,
    /// Its number in the order of acceptance.
    pub number: u64,
    /// Who it is from.
    pub client: IpAddr,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order: a FIN.
    Finished,
    /// Abruptly: a RST.
    Reset,
}

/// How a toxic ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Both sides are closed in order.
    Closed,
    /// A side, or both, is reset.
    Reset(Side),
}

/// What the owner of a pipe can do.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// Write some of these bytes now.
    Write(&'a [u8]),
    /// Pass on the end of the stream now.
    End(End),
    /// End the connection now.
    Over(Over),
    /// Come back at this moment.
    At(Span),
    /// Come back when the rules have changed.
    Held,
    /// There is nothing to write.
    Idle,
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

/// What all gates say together.
enum Turn {
    Now(usize),
    At(Span),
    Never,
    Over(Over),
}

// === impl Over ===

impl Over {
    /// Both sides are reset.
    pub const RESET: Self = Self::Reset(Side::Both);
}

// === impl Pipe ===

impl Pipe {
    /// An empty pipe.
    #[must_use]
    pub const fn new(direction: Direction) -> Self {
        Self { direction, state: State::Open, sink_blocked: false, version: 0, works: None }
    }

    /// Whether bytes may be moved past it: nothing waits in it and no toxic touches it.
    #[must_use]
    pub const fn is_clear(&self) -> bool {
        self.works.is_none()
    }

    /// Whether its source has not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether nothing will ever come out again.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Delivered | State::Closed)
    }

    /// Whether its source ended, and that was passed on: nothing that the source sent is anywhere.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.state == State::Delivered
    }

    /// Bytes that came and were not handed on yet.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.works.as_ref().map_or(0, |works| works.queue.kept())
    }

    /// What it takes to keep them, bytes.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.works.as_ref().map_or(0, |works| works.queue.cost())
    }

    /// How many bytes may be read from the source now, and when to look again if none. `ample` says that there is memory
    /// for what travels under a latency.
    #[must_use]
    pub fn room(&self, now: Span, ample: bool) -> (usize, Option<Span>) {
        if self.state != State::Open {
            return (0, None);
        }
        let Some(works) = &self.works else { return (BUFFER, None) };
        let travels = ample && !self.sink_blocked && self.delays();
        let most = if travels { DELAY_BUFFER } else { BUFFER };
        let mut room = most.saturating_sub(works.queue.cost()).min(BUFFER);
        let mut again = None;
        for (allowed, moment) in works.stages.iter().filter_map(|stage| stage.reading(now)) {
            room = room.min(allowed);
            again = again.max(moment.filter(|_| allowed == 0));
        }
        (room, again)
    }

    /// Whether a toxic leaves bytes at the source, so that only the source can tell how many: see
    /// [`Pipe::waits_unread`].
    #[must_use]
    pub fn leaves_unread(&self) -> bool {
        self.works.as_ref().is_some_and(|works| works.stages.iter().any(Stage::leaves_unread))
    }

    /// Tells that so many bytes wait at the source, which a toxic that leaves them there counts as its doing.
    pub fn waits_unread(&mut self, bytes: usize) {
        let stages = self.works.iter_mut().flat_map(|works| &mut works.stages);
        stages.for_each(|stage| stage.waits_unread(bytes));
    }

    /// Whether something makes bytes late that come now.
    #[must_use]
    pub fn delays(&self) -> bool {
        self.works.as_ref().is_some_and(|works| works.stages.iter().any(Stage::delays))
    }

    /// The size that the source's receive buffer is to have, if a toxic asks for one.
    #[must_use]
    pub fn window(&self) -> Option<Size> {
        self.works.as_ref()?.stages.iter().find_map(Stage::window)
    }

    /// Takes bytes that were read. No bytes are no chunk: an end has a call of its own.
    pub fn take(&mut self, bytes: Vec<u8>, now: Span) {
        self.take_since(bytes, now, now);
    }

    /// The same for bytes that had come already before they were read: a delay counts from then.
    pub fn take_since(&mut self, bytes: Vec<u8>, came: Span, now: Span) {
        if !bytes.is_empty() && self.state != State::Closed {
            let works = self.works.get_or_insert_default();
            works.stages.iter_mut().for_each(|stage| stage.read(bytes.len(), now));
            works.judge(Piece::new(What::Bytes(bytes), came), 0);
        }
        self.rest();
    }

    /// Takes bytes that came before any toxic that holds now: they are kept from going, but not judged.
    pub fn take_earlier(&mut self, bytes: Vec<u8>, now: Span) {
        if !bytes.is_empty() && self.state != State::Closed {
            let works = self.works.get_or_insert_default();
            works.hold(bytes.len());
            works.queue.push(Piece::new(What::Bytes(bytes), now));
        }
    }

    /// Takes the end of the source. An end is a message like any other: it can be late, held or lost.
    pub fn take_end(&mut self, end: End, now: Span) {
        let reset_already = self.works.as_ref().is_some_and(|works| works.queue.ends_in_reset());
        let too_late = self.state != State::Open && end == End::Finished;
        if self.state == State::Closed || reset_already || too_late {
            return;
        }
        self.state = State::Ended;
        self.works.get_or_insert_default().judge(Piece::new(What::End(end), now), 0);
    }

    /// Tells that an end was passed on without having been kept.
    pub fn passed_end(&mut self) {
        self.state = State::Delivered;
    }

    /// The sink is gone: what is kept is of no use to anybody.
    pub fn close(&mut self) {
        if let Some(works) = &mut self.works {
            works.queue.clear();
        }
        self.state = State::Closed;
        self.rest();
    }

    /// The sink took nothing, or takes again.
    pub const fn block(&mut self, blocked: bool) {
        self.sink_blocked = blocked;
    }

    /// Brings the pipe in line with rules that may have changed; says how the connection ends if it does.
    #[must_use = "a connection that lost bytes must be reset"]
    pub fn settle(&mut self, now: Span, rules: &Rules, met: &Met) -> Option<Over> {
        if rules.version() == self.version {
            return None;
        }
        if let Some(over) = self.part_from_healed(rules, now) {
            return Some(over);
        }
        let version = self.version;
        for rule in rules.iter().filter(|rule| rule.since > version) {
            self.meet(rule, now, met);
        }
        self.version = rules.version();
        self.rest();
        None
    }

    /// The next moment at which a toxic ends the connection whatever happens, and how.
    #[must_use]
    pub fn deadline(&self) -> Option<(Span, Over)> {
        let stages = self.works.iter().flat_map(|works| &works.stages);
        stages.filter_map(Stage::deadline).min_by_key(|(moment, _)| *moment)
    }

    /// Whether its time has come, and how the connection ends then.
    pub fn time_is_up(&self, now: Span) -> Option<Over> {
        let (_, over) = self.deadline().filter(|(moment, _)| *moment <= now)?;
        let stages = self.works.iter().flat_map(|works| &works.stages);
        let ended_by = stages.filter(|stage| stage.deadline().is_some_and(|(moment, _)| moment <= now));
        ended_by.take(1).for_each(|stage| stage.rule.tally.ended(over));
        Some(over)
    }

    /// What can be done now.
    pub fn next(&mut self, now: Span) -> Next<'_> {
        let Some(works) = &mut self.works else { return Next::Idle };
        let Some(head) = works.queue.front() else { return works.idle(now) };
        if head.due > now {
            return Next::At(head.due);
        }
        if let What::End(end) = head.what {
            return match works.turn(0, now) {
                Turn::Over(over) => Next::Over(over),
                Turn::Never if works.holds_ends(now) => Next::Held,
                _ => Next::End(end),
            };
        }
        let waiting = works.gather(now);
        match works.turn(waiting, now) {
            Turn::Now(allowed) => match works.queue.front() {
                Some(head) => Next::Write(head.part(allowed)),
                None => Next::Idle,
            },
            Turn::At(moment) => Next::At(moment),
            Turn::Never => Next::Held,
            Turn::Over(over) => Next::Over(over),
        }
    }

    /// Whether a reset is due although bytes are stuck before it: a RST overtakes what a peer does not read.
    #[must_use]
    pub fn reset_overtakes(&self, now: Span) -> bool {
        self.works.as_ref().is_some_and(|works| works.queue.reset_is_due(now))
    }

    /// Tells that so many bytes of the last [`Next::Write`] were written.
    pub fn sent(&mut self, bytes: usize, now: Span) {
        if let Some(works) = &mut self.works {
            works.sent(bytes, now);
        }
        self.rest();
    }

    /// The memory of a piece that went whole, for whoever reads the next one.
    pub fn take_used(&mut self) -> Option<Vec<u8>> {
        self.works.as_mut()?.used.take()
    }

    /// Tells that the end of the last [`Next::End`] was passed on.
    pub fn ended(&mut self, now: Span) {
        if let Some(works) = &mut self.works
            && let Some(piece) = works.queue.pop()
        {
            works.left(&piece, now);
        }
        self.state = State::Delivered;
        self.rest();
    }

    /// A toxic is new, or has a new form: it is decided once whether it hits this way of this connection.
    fn meet(&mut self, rule: &Arc<Rule>, now: Span, met: &Met) {
        let is_it = |stage: &Stage| stage.rule.id == rule.id;
        let place = self.works.as_ref().and_then(|works| works.stages.iter().position(is_it));
        let hit = rule.touches(self.direction) && rule.hits(met.streams, met.number, met.client);
        if place.is_none() && !hit {
            return;
        }
        let works = self.works.get_or_insert_default();
        let mut stage = match place {
            Some(place) => works.stages.remove(place),
            None => {
                let chance = Chance::new(met.streams, met.number, self.direction, Arc::clone(&rule.name));
                Stage::new(Arc::clone(rule), self.direction, met.client, chance, now)
            }
        };
        if !hit {
            return;
        }
        match place {
            Some(_) => stage.update(Arc::clone(rule), now),
            None => {
                if stage.holds() {
                    rule.tally.held(works.queue.kept());
                }
                rule.tally.met();
            }
        }
        works.stages.insert(place.unwrap_or(works.stages.len()), stage);
    }

    /// Lets go of toxics that hold no more.
    fn part_from_healed(&mut self, rules: &Rules, now: Span) -> Option<Over> {
        let works = self.works.as_mut()?;
        for stage in works.stages.iter().filter(|stage| !rules.holds(stage.rule.id)) {
            if let Some(over) = stage.at_heal() {
                stage.rule.tally.ended(over);
                return Some(over);
            }
        }
        works.waited_until_heal(rules, now);
        works.stages.retain(|stage| rules.holds(stage.rule.id));
        works.queue.forget(|id| rules.holds(id));
        None
    }

    /// Drops what is not needed any more.
    fn rest(&mut self) {
        if self.works.as_ref().is_some_and(|works| works.stages.is_empty() && works.queue.is_empty()) {
            self.works = None;
        }
    }
}

// === impl Works ===

impl Works {
    /// Sends a piece through the stages from one on, and what is left of it into the queue.
    fn judge(&mut self, mut piece: Piece, from: usize) {
        for place in from..self.stages.len() {
            let stage = &mut self.stages[place];
            let spared = stage.spare(piece.len());
            if spared > 0 {
                if spared == piece.len() {
                    continue;
                }
                let rest = piece.split_off(spared);
                self.judge(piece, place + 1);
                piece = rest;
            }
            let stage = &mut self.stages[place];
            if piece.is_end() && stage.spares_still() {
                continue;
            }
            let fate = stage.decide(Chunk { len: piece.len(), at: piece.arrived });
            let (id, tally, len) = (stage.rule.id, Arc::clone(&stage.rule.tally), piece.len());
            match fate {
                Fate::Pass => {
                    if stage.holds() {
                        tally.held(len);
                    }
                }
                Fate::Delay(delay) => piece.delay(id, delay),
                Fate::Drop => {
                    stage.took = true;
                    if len == 0 {
                        tally.end_lost()
                    } else {
                        tally.swallowed(len)
                    }
                    return;
                }
                Fate::Keep(left) => {
                    stage.took = true;
                    tally.changed(len - left);
                    if left == 0 {
                        return;
                    }
                    piece.truncate(left);
                }
                Fate::Slice(sizes, apart) => piece.cut(id, sizes, apart),
                Fate::Change(changes) => {
                    stage.took = true;
                    tally.changed(changes.len());
                    piece.change(&changes);
                }
                Fate::Double => {
                    stage.took = true;
                    tally.changed(len);
                    let twin = piece.twin();
                    self.judge(twin, place + 1);
                }
                Fate::Swap => {
                    stage.took = true;
                    tally.changed(len);
                    piece.swap(id, SWAP_WITHIN);
                }
            }
        }
        self.queue.push(piece);
    }

    /// Tells all that hold bytes back that there are more.
    fn hold(&self, bytes: usize) {
        for stage in self.stages.iter().filter(|stage| stage.holds()) {
            stage.rule.tally.held(bytes);
        }
    }

    fn gate(&self, stage: &Stage, due: usize, now: Span) -> Gate {
        let oldest = self.queue.front().map_or(now, |head| head.arrived);
        stage.gate(due, oldest, self.queue.has_end(), now)
    }

    /// Puts small pieces together if a toxic has made them wait for each other and lets them go now, so that all others are
    /// asked about what really goes; how many bytes would go in one go.
    fn gather(&mut self, now: Span) -> usize {
        let lets_go = |stage: &Stage| {
            stage.gathers() && matches!(self.gate(stage, self.queue.due(now), now), Gate::Open(_))
        };
        if self.stages.iter().any(lets_go) {
            self.queue.gather(now, BUFFER);
        }
        self.queue.front().map_or(0, Piece::goes)
    }

    /// When, and how many, of the waiting bytes every toxic lets through.
    fn turn(&mut self, waiting: usize, now: Span) -> Turn {
        let mut allowed = waiting;
        let (mut latest, mut waits_for) = (now, None);
        for stage in &self.stages {
            let due = if stage.gathers() { self.queue.due(now) } else { waiting };
            if stage.stalls_from().is_some_and(|from| from <= now) {
                self.waiting = stage.stands(self.waiting, waiting, now);
                return Turn::Never;
            }
            match self.gate(stage, due, now) {
                Gate::Open(some) => allowed = allowed.min(some),
                Gate::Over(over) => {
                    stage.rule.tally.ended(over);
                    return Turn::Over(over);
                }
                Gate::Shut => {
                    self.waiting = stage.stands(self.waiting, waiting, now);
                    return Turn::Never;
                }
                Gate::At(moment) if moment > latest => {
                    (latest, waits_for) = (moment, Some(stage.rule.id));
                }
                Gate::At(_) => {}
            }
        }
        if let Some(id) = waits_for {
            self.waiting = self.waiting.or(Some((now, id)));
            return Turn::At(latest);
        }
        Turn::Now(allowed)
    }

    /// What there is to wait for with an empty queue.
    fn idle(&mut self, now: Span) -> Next<'static> {
        let turn = self.turn(0, now);
        // What is not there does not wait.
        self.waiting = None;
        match turn {
            Turn::Over(over) => Next::Over(over),
            _ => Next::Idle,
        }
    }

    /// Whether an end waits with the bytes that are held.
    fn holds_ends(&self, now: Span) -> bool {
        let stalled = |stage: &Stage| stage.stalls_from().is_some_and(|from| from <= now);
        self.stages.iter().any(|stage| stage.holds() || stalled(stage))
    }

    fn sent(&mut self, bytes: usize, now: Span) {
        self.stages.iter_mut().for_each(|stage| stage.sent(bytes, now));
        if let Some((since, id)) = self.waiting.take() {
            self.tell(id, |tally| tally.paced(bytes, now.minus(since)));
        }
        if let Some(id) = self.queue.sent(bytes, now) {
            self.tell(id, |tally| tally.changed(bytes));
        }
        if let Some(piece) = self.queue.pop_sent() {
            self.left(&piece, now);
            self.used = piece.into_bytes();
        }
    }

    /// What a toxic kept from going until it was healed has waited for that.
    fn waited_until_heal(&mut self, rules: &Rules, now: Span) {
        let Some((since, id)) = self.waiting.filter(|(_, id)| !rules.holds(*id)) else { return };
        self.waiting = None;
        let bytes = self.queue.front().map_or(0, Piece::goes);
        self.tell(id, |tally| tally.paced(bytes, now.minus(since)));
    }

    /// A piece is on its way: those that made it late are told how late it was.
    fn left(&self, piece: &Piece, now: Span) {
        let late = now.minus(piece.arrived);
        piece.delays().for_each(|id| self.tell(id, |tally| tally.delayed(piece.len(), late)));
    }

    fn tell(&self, id: u32, what: impl Fn(&super::Tally)) {
        if let Some(stage) = self.stages.iter().find(|stage| stage.rule.id == id) {
            what(&stage.rule.tally);
        }
    }
}

// === impl Stage ===

impl Stage {
    /// Whether what it lets through travels for a while.
    fn delays(&self) -> bool {
        matches!(self.rule.toxic(), Toxic::Latency { .. } | Toxic::Wave { .. })
    }

    /// Whether it lets nothing through.
    fn holds(&self) -> bool {
        matches!(self.rule.toxic(), Toxic::Partition {} | Toxic::Blackhole { mode: Blackhole::Hold })
    }

    fn gathers(&self) -> bool {
        matches!(self.rule.toxic(), Toxic::Coalesce { .. })
    }

    /// So many bytes do not go, and not later either; since when they wait, and because of whom. A limit that has come to
    /// its end holds them, which is told once.
    fn stands(&self, before: Option<(Span, u32)>, bytes: usize, now: Span) -> Option<(Span, u32)> {
        let is_limit = matches!(self.rule.toxic(), Toxic::LimitData { .. } | Toxic::LimitTime { .. });
        if before.is_none() && is_limit {
            self.rule.tally.held(bytes);
        }
        before.or(Some((now, self.rule.id)))
    }
}
