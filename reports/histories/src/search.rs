//! The search for an order: can these operations of one object be put one after the other, each between its begin and its
//! end, so that every one finds what it found?
//!
//! Wing and Gong's search with Lowe's two ideas: what was tried is remembered ("Testing for linearizability", 2017), and an
//! operation is put in order only when it has to be, because one comes back that is not done yet (just in time). On top of
//! it, each with the reason why no order is missed:
//!
//! - One that only looks is done as soon as it finds what it found: nothing is lost by that.
//! - Of two under way that do the same, the one that comes back first is done first: they can change places. An open one
//!   comes back last of all.
//! - Beside an operation that overwrites everything, others under way that may be done in any state could have been done
//!   right before it, unseen. They need not be done any more, and still can be.
//! - Who was at the same place with more open operations left, and failed, need not be followed ([`memo`]).
//! - Changes that nobody would see are not tried early ([`Discipline`]).

mod bits;
pub mod layout;
mod memo;

use bits::Bits;
use layout::{Begin, Layout};
use memo::{Memo, Uses};

use crate::budget::Budget;
use crate::mix::mix;
use crate::object::{Ahead, Discipline, Force, Object, Sign};

/// The clock is looked at every so many places.
const LOOK: u32 = 256;

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is an order.
    Ordered,
    /// There is none: everything up to the operation before this one (a place of [`Layout::done`]) can be ordered, and with
    /// it not.
    Stuck(u32),
    /// Time or memory did not suffice, or too many operations were under way at once.
    GaveUp,
}

/// Looks for an order.
pub fn search<O: Object + Clone>(object: &O, layout: &Layout, budget: &Budget<'_>) -> Outcome {
    match layout.slots {
        0 => Outcome::Ordered,
        1..=64 => wider::<O, 1>(object, layout, budget),
        65..=256 => wider::<O, 4>(object, layout, budget),
        257..=1_024 => wider::<O, 16>(object, layout, budget),
        1_025..=8_192 => wider::<O, 128>(object, layout, budget),
        _ => Outcome::GaveUp,
    }
}

/// Where there are many explanations, the short ones are the likely ones: those are looked through first, for a while.
fn wider<O: Object + Clone, const W: usize>(object: &O, layout: &Layout, budget: &Budget<'_>) -> Outcome {
    let spots = PATIENCE * (layout.done.len() as u64 + 100);
    let short = O::EARLY_FIRST.iter().map(|early| Limit { early: *early, spots });
    for limit in short.chain([Limit { early: u32::MAX, spots: u64::MAX }]) {
        let mut object = object.clone();
        let mut search = Search::<O, W>::new(&mut object, layout, budget, limit);
        let outcome = search.run();
        if outcome == Outcome::Ordered || !search.is_cut {
            return outcome;
        }
    }
    Outcome::GaveUp
}

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
struct Limit {
    /// So many operations are done early, before the next that comes back.
    early: u32,
    /// So many spots are looked at.
    spots: u64,
}

/// So many spots for each operation are looked at for a short explanation.
const PATIENCE: u64 = 20;

/// Where the search is, beside the object's state.
#[derive(Clone, Copy, Debug)]
struct Spot<const W: usize> {
    /// The next to come back.
    place: u32,
    /// Done: under way, and can have no effect any more.
    spent: Bits<W>,
    /// Need not be done any more, and still can be where they are not `spent`, which are among them.
    settled: Bits<W>,
    /// The number of uses of open operations.
    used: u32,
    /// What was done last has to be seen by another one before the next comes back.
    owes: bool,
    /// Looks that are not done yet.
    looks: u32,
    /// What was done since the last one came back, beside the next.
    early: u32,
}

/// What led to a spot.
#[derive(Clone, Copy, Debug)]
enum Step<U> {
    Start,
    /// The next one came back without being done: it had been done unseen.
    Unseen,
    /// Something was done, perhaps an open operation of this sign.
    Did(U, Option<Sign>),
}

/// A spot, the step that led there, and what to try from it.
#[derive(Debug)]
struct Frame<U, const W: usize> {
    spot: Spot<W>,
    step: Step<U>,
    /// Where its moves begin, and the next of them to try.
    moves: usize,
    next: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Next,
    Unseen,
    Others,
    Trying,
}

/// Something to do before the next one.
#[derive(Clone, Copy, Debug)]
enum Move {
    Begun(u32),
    Open(Sign),
}

