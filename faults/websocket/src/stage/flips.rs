//! Turning over bits of a payload. A mask does not matter: a bit that is turned under it is turned without it.

use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::units::Span;

use super::Rest;
use crate::Piece;

/// The bits of one frame that are turned over.
pub(super) struct Flips {
    /// Their bytes' places and their places in them, in order.
    bits: Vec<(u64, u8)>,
    /// Where in the payload the next byte is.
    place: u64,
}

// === impl Flips ===

impl Flips {
    /// So many different bits of a payload of this length, drawn evenly; fewer where a bit was drawn twice.
    pub(super) fn draw(count: u32, length: u64, chance: &mut Chance) -> Self {
        let mut draw = |_| (chance.below(length), chance.below(8) as u8);
        let mut bits: Vec<_> = (0..count).map(&mut draw).collect();
        bits.sort_unstable();
        // Turned twice, a bit would be as it was.
        bits.dedup();
        Self { bits, place: 0 }
    }

    pub(super) fn go_on(&mut self, at: Span, payload: &[u8], rest: &mut Rest<'_>) {
        let end = self.place + payload.len() as u64;
        let from = self.bits.partition_point(|(place, _)| *place < self.place);
        let to = self.bits.partition_point(|(place, _)| *place < end);
        let hit = &self.bits[from..to];
        if hit.is_empty() {
            rest.push(at, Piece::Payload(payload));
        } else {
            let mut turned = payload.to_vec();
            for (place, bit) in hit {
                turned[(place - self.place) as usize] ^= 1 << bit;
            }
            rest.push(at, Piece::Payload(&turned));
        }
        self.place = end;
    }
}
