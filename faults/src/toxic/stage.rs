//! One toxic on one way of one connection: what it decides about chunks, and what it has to remember for that.

use std::net::IpAddr;
use std::sync::Arc;

use shakedown_scenarios::toxic::{Blackhole, Damage, Ending, Grain, Per, Side};
use shakedown_scenarios::units::{Size, Span};

use super::pipe::Over;
use super::{Bucket, Chance, Delay, Direction, Rule, Toxic, wave_at};

/// One toxic at work.
#[derive(Debug)]
pub struct Stage {
    pub(super) rule: Arc<Rule>,
    direction: Direction,
    client: IpAddr,
    chance: Chance,
    /// When it began on this connection.
    since: Span,
    /// How many bytes still pass before it begins with them.
    spare: u64,
    memory: Memory,
    /// Whether bytes are missing because of it.
    pub(super) took: bool,
    /// How many bytes it was seen to leave unread, at the most.
    unread: usize,
}

/// What a stage remembers.
#[derive(Debug)]
enum Memory {
    Nothing,
    Delay(Box<Delay>),
    /// Bytes that passed.
    Passed(u64),
    /// Whether the network is in its bad state.
    Bad(bool),
    Bucket(Bucket),
}

/// What is known of some bytes that were just read, or of an end of stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// How many bytes; zero for an end of stream.
    pub len: usize,
    /// When it came.
    pub at: Span,
}

/// What becomes of a chunk, decided when it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on at once.
    Pass,
    /// It goes on so long after it came, behind what came before it.
    Delay(Span),
    /// It is lost.
    Drop,
    /// So many of its bytes are left, the others lost.
    Keep(usize),
    /// It goes in pieces of these sizes, so far apart.
    Slice(Vec<usize>, Span),
    /// Some of its bytes are changed.
    Change(Vec<Change>),
    /// It goes twice.
    Double,
    /// It goes behind the one that comes next.
    Swap,
}

/// A byte that is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which byte of the chunk.
    pub place: usize,
    /// What it becomes: itself with these bits kept,
    pub keep: u8,
    /// and these turned over.
    pub flip: u8,
}

/// Whether the bytes at the head of the queue may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// So many of them.
    Open(usize),
    /// At this moment.
    At(Span),
    /// Not while this toxic holds.
    Shut,
    /// Never: the connection is to end so.
    Over(Over),
}

/// A chunk with a probability for each byte is asked about every byte that changes: no more than this many of them.
const MOST_CHANGES: usize = 4_096;

/// How often a retransmission timeout doubles at the most.
const MOST_LOSSES: u32 = 6;

/// How long a chunk waits for another one to change places with.
pub(super) const SWAP_WITHIN: Span = Span::millis(50);

// === impl Stage ===

impl Stage {
    /// A toxic meets a connection.
    pub(super) fn new(
        rule: Arc<Rule>,
        direction: Direction,
        client: IpAddr,
        chance: Chance,
        now: Span,
    ) -> Self {
        let memory = Memory::of(rule.toxic(), now);
        let spare = rule.injection.aim.after_bytes.as_bytes();
        Self { rule, direction, client, chance, since: now, spare, memory, took: false, unread: 0 }
    }

    /// The toxic changed its form; what this stage knows stays known where it still means something.
    pub(super) fn update(&mut self, rule: Arc<Rule>, now: Span) {
        let fresh = Memory::of(rule.toxic(), now);
        let same = std::mem::discriminant(&fresh) == std::mem::discriminant(&self.memory);
        if !same || matches!(fresh, Memory::Delay(_) | Memory::Bucket(_)) {
            self.memory = fresh;
        }
        self.rule = rule;
    }

    /// How many bytes of a chunk pass before this toxic begins with them; all of these count as passed.
    pub(super) fn spare(&mut self, len: usize) -> usize {
        let spared = usize::try_from(self.spare).unwrap_or(usize::MAX).min(len);
        self.spare -= spared as u64;
        spared
    }

    /// Whether it has not begun yet.
    pub(super) const fn spares_still(&self) -> bool {
        self.spare > 0
    }