struct Search<'a, O: Object, const W: usize> {
    object: &'a mut O,
    layout: &'a Layout,
    budget: &'a Budget<'a>,
    spot: Spot<W>,
    /// Under way, and by what they can do.
    begun: Bits<W>,
    looking: Bits<W>,
    free: Bits<W>,
    /// The place at which the one in a slot comes back.
    place_in: Vec<u32>,
    /// Open operations that began, of each sign, less those that were used.
    open: Vec<u32>,
    /// Signs of open operations in the order in which the first of each began.
    opened: Vec<Sign>,
    ever_opened: Vec<u32>,
    uses: Uses,
    memo: Memo,
    frames: Vec<Frame<O::Undo, W>>,
    moves: Vec<Move>,
    signs: Vec<Sign>,
    begun_signs: Vec<(Sign, u32, u32, bool)>,
    furthest: u32,
    looked: u32,
    spots: u64,
    limit: Limit,
    /// The limit kept something from being tried.
    is_cut: bool,
}

// === impl Search ===

impl<'a, O: Object, const W: usize> Search<'a, O, W> {
    fn new(object: &'a mut O, layout: &'a Layout, budget: &'a Budget<'a>, limit: Limit) -> Self {
        let looks = layout.done.iter().filter(|it| object.force(it.sign) == Force::Looks).count() as u32;
        let spot =
            Spot { place: 0, spent: Bits::NONE, settled: Bits::NONE, used: 0, owes: false, looks, early: 0 };
        let mut search = Self {
            object,
            layout,
            budget,
            spot,
            begun: Bits::NONE,
            looking: Bits::NONE,
            free: Bits::NONE,
            place_in: vec![0; layout.slots],
            open: vec![0; layout.signs],
            opened: Vec::new(),
            ever_opened: vec![0; layout.signs],
            uses: Uses::new(),
            memo: Memo::with_room(layout.done.len()),
            frames: Vec::new(),
            moves: Vec::new(),
            signs: Vec::new(),
            begun_signs: Vec::new(),
            furthest: 0,
            looked: 0,
            spots: 0,
            limit,
            is_cut: false,
        };
        search.begin();
        search
    }

    fn run(&mut self) -> Outcome {
        if self.arrive(Step::Start) {
            return Outcome::Ordered;
        }
        while let Some(frame) = self.frames.last() {
            let (stage, last) = (frame.stage, self.frames.len() - 1);
            let done = match stage {
                Stage::Next => {
                    self.frames[last].stage = Stage::Unseen;
                    self.try_next()
                }
                Stage::Unseen => {
                    self.frames[last].stage = Stage::Others;
                    self.try_unseen()
                }
                Stage::Others => {
                    self.find_moves();
                    self.frames[last].stage = Stage::Trying;
                    false
                }
                Stage::Trying => self.try_move(),
            };
            if done {
                return Outcome::Ordered;
            }
            if self.looked >= LOOK {
                self.spots += u64::from(self.looked);
                self.looked = 0;
                if self.spots > self.limit.spots {
                    self.is_cut = true;
                    return Outcome::GaveUp;
                }
                let bytes = self.memo.bytes() + self.uses.bytes();
                if self.budget.is_spent(bytes) {
                    return Outcome::GaveUp;
                }
            }
        }
        Outcome::Stuck(self.furthest)
    }

    /// Follows a step to its end; true if nothing is left to be done. A spot that was tried is left at once.
    fn arrive(&mut self, step: Step<O::Undo>) -> bool {
        self.looked += 1;
        if self.settle() {
            return true;
        }
        self.furthest = self.furthest.max(self.spot.place);
        if self.object.is_lost(self.spot.looks) || !self.is_new() {
            self.leave(step);
            return false;
        }
        self.frames.push(Frame {
            spot: self.spot,
            step,
            moves: self.moves.len(),
            next: self.moves.len(),
            stage: Stage::Next,
        });
        false
    }

    /// Does all looks that can be done, and lets all come back that are done; true at the end.
    fn settle(&mut self) -> bool {
        loop {
            for slot in self.looking.without(&self.spot.settled).slots() {
                if self.object.holds(self.sign_in(slot)) {
                    self.done(slot);
                    self.spot.looks -= 1;
                    self.spot.owes = false;
                }
            }
            let next = self.layout.done[self.spot.place as usize];
            if !self.spot.spent.has(next.slot) {
                return false;
            }
            for bits in [
                &mut self.spot.spent,
                &mut self.spot.settled,
                &mut self.begun,
                &mut self.looking,
                &mut self.free,
            ] {
                bits.clear(next.slot);
            }
            self.spot.place += 1;
            self.spot.early = 0;
            if self.spot.place as usize == self.layout.done.len() {
                return true;
            }
            self.begin();
        }
    }

