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
mod moves;
mod under_way;

use bits::Bits;
use layout::Layout;
use memo::{Memo, Uses};

use crate::budget::Budget;
use crate::mix::mix;
use crate::object::{Force, Object, Sign};

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
}
