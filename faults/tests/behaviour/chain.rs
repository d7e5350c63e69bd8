//! One way of a connection on paper: the pipe, its rules and a clock that goes as it is told.

use std::sync::Arc;

use shakedown_faults::toxic::{
    Aim, Direction, End, Evidence, Injection, Met, Next, Over, Pipe, Rule, Rules, Toxic,
};
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::toxic::Side;
use shakedown_scenarios::units::Span;

use crate::script::{Driver, Finish, Seen, Step};

pub const SEED: u64 = 42;

/// The name of all toxics here, and so of their streams of chance: the one that `Chance`'s own vectors have.
pub const NAME: &str = "slow";

/// A pipe, its rules and a clock, with everything that came out.
pub struct Chain {
    pub pipe: Pipe,
    direction: Direction,
    pub rules: Rules,
    pub now: Span,
    pub written: Vec<u8>,
    pub writes: Vec<(Span, usize)>,
    pub ended: Option<(Span, End)>,
    pub over: Option<Over>,
    over_at: Span,
    number: u64,
    /// What a script has sent and the pipe does not take yet, and the end behind it.
    source: Vec<u8>,
    source_end: Option<End>,
    /// The rule of the injection with the number 1, kept after its heal.
    first: Option<Arc<Rule>>,
}

impl Chain {
    pub fn new() -> Self {
        Self::on(Direction::Upstream)
    }

    /// With the connection of this number.
    pub fn numbered(number: u64) -> Self {
        Self { number, ..Self::on(Direction::Upstream) }
    }

    /// With this way of the connection of this number.
    pub fn of(number: u64, direction: Direction) -> Self {
        Self { number, ..Self::on(direction) }
    }

    /// With this way of the first connection.
    pub fn on(direction: Direction) -> Self {
        let (written, writes) = (Vec::new(), Vec::new());
        let (pipe, rules, now) = (Pipe::new(direction), Rules::default(), Span::ZERO);
        let (first, source, source_end) = (None, Vec::new(), None);
        Self {
            pipe,
            direction,
            rules,
            now,
            written,
            writes,
            ended: None,
            over: None,
            over_at: now,
            number: 0,
            source,
            source_end,
            first,
        }
    }

    pub fn under(toxic: Toxic) -> Self {
        let mut bench = Self::new();
        bench.inject(1, toxic);
        bench
    }

    pub fn inject(&mut self, id: u32, toxic: Toxic) {
        self.aim(id, toxic, Aim::at(Way::Both));
    }

    /// The name of its stream of chance is the one that `Chance`'s own vectors have.
    pub fn aim(&mut self, id: u32, toxic: Toxic, aim: Aim) {
        let injection = Injection { name: NAME.to_owned(), toxic, aim };
        if let Ok(rules) = self.rules.with(id, injection, 0) {
            self.change(rules);
        }
    }

    pub fn update(&mut self, id: u32, toxic: Toxic) {
        let injection = Injection { name: NAME.to_owned(), toxic, aim: Aim::at(Way::Both) };
        self.change(self.rules.updated(id, injection).unwrap());
    }

    pub fn heal(&mut self, id: u32) {
        if let Some((rules, _)) = self.rules.without(id) {
            self.change(rules);
        }
    }

    pub fn change(&mut self, rules: Rules) {
        self.rules = rules;
        self.first = self.rules.get(1).map(Arc::clone).or(self.first.take());
        let met = Met { streams: Streams::new(SEED), number: self.number, client: [127, 0, 0, 1].into() };
        let over = self.pipe.settle(self.now, &self.rules, &met);
        self.end_with(over);
    }

    pub fn take(&mut self, bytes: &[u8]) {
        let (room, _) = self.pipe.room(self.now, true);
        self.pipe.take(bytes[..room.min(bytes.len())].to_vec(), self.now);
    }

    pub fn end(&mut self, end: End) {
        self.pipe.take_end(end, self.now);
    }