    /// What began before the next one comes back.
    fn begin(&mut self) {
        for begin in self.begins(self.spot.place) {
            match begin {
                Begin::Done { slot, place } => {
                    self.place_in[slot as usize] = place;
                    self.under_way(slot);
                }
                Begin::Open(sign) => {
                    self.open[sign as usize] += 1;
                    self.ever_opened[sign as usize] += 1;
                    if self.ever_opened[sign as usize] == 1 {
                        self.opened.push(sign);
                    }
                }
            }
        }
    }

    fn under_way(&mut self, slot: u32) {
        self.begun.set(slot);
        match self.object.force(self.sign_in(slot)) {
            Force::Looks => self.looking.set(slot),
            Force::Overwrites | Force::Adds => self.free.set(slot),
            Force::Depends => {}
        }
    }

    /// Back to an earlier place: what began since did not, and what came back is under way.
    fn back_to(&mut self, place: u32) {
        while self.spot.place > place {
            if (self.spot.place as usize) < self.layout.done.len() {
                self.take_back_begins();
            }
            self.spot.place -= 1;
            let slot = self.layout.done[self.spot.place as usize].slot;
            self.place_in[slot as usize] = self.spot.place;
            self.under_way(slot);
        }
    }

    fn take_back_begins(&mut self) {
        for begin in self.begins(self.spot.place).rev() {
            match begin {
                Begin::Done { slot, .. } => {
                    for bits in [&mut self.begun, &mut self.looking, &mut self.free] {
                        bits.clear(slot);
                    }
                }
                Begin::Open(sign) => {
                    self.open[sign as usize] -= 1;
                    self.ever_opened[sign as usize] -= 1;
                    if self.ever_opened[sign as usize] == 0 {
                        self.opened.pop();
                    }
                }
            }
        }
    }

