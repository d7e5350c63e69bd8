//! Cutting one frame into several of the same message (RFC 6455, section 5.4).
//!
//! The bytes of the payload stay as they are, masked or not: a piece that begins in the middle of the payload gets the key
//! turned to where it begins.

use shakedown_scenarios::units::Span;

use super::Rest;
use crate::Piece;
use crate::frame::{Header, Opcode, turned};

/// The frame that is being cut.
pub(super) struct Cutter {
    whole: Header,
    size: u64,
    /// Where in the payload the next byte is.
    place: u64,
}

// === impl Cutter ===

impl Cutter {
    /// It cuts a frame into pieces of `size` bytes, which is at least one.
    pub(super) const fn new(whole: Header, size: u64) -> Self {
        Self { whole, size, place: 0 }
    }

    pub(super) fn begin(&self, at: Span, rest: &mut Rest<'_>) {
        rest.push(at, Piece::Head(self.piece().head()));
    }

    pub(super) fn go_on(&mut self, at: Span, mut payload: &[u8], rest: &mut Rest<'_>) {
        while !payload.is_empty() {
            let left = self.size - self.place % self.size;
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(payload.len());
            let (part, later) = payload.split_at(most);
            rest.push(at, Piece::Payload(part));
            self.place += part.len() as u64;
            payload = later;
            if self.place.is_multiple_of(self.size) && self.place < self.whole.length {
                rest.push(at, Piece::Head(self.piece().head()));
            }
        }
    }

    /// The header of the piece that begins here.
    fn piece(&self) -> Header {
        let left = self.whole.length - self.place;
        let first = self.place == 0;
        Header {
            fin: self.whole.fin && left <= self.size,
            // What extensions say of a message they say in its first frame.
            reserved: if first { self.whole.reserved } else { 0 },
            opcode: if first { self.whole.opcode } else { Opcode::Continuation },
            mask: self.whole.mask.map(|key| turned(key, self.place)),
            length: left.min(self.size),
        }
    }
}
