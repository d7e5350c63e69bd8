//! Who may open and close what in a ledger, and what of it is on paper.
//!
//! Nothing is opened behind the end, and a line that could not be written whole does not take the next one with it. It does not
//! know what an injection is.

use std::io;

use shakedown_scenarios::units::Span;

use super::{EntryId, HARNESS, Line, Undo};

/// What lines are written on.
pub(crate) trait Paper {
    /// Appends this at once, and returns when it will last.
    fn append(&mut self, text: &[u8]) -> io::Result<()>;
}

/// A ledger as its harness keeps it.
#[derive(Debug)]
pub(crate) struct Book<P> {
    paper: P,
    next: u32,
    open: Vec<EntryId>,
    /// The last line may be there in part.
    is_torn: bool,
    is_finished: bool,
}

/// Why something is not written.
#[derive(Debug)]
pub(crate) enum Refusal {
    Paper(io::Error),
    NotOpen(EntryId),
    StillOpen(usize),
    Finished,
}

// === impl Book ===

impl<P: Paper> Book<P> {
    pub(crate) const fn new(paper: P) -> Self {
        Self { paper, next: 0, open: Vec::new(), is_torn: false, is_finished: false }
    }

    pub(crate) fn append(&mut self, line: &Line) -> Result<(), Refusal> {
        let mut text = line.to_text().map_err(Refusal::Paper)?;
        if self.is_torn {
            text.insert(0, '\n');
        }
        self.is_torn = true;
        self.paper.append(text.as_bytes()).map_err(Refusal::Paper)?;
        self.is_torn = false;
        Ok(())
    }

    pub(crate) fn open(&mut self, undo: Undo, deadline: Option<Span>) -> Result<EntryId, Refusal> {
        if self.is_finished {
            // Nobody would look for it any more.
            return Err(Refusal::Finished);
        }
        let id = EntryId(self.next);
        // A failed line may be on disk all the same, so its number is used up.
        self.next += 1;
        self.append(&Line::Opened { id, undo, deadline })?;
        self.open.push(id);
        Ok(id)
    }

    pub(crate) fn close(&mut self, id: EntryId) -> Result<(), Refusal> {
        let index = self.open.iter().position(|open| *open == id).ok_or(Refusal::NotOpen(id))?;
        self.append(&Line::Closed { id, by: HARNESS.to_owned(), evidence: String::new() })?;
        self.open.remove(index);
        Ok(())
    }

    pub(crate) fn still_open(&self) -> &[EntryId] {
        &self.open
    }

    pub(crate) fn finish(&mut self) -> Result<(), Refusal> {
        if !self.open.is_empty() {
            return Err(Refusal::StillOpen(self.open.len()));
        }
        self.append(&Line::Finished)?;
        self.is_finished = true;
        Ok(())
    }
}