    fn begins(&self, place: u32) -> impl DoubleEndedIterator<Item = Begin> + use<'a, O, W> {
        let layout = self.layout;
        let (from, to) = (layout.from[place as usize], layout.from[place as usize + 1]);
        layout.begins[from as usize..to as usize].iter().copied()
    }

    fn sign_in(&self, slot: u32) -> Sign {
        self.layout.done[self.place_in[slot as usize] as usize].sign
    }

    fn done(&mut self, slot: u32) {
        self.spot.spent.set(slot);
        self.spot.settled.set(slot);
    }

    /// Takes back the step to here: the spot is that of the frame before.
    fn leave(&mut self, step: Step<O::Undo>) {
        let Some(before) = self.frames.last().map(|frame| frame.spot) else { return };
        self.back_to(before.place);
        self.spot = before;
        if let Step::Did(undo, open) = step {
            self.object.undo(undo);
            if let Some(sign) = open {
                self.open[sign as usize] += 1;
            }
        }
    }

    fn is_new(&mut self) -> bool {
        let Spot { place, spent, settled, used, owes, .. } = &self.spot;
        let mut key = [u64::from(*place) << 1 | u64::from(*owes), self.object.fingerprint()];
        let words = spent.words().iter().chain(settled.words());
        let (mut low, mut high) = (mix(key[0], key[1]), mix(key[1] ^ 0x1234_5678_9abc_def1, key[0]));
        for word in words {
            low = mix(low, *word);
            high = mix(*word ^ 0x0fed_cba9_8765_4321, high);
        }
        key = [low, high];
        self.memo.is_new(key, *used, &self.uses)
    }

    /// The next one itself, if it can be done here.
    fn try_next(&mut self) -> bool {
        let next = self.layout.done[self.spot.place as usize];
        let force = self.object.force(next.sign);
        let may = match O::DISCIPLINE {
            Discipline::Any => true,
            Discipline::Seen => !self.spot.owes || force == Force::Depends,
            Discipline::Commutes => !self.spot.owes || force == Force::Looks,
        };
        if !may || force == Force::Looks && !self.object.is_unknown() {
            return false;
        }
        let Some(undo) = self.object.step(next.sign) else { return false };
        self.done(next.slot);
        self.spot.looks -= u32::from(force == Force::Looks);
        if force == Force::Overwrites {
            self.settle_unseen(None);
        }
        self.spot.owes = false;
        self.arrive(Step::Did(undo, None))
    }

    /// The next one, if it need not be done any more, without doing it.
    fn try_unseen(&mut self) -> bool {
        let slot = self.layout.done[self.spot.place as usize].slot;
        if self.spot.owes || !self.spot.settled.has(slot) {
            return false;
        }
        self.spot.spent.set(slot);
        self.arrive(Step::Unseen)
    }

    /// Beside one that overwrites, those under way that may be done in any state need not be done any more.
    fn settle_unseen(&mut self, but: Option<u32>) {
        let mut unseen = self.free.without(&self.spot.settled);
        if let Some(slot) = but {
            unseen.clear(slot);
        }
        self.spot.settled.add(&unseen);
    }

    /// Finds what may be worth doing before the next one.
    fn find_moves(&mut self) {
        let next = self.layout.done[self.spot.place as usize];
        let next_settled = self.spot.settled.has(next.slot);
        let is_unknown = self.object.is_unknown();
        let looking = self.looking.without(&self.spot.settled);
        if O::DISCIPLINE == Discipline::Commutes && looking.is_empty() {
            return;
        }
        if self.spot.early >= self.limit.early {
            self.is_cut = true;
            return;
        }
        self.begun_signs.clear();
        for slot in self.begun.without(&self.spot.spent).slots() {
            let (sign, place) = (self.sign_in(slot), self.place_in[slot as usize]);
            self.begun_signs.push((sign, place, slot, self.spot.settled.has(slot)));
        }
        self.begun_signs.sort_unstable();
        let begun: Vec<Sign> = self.begun_signs.iter().map(|it| it.0).collect();
        let ahead = Ahead { next: next.sign, begun: &begun, open: &self.open };
        self.object.look_ahead(&ahead);
        let from = self.moves.len();
        let mut ranked: Vec<(u8, u32, Move)> = Vec::new();
        for same in self.begun_signs.chunk_by(|left, right| left.0 == right.0) {
            let sign = same[0].0;
            let looks = self.object.force(sign) == Force::Looks;
            let is_next = sign == next.sign;
            if is_next && !next_settled || looks && !is_unknown || !self.may_follow(sign) {
                continue;
            }
            let Some(rank) = self.object.useful(sign) else { continue };
            let first = |settled: bool| same.iter().find(|it| it.3 == settled);
            let (owed, settled) = (first(false), first(true));
            let settled = settled.filter(|it| !is_next && owed.is_none_or(|owed| it.1 < owed.1));
            ranked.extend([owed, settled].into_iter().flatten().map(|it| (rank, it.1, Move::Begun(it.2))));
        }
        if self.layout.has_open {
            self.signs.clear();
            self.object.open_moves(&ahead, &self.opened, &mut self.signs);
            for sign in &self.signs {
                let left = self.open.get(*sign as usize).is_some_and(|left| *left > 0);
                if left && *sign != next.sign && begun.binary_search(sign).is_err() && self.may_follow(*sign)
                {
                    let rank = self.object.useful(*sign);
                    ranked.extend(rank.map(|rank| (rank, u32::MAX, Move::Open(*sign))));
                }
            }
        }
        // Tried from the end; what ranks alike stays in its order.
        ranked.sort_by_key(|it| (it.0, it.1));
        self.moves.extend(ranked.iter().rev().map(|it| it.2));
        if let Some(frame) = self.frames.last_mut() {
            (frame.moves, frame.next) = (from, self.moves.len());
        }
    }

    /// Whether this one sees what was done last, if that has to be seen.
    fn may_follow(&self, sign: Sign) -> bool {
        let force = self.object.force(sign);
        O::DISCIPLINE != Discipline::Seen || !self.spot.owes || matches!(force, Force::Depends | Force::Looks)
    }

    /// The next move of the last frame; without one, the frame is done.
    fn try_move(&mut self) -> bool {
        let Some(frame) = self.frames.last_mut() else { return false };
        if frame.next == frame.moves {
            let moves = frame.moves;
            if let Some(frame) = self.frames.pop() {
                self.moves.truncate(moves);
                self.leave(frame.step);
            }
            return false;
        }
        frame.next -= 1;
        let it = self.moves[frame.next];
        let sign = match it {
            Move::Begun(slot) => self.sign_in(slot),
            Move::Open(sign) => sign,
        };
        let Some(undo) = self.object.step(sign) else { return false };
        let force = self.object.force(sign);
        if force == Force::Overwrites {
            self.settle_unseen(Some(self.layout.done[self.spot.place as usize].slot));
        }
        let open = match it {
            Move::Begun(slot) => {
                self.spot.looks -= u32::from(force == Force::Looks && !self.spot.settled.has(slot));
                self.done(slot);
                None
            }
            Move::Open(sign) => {
                self.open[sign as usize] -= 1;
                self.spot.used = self.uses.add(self.spot.used, sign);
                Some(sign)
            }
        };
        self.spot.early += 1;
        self.spot.owes = match O::DISCIPLINE {
            Discipline::Any => false,
            Discipline::Seen => force == Force::Overwrites || open.is_some(),
            Discipline::Commutes => force != Force::Looks,
        };
        self.arrive(Step::Did(undo, open))
    }
}
