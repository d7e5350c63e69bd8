//! Texts given small numbers: equal texts have equal numbers.

use crate::mix;

/// Not in the table.
const NONE: u32 = u32::MAX;

/// A table of texts. It grows with the texts that differ, and forgets none.
#[derive(Clone, Debug)]
pub struct Names {
    /// All texts, one after the other.
    text: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    /// The number at each place, found by the text's hash and probing on from there; a power of two, at most half full.
    places: Vec<u32>,
}

// === impl Names ===

impl Default for Names {
    fn default() -> Self {
        Self { text: Vec::new(), ends: Vec::new(), places: vec![NONE; 64] }
    }
}

impl Names {
    /// The number of a text, a new one if it was not there.
    pub fn number(&mut self, text: &[u8]) -> u32 {
        let place = self.place(text);
        if self.places[place] != NONE {
            return self.places[place];
        }
        let number = self.ends.len() as u32;
        self.text.extend_from_slice(text);
        self.ends.push(self.text.len());
        self.places[place] = number;
        if self.ends.len() * 2 > self.places.len() {
            self.spread();
        }
        number
    }

    /// The number of a text that is there.
    #[must_use]
    pub fn find(&self, text: &[u8]) -> Option<u32> {
        let number = self.places[self.place(text)];
        (number != NONE).then_some(number)
    }

    /// The text of a number.
    #[must_use]
    pub fn text(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let from = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[from..self.ends[at]]
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of memory that it holds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.text.capacity() + self.ends.capacity() * 8 + self.places.capacity() * 4) as u64
    }

    /// Where a text is, or belongs.
    fn place(&self, text: &[u8]) -> usize {
        let mask = self.places.len() - 1;
        let mut place = mix::bytes(text) as usize & mask;
        while self.places[place] != NONE && self.text(self.places[place]) != text {
            place = (place + 1) & mask;
        }
        place
    }

    fn spread(&mut self) {
        self.places = vec![NONE; self.places.len() * 2];
        for number in 0..self.ends.len() as u32 {
            let place = self.place(self.text(number));
            self.places[place] = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_equal_numbers_and_no_others() {
        let mut names = Names::default();
        for round in 0..2 {
            for number in 0..1_000_u32 {
                assert_eq!(names.number(number.to_string().as_bytes()), number, "{round}");
            }
        }
        assert_eq!((names.count(), names.text(999)), (1_000, &b"999"[..]));
        assert_eq!((names.find(b"7"), names.find(b"1000"), names.find(b"")), (Some(7), None, None));
    }
}
