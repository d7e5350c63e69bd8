//! What may be done at a spot of the search: the next one, or others before it.

use super::{Move, Search, Step};
use crate::object::{Ahead, Discipline, Force, Object, Sign};

impl<O: Object, const W: usize> Search<'_, O, W> {
    /// The next one itself, if it can be done here.
    pub(super) fn try_next(&mut self) -> bool {
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
    pub(super) fn try_unseen(&mut self) -> bool {
        let slot = self.layout.done[self.spot.place as usize].slot;
        if self.spot.owes || !self.spot.settled.has(slot) {
            return false;
        }
        self.spot.spent.set(slot);
        self.arrive(Step::Unseen)
    }

    /// Beside one that overwrites, those under way that may be done in any state need not be done any more.
    pub(super) fn settle_unseen(&mut self, but: Option<u32>) {
        let mut unseen = self.free.without(&self.spot.settled);
        if let Some(slot) = but {
            unseen.clear(slot);
        }
        self.spot.settled.add(&unseen);
    }

    /// Finds what may be worth doing before the next one.
    pub(super) fn find_moves(&mut self) {
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
    pub(super) fn may_follow(&self, sign: Sign) -> bool {
        let force = self.object.force(sign);
        O::DISCIPLINE != Discipline::Seen || !self.spot.owes || matches!(force, Force::Depends | Force::Looks)
    }

    /// The next move of the last frame; without one, the frame is done.
    pub(super) fn try_move(&mut self) -> bool {
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
