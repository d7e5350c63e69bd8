//! One object's operations, laid out for the search: by the order in which they came back, each with a slot that it has
//! while it is under way.

use crate::history::NEVER;
use crate::object::Sign;

/// One operation of one object.
#[derive(Clone, Copy, Debug)]
pub struct Deed {
    /// When it began: any numbers that ascend.
    pub call: u32,
    /// When it came back; [`NEVER`] for what is open.
    pub back: u32,
    /// What it did.
    pub sign: Sign,
    /// Its number in the history.
    pub op: u32,
}

/// An operation that came back.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    pub sign: Sign,
    pub slot: u32,
    pub op: u32,
}

/// An operation that begins.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// In this slot, to come back at this place of the order.
    Done { slot: u32, place: u32 },
    /// Never to come back.
    Open(Sign),
}

/// All operations of an object.
#[derive(Debug, Default)]
pub struct Layout {
    /// Those that came back, in that order.
    pub done: Vec<Done>,
    /// What began after the one before came back, for each place of `done`: where it starts in `begins`.
    pub from: Vec<u32>,
    pub begins: Vec<Begin>,
    /// The most that were under way at once.
    pub slots: usize,
    /// Signs are below this.
    pub signs: usize,
    pub has_open: bool,
}

// === impl Layout ===

impl Layout {
    /// Of operations in the order in which they began. What began after the last came back is left out.
    pub fn of(deeds: &[Deed]) -> Self {
        let mut order: Vec<u32> =
            (0..deeds.len() as u32).filter(|it| deeds[*it as usize].back != NEVER).collect();
        order.sort_unstable_by_key(|it| deeds[*it as usize].back);
        let mut places = vec![NEVER; deeds.len()];
        for (place, deed) in order.iter().enumerate() {
            places[*deed as usize] = place as u32;
        }
        let signs = deeds.iter().map(|deed| deed.sign as usize + 1).max().unwrap_or(0);
        let mut layout = Self { signs, ..Self::default() };
        let mut free: Vec<u32> = Vec::new();
        let mut slot_of = vec![NEVER; order.len()];
        let mut begun = deeds.iter().enumerate().peekable();
        for deed in &order {
            let back = deeds[*deed as usize].back;
            layout.from.push(layout.begins.len() as u32);
            while let Some((number, begins)) = begun.next_if(|(_, begins)| begins.call < back) {
                let place = places[number];
                if place == NEVER {
                    layout.has_open = true;
                    layout.begins.push(Begin::Open(begins.sign));
                    continue;
                }
                let slot = free.pop().unwrap_or(layout.slots as u32);
                layout.slots = layout.slots.max(slot as usize + 1);
                slot_of[place as usize] = slot;
                layout.begins.push(Begin::Done { slot, place });
            }
            let deed = &deeds[*deed as usize];
            let slot = slot_of[layout.done.len()];
            free.push(slot);
            layout.done.push(Done { sign: deed.sign, slot, op: deed.op });
        }
        layout.from.push(layout.begins.len() as u32);
        layout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again_and_open_ones_have_none() {
        let deed = |call, back, sign| Deed { call, back, sign, op: call };
        let layout =
            Layout::of(&[deed(0, 3, 0), deed(1, 2, 1), deed(4, NEVER, 2), deed(5, 6, 0), deed(7, NEVER, 9)]);
        let slots: Vec<(Sign, u32)> = layout.done.iter().map(|it| (it.sign, it.slot)).collect();
        assert_eq!(slots, [(1, 1), (0, 0), (0, 0)]);
        assert_eq!((layout.slots, layout.signs, layout.has_open), (2, 10, true));
        assert_eq!(layout.from, [0, 2, 2, 4]);
    }
}
