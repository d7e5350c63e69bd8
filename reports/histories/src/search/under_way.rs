//! What is under way at a place of the search, forth and back.

use super::Search;
use super::layout::Begin;
use crate::object::{Force, Object};

impl<'a, O: Object, const W: usize> Search<'a, O, W> {
    /// What began before the next one comes back.
    pub(super) fn begin(&mut self) {
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

    pub(super) fn under_way(&mut self, slot: u32) {
        self.begun.set(slot);
        match self.object.force(self.sign_in(slot)) {
            Force::Looks => self.looking.set(slot),
            Force::Overwrites | Force::Adds => self.free.set(slot),
            Force::Depends => {}
        }
    }

    /// Back to an earlier place: what began since did not, and what came back is under way.
    pub(super) fn back_to(&mut self, place: u32) {
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

    pub(super) fn take_back_begins(&mut self) {
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

    pub(super) fn begins(&self, place: u32) -> impl DoubleEndedIterator<Item = Begin> + use<'a, O, W> {
        let layout = self.layout;
        let (from, to) = (layout.from[place as usize], layout.from[place as usize + 1]);
        layout.begins[from as usize..to as usize].iter().copied()
    }
}
