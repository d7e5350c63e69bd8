//! What waits in a pipe: some bytes, or the end of a stream, with the delays that were drawn for it.

use shakedown_scenarios::units::Span;

use super::End;

#[derive(Debug)]
pub(super) struct Piece {
    pub(super) what: What,
    /// How many of its bytes are on their way already.
    pub(super) sent: usize,
    pub(super) arrived: Span,
    /// What each latency drew for it, by the number of the injection, so that a heal takes its own share back.
    pub(super) delays: Vec<(u32, Span)>,
    /// It goes no earlier.
    pub(super) due: Span,
}

#[derive(Debug)]
pub(super) enum What {
    Bytes(Box<[u8]>),
    End(End),
}

impl Piece {
    /// A piece that came just now, behind another one.
    pub(super) fn new(what: What, delays: Vec<(u32, Span)>, now: Span, earlier: Option<&Self>) -> Self {
        let mut piece = Self { what, sent: 0, arrived: now, delays, due: now };
        piece.due = piece.due_after(earlier);
        piece
    }

    pub(super) fn len(&self) -> usize {
        match &self.what {
            What::Bytes(bytes) => bytes.len(),
            What::End(_) => 0,
        }
    }

    /// Its own deadline, or that of the piece before it where that is later: order is kept.
    pub(super) fn due_after(&self, earlier: Option<&Self>) -> Span {
        let delay = self.delays.iter().fold(Span::ZERO, |sum, (_, delay)| sum.plus(*delay));
        let due = self.arrived.plus(delay);
        earlier.map_or(due, |earlier| due.max(earlier.due))
    }
}