    /// The fate of a chunk under this toxic alone.
    ///
    /// Chance is drawn only where there is something to draw.
    #[must_use]
    pub fn decide(&mut self, chunk: Chunk) -> Fate {
        if chunk.len == 0 {
            return self.decide_end(chunk);
        }
        let rule = Arc::clone(&self.rule);
        match rule.toxic() {
            Toxic::Latency { .. } => self.delay(),
            Toxic::Wave { shape, amplitude, period, phase } => {
                let place = chunk.at.minus(self.since).plus(*phase);
                Fate::Delay(wave_at(*shape, *amplitude, *period, place))
            }
            Toxic::Loss { .. } => self.lose(rule.toxic()),
            Toxic::Timeout { .. } | Toxic::Blackhole { mode: Blackhole::Drop } => Fate::Drop,
            Toxic::Slicer { average, variation, delay } => {
                let sizes = self.slices(chunk.len, average.as_bytes(), variation.as_bytes());
                if sizes.len() > 1 { Fate::Slice(sizes, *delay) } else { Fate::Pass }
            }
            Toxic::Corrupt { probability, per, damage } => {
                self.corrupt(chunk.len, probability.value(), *per, *damage)
            }
            Toxic::Duplicate { probability } => self.perhaps(probability.value(), Fate::Double),
            Toxic::Reorder { probability } => self.perhaps(probability.value(), Fate::Swap),
            Toxic::Truncate { probability } => self.perhaps(probability.value(), Fate::Keep(chunk.len / 2)),
            _ => Fate::Pass,
        }
    }

    /// An end is a message like any other, for toxics that do not care what is in a message: it can be late or lost.
    fn decide_end(&mut self, chunk: Chunk) -> Fate {
        let rule = Arc::clone(&self.rule);
        match rule.toxic() {
            Toxic::Latency { .. } => self.delay(),
            Toxic::Wave { shape, amplitude, period, phase } => {
                let place = chunk.at.minus(self.since).plus(*phase);
                Fate::Delay(wave_at(*shape, *amplitude, *period, place))
            }
            Toxic::SlowClose { delay } => Fate::Delay(*delay),
            Toxic::DropEnd {} | Toxic::Timeout { .. } | Toxic::Blackhole { mode: Blackhole::Drop } => {
                Fate::Drop
            }
            _ => Fate::Pass,
        }
    }

    /// Whether bytes at the head of the queue may go now. `due` is how many of them are due, `oldest` when the first of
    /// them came, and `ends` whether the stream ends behind them.
    pub(super) fn gate(&self, due: usize, oldest: Span, ends: bool, now: Span) -> Gate {
        match self.rule.toxic() {
            Toxic::Partition {} | Toxic::Blackhole { mode: Blackhole::Hold } => Gate::Shut,
            Toxic::Stall { every, hold } => {
                let place = now.minus(self.since).as_nanos() % every.as_nanos().max(1);
                let left = hold.minus(Span::nanos(place));
                if left.is_zero() { Gate::Open(due) } else { Gate::At(now.plus(left)) }
            }
            Toxic::Bandwidth { .. } => self.pace(due, now),
            Toxic::Coalesce { window, size } => {
                let until = oldest.plus(*window);
                let enough = usize::try_from(size.as_bytes()).unwrap_or(usize::MAX);
                let goes = ends || due >= enough || until <= now;
                if goes { Gate::Open(due) } else { Gate::At(until) }
            }
            Toxic::LimitData { bytes, then } => self.limit(*bytes, *then, due),
            _ => Gate::Open(due),
        }
    }

    /// Tells that bytes went.
    pub(super) fn sent(&mut self, bytes: usize, now: Span) {
        if let Toxic::Bandwidth { per, rate, burst } = self.rule.toxic()
            && *per != Per::Connection
        {
            let fresh = || Bucket::new(*rate, *burst, now);
            self.rule
                .shares
                .with(self.sharing(*per), self.direction, fresh, |bucket| bucket.sent(bytes, now));
        }
        match &mut self.memory {
            Memory::Bucket(bucket) if !matches!(self.rule.toxic(), Toxic::SlowRead { .. }) => {
                bucket.sent(bytes, now);
            }
            Memory::Passed(passed) => *passed += bytes as u64,
            _ => {}
        }
    }

