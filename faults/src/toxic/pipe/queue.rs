//! The pieces of a pipe, in the order in which they go.

use std::collections::VecDeque;

use shakedown_scenarios::units::Span;

use super::End;
use super::piece::{Piece, What};

#[derive(Debug, Default)]
pub(super) struct Queue {
    pieces: VecDeque<Piece>,
    kept: usize,
    cost: usize,
}

// === impl Queue ===

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes that wait.
    pub(super) const fn kept(&self) -> usize {
        self.kept
    }

    /// What it takes to keep all of it, so that a flood of tiny chunks is bounded like a flood of bytes.
    pub(super) const fn cost(&self) -> usize {
        self.cost
    }

    pub(super) fn front(&self) -> Option<&Piece> {
        self.pieces.front()
    }

    /// Behind all others, but before one that changes places.
    pub(super) fn push(&mut self, mut piece: Piece) {
        self.kept += piece.len();
        self.cost += piece.cost();
        match self.pieces.pop_back() {
            Some(mut last) if last.swaps.is_some() && last.sent == 0 && !piece.is_end() => {
                last.swapped();
                self.place(piece);
                self.place(last);
            }
            last => {
                self.pieces.extend(last);
                piece.due = piece.due_after(self.pieces.back());
                self.pieces.push_back(piece);
            }
        }
    }

    fn place(&mut self, mut piece: Piece) {
        piece.due = piece.due_after(self.pieces.back());
        self.pieces.push_back(piece);
    }

    /// Takes the head out whatever is left of it.
    pub(super) fn pop(&mut self) -> Option<Piece> {
        let piece = self.pieces.pop_front()?;
        self.kept -= piece.len() - piece.sent;
        // Cuts cost less the more of them are made.
        self.cost = if self.pieces.is_empty() { 0 } else { self.cost.saturating_sub(piece.cost()) };
        Some(piece)
    }

    /// So many bytes of the head went; tells which injection cut it there.
    pub(super) fn sent(&mut self, bytes: usize, now: Span) -> Option<u32> {
        let head = self.pieces.front_mut()?;
        self.kept -= bytes;
        head.went(bytes, now)
    }

    /// Takes the head out if all of it went.
    pub(super) fn pop_sent(&mut self) -> Option<Piece> {
        let done = self.pieces.front().is_some_and(|head| head.sent == head.len());
        if done { self.pop() } else { None }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Lets go of what toxics decided that hold no more: what waited for them need not wait any longer.
    pub(super) fn forget(&mut self, holds: impl Fn(u32) -> bool) {
        for place in 0..self.pieces.len() {
            let earlier = place.checked_sub(1).map(|before| self.pieces[before].due);
            let piece = &mut self.pieces[place];
            let paused = piece.sent > 0 && !piece.is_plain();
            piece.forget(&holds);
            // The head of a slicer that still holds keeps its pause.
            if !paused || piece.is_plain() {
                piece.due = piece.due_after(None).max(earlier.unwrap_or(Span::ZERO));
            }
        }
    }

    /// How many bytes are due.
    pub(super) fn due(&self, now: Span) -> usize {
        let due = self.pieces.iter().take_while(|piece| piece.due <= now && !piece.is_end());
        due.map(|piece| piece.len() - piece.sent).sum()
    }

    /// Puts small pieces that are due together into one, up to a size.
    pub(super) fn gather(&mut self, now: Span, most: usize) {
        while self.pieces.len() > 1 {
            let [head, next] = [&self.pieces[0], &self.pieces[1]];
            let fits = head.len() - head.sent + next.len() <= most;
            let both = head.is_plain() && next.is_plain() && !next.is_end() && next.due <= now;
            if !fits || !both {
                break;
            }
            let (Some(mut head), Some(mut next)) = (self.pieces.pop_front(), self.pieces.pop_front()) else {
                break;
            };
            self.cost = self.cost.saturating_sub(head.cost() + next.cost());
            if let (What::Bytes(first), What::Bytes(second)) = (&mut head.what, &mut next.what) {
                first.append(second);
            }
            self.cost += head.cost();
            self.pieces.push_front(head);
        }
    }

    pub(super) fn has_end(&self) -> bool {
        self.pieces.back().is_some_and(Piece::is_end)
    }

    pub(super) fn ends_in_reset(&self) -> bool {
        self.pieces.back().is_some_and(|piece| matches!(piece.what, What::End(End::Reset)))
    }

    pub(super) fn reset_is_due(&self, now: Span) -> bool {
        self.ends_in_reset() && self.pieces.back().is_some_and(|piece| piece.due <= now)
    }
}