    fn end_with(&mut self, over: Option<Over>) {
        if self.over.is_none() && over.is_some() {
            (self.over, self.over_at) = (over, self.now);
        }
    }

    /// Writes all that may be written up to a moment, waking exactly when the pipe asks for it.
    pub fn run_until(&mut self, moment: Span) {
        loop {
            match self.pipe.next(self.now) {
                Next::Write(bytes) => {
                    let count = bytes.len();
                    self.written.extend(bytes);
                    self.writes.push((self.now, count));
                    self.pipe.sent(count, self.now);
                }
                Next::End(end) => {
                    self.ended = Some((self.now, end));
                    self.pipe.ended(self.now);
                }
                Next::At(at) if at <= moment => {
                    assert!(at > self.now, "a moment in the past makes a busy loop");
                    self.now = at;
                }
                Next::Over(over) => {
                    self.end_with(Some(over));
                    break;
                }
                Next::At(_) | Next::Held | Next::Idle => break,
            }
        }
        self.now = self.now.max(moment);
        let over = self.pipe.time_is_up(self.now);
        self.end_with(over);
    }

    pub fn evidence(&self, id: u32) -> Evidence {
        let rule = self.rules.get(id).expect("the toxic holds");
        rule.tally.evidence(rule.toxic())
    }
}

// === as a driver: it reads its source and minds deadlines, as the owner of a pipe does ===

impl Chain {
    fn wait_until(&mut self, moment: Span) {
        loop {
            let again = self.feed();
            self.run_until(self.now);
            let deadline = self.pipe.deadline().map(|(at, _)| at).filter(|_| self.over.is_none());
            let wake = [again, deadline].into_iter().flatten().filter(|at| *at > self.now && *at < moment);
            match wake.min() {
                Some(wake) => self.run_until(wake),
                None => break,
            }
        }
        self.run_until(moment);
        self.feed();
        self.run_until(moment);
    }

    /// Reads what may be read now; when more may be.
    fn feed(&mut self) -> Option<Span> {
        if self.over.is_some() {
            return None;
        }
        let (room, again) = self.pipe.room(self.now, true);
        if room == 0 {
            self.pipe.waits_unread(self.source.len());
        }
        let count = room.min(self.source.len());
        let bytes: Vec<u8> = self.source.drain(..count).collect();
        self.pipe.take(bytes, self.now);
        if !self.source.is_empty() {
            return again;
        }
        if let Some(end) = self.source_end.take() {
            self.end(end);
        }
        None
    }
}

impl Driver for Chain {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Inject(id, toxic) => self.inject(*id, toxic.clone()),
            Step::Update(id, toxic) => self.update(*id, toxic.clone()),
            Step::Heal(id) => self.heal(*id),
            Step::Send(bytes) => self.source.extend(bytes),
            Step::Finish => self.source_end = Some(End::Finished),
            Step::Break => self.source_end = Some(End::Reset),
            Step::Wait(millis) => return self.wait_until(self.now.plus(Span::millis(*millis))),
        }
        self.wait_until(self.now);
    }

    fn seen(self, _: &Seen) -> Seen {
        let sink_is_reset = |side| match self.direction {
            Direction::Upstream => matches!(side, Side::Both | Side::Server),
            Direction::Downstream => matches!(side, Side::Both | Side::Client),
        };
        let finish = |over| match over {
            Over::Reset(side) if sink_is_reset(side) => Finish::Reset,
            _ => Finish::Finished,
        };
        let ended = self.ended.map(|(at, end)| match end {
            End::Finished => (at, Finish::Finished),
            End::Reset => (at, Finish::Reset),
        });
        let end = ended.or(self.over.map(|over| (self.over_at, finish(over))));
        let bit = self.first.as_ref().is_some_and(|rule| rule.tally.evidence(rule.toxic()).bit());
        Seen { bytes: self.written, pieces: self.writes, end, bit, late: Span::ZERO }
    }
}