    /// How many bytes may be read from the source, and when it may be read again if none.
    pub(super) fn reading(&self, now: Span) -> Option<(usize, Option<Span>)> {
        match (self.rule.toxic(), &self.memory) {
            (Toxic::SlowRead { .. }, Memory::Bucket(bucket)) => {
                let ready = bucket.ready_at(usize::MAX, now);
                let allowed = if ready.is_some_and(|ready| ready <= now) { bucket.allowance(now) } else { 0 };
                Some((allowed, ready))
            }
            _ if self.leaves_unread() => Some((0, None)),
            _ => None,
        }
    }

    /// Whether it leaves bytes where they are, so that nobody counts them as they are read.
    pub(super) fn leaves_unread(&self) -> bool {
        matches!(self.rule.toxic(), Toxic::Blackhole { mode: Blackhole::Hold })
    }

    /// Tells how many bytes wait to be read while it lets none be; those that are new to it are held by it.
    pub(super) fn waits_unread(&mut self, bytes: usize) {
        if self.leaves_unread() && bytes > self.unread {
            self.rule.tally.held(bytes - self.unread);
            self.unread = bytes;
        }
    }

    /// Tells that bytes were read.
    pub(super) fn read(&mut self, bytes: usize, now: Span) {
        if let (Toxic::SlowRead { .. }, Memory::Bucket(bucket)) = (self.rule.toxic(), &mut self.memory) {
            bucket.sent(bytes, now);
            self.rule.tally.read_slowly(bytes);
        }
    }

    /// The size that the source's receive buffer is to have.
    pub(super) fn window(&self) -> Option<Size> {
        if let Toxic::SlowRead { window, .. } = self.rule.toxic() { *window } else { None }
    }

    /// When and how it ends the connection, bytes or no bytes.
    pub(super) fn deadline(&self) -> Option<(Span, Over)> {
        match self.rule.toxic() {
            Toxic::LimitTime { after, then } => ending(*then).map(|over| (self.since.plus(*after), over)),
            Toxic::Timeout { after } if !after.is_zero() => Some((self.since.plus(*after), Over::Closed)),
            Toxic::Reset { after, side } => Some((self.since.plus(*after), Over::Reset(*side))),
            _ => None,
        }
    }

    /// Whether its time is up and it lets nothing pass any more.
    pub(super) fn stalls_from(&self) -> Option<Span> {
        match self.rule.toxic() {
            Toxic::LimitTime { after, then: Ending::Stall } => Some(self.since.plus(*after)),
            _ => None,
        }
    }

    /// What the connection comes to when this toxic heals.
    pub(super) fn at_heal(&self) -> Option<Over> {
        match self.rule.toxic() {
            Toxic::Timeout { .. } => Some(Over::Closed),
            _ if self.took => Some(Over::Reset(Side::Both)),
            _ => None,
        }
    }

    fn delay(&mut self) -> Fate {
        match &mut self.memory {
            Memory::Delay(delay) => Fate::Delay(delay.draw(&mut self.chance)),
            _ => Fate::Pass,
        }
    }

    fn perhaps(&mut self, probability: f64, fate: Fate) -> Fate {
        if self.chance.happens(probability) { fate } else { Fate::Pass }
    }

    /// The model of Gilbert ("Capacity of a Burst-Noise Channel", 1960) and Elliott (1963): the state changes first,
    /// then it is drawn whether this chunk is lost, and each time again whether its repetition is.
    fn lose(&mut self, toxic: &Toxic) -> Fate {
        let (Toxic::Loss { bad, good, loss_in_bad, loss_in_good, rto }, Memory::Bad(is_bad)) =
            (toxic, &mut self.memory)
        else {
            return Fate::Pass;
        };
        let mut late = Span::ZERO;
        for repeat in 0..MOST_LOSSES {
            let turns = self.chance.happens(if *is_bad { good.value() } else { bad.value() });
            *is_bad ^= turns;
            let lost = if *is_bad { loss_in_bad } else { loss_in_good };
            if !self.chance.happens(lost.value()) {
                break;
            }
            late = late.plus(Span::nanos(rto.as_nanos() << repeat));
        }
        if late.is_zero() { Fate::Pass } else { Fate::Delay(late) }
    }

