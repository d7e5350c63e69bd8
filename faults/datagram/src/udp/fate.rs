//! What is known of a datagram, and what becomes of it.

use shakedown_faults::toxic::Direction;
use shakedown_scenarios::units::Span;

/// What is known of a datagram that just came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Its bytes; none is fine.
    pub len: usize,
    /// Which way it goes.
    pub direction: Direction,
}

/// What one fault does to one datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on at once.
    Pass,
    /// It is lost.
    Drop,
    /// So many more of it go on beside it.
    Copies(u8),
    /// It goes on so long after it came.
    Delay(Span),
    /// It goes on when so many others of its way have (0: that does not count), and after `time` in any case.
    Behind {
        /// How many.
        datagrams: u32,
        /// How long at most.
        time: Span,
    },
    /// These bits, counted from the first of its first byte, are flipped.
    Flip(Vec<u32>),
}

/// What becomes of one datagram, or of one of its copies, under all faults together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journey {
    /// What it waits for, one after the other.
    pub waits: Vec<Wait>,
    /// Bits that are flipped before it goes.
    pub flips: Vec<u32>,
}

/// One wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The version that brought the rule it is owed to; when that is healed the wait ends.
    pub since: u64,
    /// How long at most.
    pub time: Span,
    /// It ends early when so many others of its way have overtaken it (0: only time counts); `None`: overtaking is of no
    /// interest.
    pub others: Option<u32>,
}

// === impl Journey ===

impl Journey {
    /// Whether it goes at once.
    #[must_use]
    pub const fn is_immediate(&self) -> bool {
        self.waits.is_empty()
    }

    /// Flips its bits; a second time flips them back. Bits beyond the end are left out.
    pub fn flip(&self, bytes: &mut [u8]) {
        for bit in &self.flips {
            if let Some(byte) = bytes.get_mut((bit / 8) as usize) {
                *byte ^= 0x80 >> (bit % 8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_count_from_the_first_of_the_first_byte_and_flip_back() {
        let journey = Journey { flips: vec![0, 15, 16], ..Journey::default() };
        let mut bytes = [0, 0];
        journey.flip(&mut bytes);
        assert_eq!(bytes, [0b1000_0000, 0b0000_0001]);
        journey.flip(&mut bytes);
        assert_eq!(bytes, [0, 0]);
    }
}
