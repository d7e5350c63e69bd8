//! What waits in a pipe: some bytes, or the end of a stream, with what was decided about it.

use std::collections::VecDeque;

use shakedown_scenarios::units::Span;

use super::End;
use crate::toxic::Change;

#[derive(Debug)]
pub(super) struct Piece {
    pub(super) what: What,
    /// How many of its bytes are on their way already.
    pub(super) sent: usize,
    pub(super) arrived: Span,
    /// What each latency drew for it, by the number of the injection, so that a heal takes its own share back.
    delays: Delays,
    cuts: Option<Box<Cuts>>,
    /// It changes places with the next one: by this injection.
    pub(super) swaps: Option<u32>,
    /// It goes no earlier.
    pub(super) due: Span,
}

#[derive(Debug)]
pub(super) enum What {
    Bytes(Vec<u8>),
    End(End),
}

/// Most pieces have one delay or none.
#[derive(Clone, Debug, Default)]
struct Delays {
    first: Option<(u32, Span)>,
    more: Vec<(u32, Span)>,
}

/// The sizes in which a piece goes.
#[derive(Clone, Debug)]
struct Cuts {
    by: u32,
    sizes: VecDeque<usize>,
    apart: Span,
}

/// What keeping a piece costs beside its bytes: itself, and what an allocation costs.
const PIECE: usize = size_of::<Piece>() + 32;

// === impl Piece ===

impl Piece {
    /// A piece that came just now.
    pub(super) const fn new(what: What, now: Span) -> Self {
        let delays = Delays { first: None, more: Vec::new() };
        Self { what, sent: 0, arrived: now, delays, cuts: None, swaps: None, due: now }
    }

    pub(super) fn len(&self) -> usize {
        match &self.what {
            What::Bytes(bytes) => bytes.len(),
            What::End(_) => 0,
        }
    }

    /// What it takes to keep it, bytes.
    pub(super) fn cost(&self) -> usize {
        let bytes = if let What::Bytes(bytes) = &self.what { bytes.capacity() } else { 0 };
        let cuts = self.cuts.as_ref().map_or(0, |cuts| cuts.sizes.len() * size_of::<usize>());
        PIECE + bytes + cuts
    }

    pub(super) const fn is_end(&self) -> bool {
        matches!(self.what, What::End(_))
    }

    pub(super) fn delays(&self) -> impl Iterator<Item = u32> {
        self.delays.iter().map(|(id, _)| id)
    }

    /// A toxic makes it late.
    pub(super) fn delay(&mut self, id: u32, by: Span) {
        match self.delays.first {
            None => self.delays.first = Some((id, by)),
            Some(_) => self.delays.more.push((id, by)),
        }
    }

    pub(super) fn swap(&mut self, id: u32, within: Span) {
        self.swaps = Some(id);
        self.delay(id, within);
    }

    /// It has changed its place and does not wait for that any longer.
    pub(super) fn swapped(&mut self) {
        if let Some(by) = self.swaps.take() {
            self.delays.retain(|id| id != by);
        }
    }

    pub(super) fn cut(&mut self, by: u32, sizes: Vec<usize>, apart: Span) {
        self.cuts = Some(Box::new(Cuts { by, sizes: sizes.into(), apart }));
    }

    pub(super) fn change(&mut self, changes: &[Change]) {
        if let What::Bytes(bytes) = &mut self.what {
            changes.iter().for_each(|change| change.apply(bytes));
        }
    }

    pub(super) fn truncate(&mut self, left: usize) {
        if let What::Bytes(bytes) = &mut self.what {
            bytes.truncate(left);
        }
    }

    /// Takes off what lies behind a place.
    pub(super) fn split_off(&mut self, place: usize) -> Self {
        let rest = match &mut self.what {
            What::Bytes(bytes) => bytes.split_off(place),
            What::End(_) => Vec::new(),
        };
        let (delays, arrived) = (self.delays.clone(), self.arrived);
        Self { delays, ..Self::new(What::Bytes(rest), arrived) }
    }

    /// The same once more.
    pub(super) fn twin(&self) -> Self {
        let what = match &self.what {
            What::Bytes(bytes) => What::Bytes(bytes.clone()),
            What::End(end) => What::End(*end),
        };
        Self { delays: self.delays.clone(), ..Self::new(what, self.arrived) }
    }

    /// Its own deadline, or that of the piece before it where that is later: order is kept.
    pub(super) fn due_after(&self, earlier: Option<&Self>) -> Span {
        let delay = self.delays.iter().fold(Span::ZERO, |sum, (_, delay)| sum.plus(delay));
        let due = self.arrived.plus(delay);
        earlier.map_or(due, |earlier| due.max(earlier.due))
    }

    /// Lets go of what toxics decided that hold no more.
    pub(super) fn forget(&mut self, holds: &impl Fn(u32) -> bool) {
        self.delays.retain(holds);
        if self.cuts.as_ref().is_some_and(|cuts| !holds(cuts.by)) {
            self.cuts = None;
        }
        self.swaps = self.swaps.filter(|id| holds(*id));
    }

    /// How many bytes would go in one go.
    pub(super) fn goes(&self) -> usize {
        let left = self.len() - self.sent;
        let cut = self.cuts.as_ref().and_then(|cuts| cuts.sizes.front());
        cut.map_or(left, |size| left.min(*size))
    }

    /// The next bytes, so many at the most.
    pub(super) fn part(&self, most: usize) -> &[u8] {
        match &self.what {
            What::Bytes(bytes) => &bytes[self.sent..self.sent + most.min(self.goes())],
            What::End(_) => &[],
        }
    }

    /// So many of its bytes went. At the end of a slice it has to wait; the injection that cut it is told.
    pub(super) fn went(&mut self, bytes: usize, now: Span) -> Option<u32> {
        self.sent += bytes;
        let cuts = self.cuts.as_mut()?;
        let size = cuts.sizes.front_mut()?;
        *size -= bytes.min(*size);
        if *size > 0 {
            return None;
        }
        cuts.sizes.pop_front();
        self.due = now.plus(cuts.apart);
        Some(cuts.by)
    }

    /// Its bytes, sent or not.
    pub(super) fn into_bytes(self) -> Option<Vec<u8>> {
        match self.what {
            What::Bytes(bytes) => Some(bytes),
            What::End(_) => None,
        }
    }

    /// Whether it can be put together with others.
    pub(super) const fn is_plain(&self) -> bool {
        self.cuts.is_none() && self.swaps.is_none()
    }
}

// === impl Delays ===

impl Delays {
    fn iter(&self) -> impl Iterator<Item = (u32, Span)> {
        self.first.iter().chain(&self.more).copied()
    }

    fn retain(&mut self, holds: impl Fn(u32) -> bool) {
        self.first = self.first.filter(|(id, _)| holds(*id));
        self.more.retain(|(id, _)| holds(*id));
    }
}