    /// Pieces of an even size around the average; the last one is what is left.
    fn slices(&mut self, len: usize, average: u64, variation: u64) -> Vec<usize> {
        let mut sizes = Vec::new();
        let mut left = len;
        while left > 0 {
            let drawn = average - variation + self.chance_below(2 * variation + 1);
            let size = usize::try_from(drawn).unwrap_or(usize::MAX).clamp(1, left);
            sizes.push(size);
            left -= size;
        }
        sizes
    }

    /// What cannot be anything else is not drawn.
    fn chance_below(&mut self, bound: u64) -> u64 {
        if bound <= 1 { 0 } else { self.chance.below(bound) }
    }

    fn corrupt(&mut self, len: usize, probability: f64, per: Grain, damage: Damage) -> Fate {
        let mut changes = Vec::new();
        match per {
            Grain::Chunk => {
                if self.chance.happens(probability) {
                    let place = usize::try_from(self.chance_below(len as u64)).unwrap_or(0);
                    changes.push(self.change(place, damage));
                }
            }
            Grain::Byte => {
                let mut place = self.chance.failures(probability, len);
                while place < len && changes.len() < MOST_CHANGES {
                    changes.push(self.change(place, damage));
                    place = place.saturating_add(1 + self.chance.failures(probability, len));
                }
            }
        }
        if changes.is_empty() { Fate::Pass } else { Fate::Change(changes) }
    }

    fn change(&mut self, place: usize, damage: Damage) -> Change {
        match damage {
            Damage::FlipBit => Change { place, keep: 0xff, flip: 1 << self.chance.below(8) },
            Damage::Zero => Change { place, keep: 0, flip: 0 },
            // Any but itself: at least one bit is turned over.
            Damage::Random => Change { place, keep: 0xff, flip: (1 + self.chance.below(255)) as u8 },
        }
    }

    fn pace(&self, due: usize, now: Span) -> Gate {
        let Toxic::Bandwidth { rate, per, burst } = self.rule.toxic() else { return Gate::Open(due) };
        let ask = |bucket: &Bucket| match bucket.ready_at(due, now) {
            None => Gate::Shut,
            Some(moment) if moment > now => Gate::At(moment),
            Some(_) => Gate::Open(bucket.allowance(now)),
        };
        match &self.memory {
            Memory::Bucket(bucket) => ask(bucket),
            _ => {
                let fresh = || Bucket::new(*rate, *burst, now);
                self.rule.shares.with(self.sharing(*per), self.direction, fresh, |bucket| ask(bucket))
            }
        }
    }

    fn sharing(&self, per: Per) -> Option<IpAddr> {
        (per == Per::Client).then_some(self.client)
    }

    fn limit(&self, bytes: Size, then: Ending, due: usize) -> Gate {
        let Memory::Passed(passed) = self.memory else { return Gate::Open(due) };
        match usize::try_from(bytes.as_bytes().saturating_sub(passed)).unwrap_or(usize::MAX) {
            0 => ending(then).map_or(Gate::Shut, Gate::Over),
            left => Gate::Open(left.min(due)),
        }
    }
}

const fn ending(then: Ending) -> Option<Over> {
    match then {
        Ending::Close => Some(Over::Closed),
        Ending::Reset => Some(Over::Reset(Side::Both)),
        Ending::Stall => None,
    }
}

// === impl Memory ===

impl Memory {
    fn of(toxic: &Toxic, now: Span) -> Self {
        match toxic {
            Toxic::Latency { delay, jitter, distribution, correlation } => {
                Self::Delay(Box::new(Delay::new(*delay, *jitter, distribution, correlation.value())))
            }
            Toxic::LimitData { .. } => Self::Passed(0),
            Toxic::Loss { .. } => Self::Bad(false),
            Toxic::Bandwidth { rate, per: Per::Connection, burst } => {
                Self::Bucket(Bucket::new(*rate, *burst, now))
            }
            Toxic::SlowRead { rate, .. } => Self::Bucket(Bucket::new(*rate, Toxic::BURST, now)),
            _ => Self::Nothing,
        }
    }
}

// === impl Change ===

impl Change {
    /// Changes the byte, if the chunk has it.
    pub fn apply(self, bytes: &mut [u8]) {
        if let Some(byte) = bytes.get_mut(self.place) {
            *byte = (*byte & self.keep) ^ self.flip;
        }
    }
}
