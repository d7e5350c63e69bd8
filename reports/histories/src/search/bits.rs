//! A set of slots in a fixed number of words.

/// Slots below `64 * W`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits<const W: usize>([u64; W]);

// === impl Bits ===

impl<const W: usize> Bits<W> {
    pub const NONE: Self = Self([0; W]);

    pub fn has(&self, slot: u32) -> bool {
        self.0[slot as usize / 64] >> (slot % 64) & 1 == 1
    }

    pub fn set(&mut self, slot: u32) {
        self.0[slot as usize / 64] |= 1 << (slot % 64);
    }

    pub fn clear(&mut self, slot: u32) {
        self.0[slot as usize / 64] &= !(1 << (slot % 64));
    }

    /// Those that are in this and not in the other.
    pub fn without(&self, other: &Self) -> Self {
        let mut both = *self;
        for (word, other) in both.0.iter_mut().zip(&other.0) {
            *word &= !other;
        }
        both
    }

    /// Those of the other too.
    pub fn add(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= other;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub fn words(&self) -> &[u64; W] {
        &self.0
    }

    /// Its slots, ascending.
    pub fn slots(self) -> impl Iterator<Item = u32> {
        self.0.into_iter().enumerate().flat_map(|(at, word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let slot = (rest != 0).then(|| at as u32 * 64 + rest.trailing_zeros());
                rest &= rest.wrapping_sub(1);
                slot
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_all_words_are_kept() {
        let mut bits = Bits::<3>::NONE;
        [0, 63, 64, 130].into_iter().for_each(|slot| bits.set(slot));
        let mut less = bits;
        less.clear(64);
        assert_eq!(bits.slots().collect::<Vec<_>>(), [0, 63, 64, 130]);
        assert_eq!(bits.without(&less).slots().collect::<Vec<_>>(), [64]);
        assert!(less.has(63) && !less.has(64) && !less.is_empty());
    }
}
