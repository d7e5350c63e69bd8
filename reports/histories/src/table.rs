//! Pairs of words given small numbers, in the order in which they come.

use crate::mix::mix;

const NONE: u32 = u32::MAX;

/// A table of pairs.
#[derive(Debug)]
pub struct Table {
    keys: Vec<[u64; 2]>,
    places: Vec<u32>,
}

// === impl Table ===

impl Table {
    pub fn new() -> Self {
        Self { keys: Vec::new(), places: vec![NONE; 16] }
    }

    /// The number of a pair, and whether it is a new one.
    pub fn number(&mut self, key: [u64; 2]) -> (u32, bool) {
        let place = self.place(key);
        if self.places[place] != NONE {
            return (self.places[place], false);
        }
        let number = self.keys.len() as u32;
        self.keys.push(key);
        self.places[place] = number;
        if self.keys.len() * 2 > self.places.len() {
            self.places = vec![NONE; self.places.len() * 2];
            for number in 0..self.keys.len() {
                let place = self.place(self.keys[number]);
                self.places[place] = number as u32;
            }
        }
        (number, true)
    }

    /// The number of a pair that is there.
    pub fn find(&self, key: [u64; 2]) -> Option<u32> {
        let number = self.places[self.place(key)];
        (number != NONE).then_some(number)
    }

    pub fn count(&self) -> usize {
        self.keys.len()
    }

    fn place(&self, key: [u64; 2]) -> usize {
        let mask = self.places.len() - 1;
        let mut place = mix(key[0], key[1]) as usize & mask;
        while self.places[place] != NONE && self.keys[self.places[place] as usize] != key {
            place = (place + 1) & mask;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_keep_their_numbers() {
        let mut table = Table::new();
        for key in 0..500 {
            assert_eq!(table.number([key, key % 3]), (key as u32, true));
            assert_eq!(table.number([key / 2, key / 2 % 3]), (key as u32 / 2, false));
        }
        assert_eq!((table.count(), table.find([7, 0]), table.find([7, 1])), (500, None, Some(7)));
    }
}
