//! Reading a ledger, whatever state it was left in.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use shakedown_scenarios::units::Span;

use super::{EntryId, FORMAT, HARNESS, Head, LedgerError, Line, Undo};

/// What a ledger says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Whose it is.
    pub head: Head,
    /// All injections that were written down, in the order of their opening.
    pub entries: Vec<Entry>,
    /// Whether it says that nothing is left to undo.
    pub finished: bool,
    /// Whether the last line is not whole, as when the harness died while it wrote. What it was about to say had not
    /// been done yet, so nothing is lost.
    pub torn: bool,
    /// Lines before the last that are not whole, counted from 1: somebody or something changed the file. What they said is not
    /// known, and must be looked for by other means.
    pub damaged: Vec<usize>,
}

/// An injection that was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub id: EntryId,
    /// How it is undone.
    pub undo: Undo,
    /// From when on it is overdue, counted from its opening.
    pub deadline: Option<Span>,
    /// Who saw that it is undone; `None`: it is open.
    pub closed_by: Option<String>,
}

// === impl Reading ===

impl Reading {
    pub(super) fn of(path: &Path) -> Result<Self, LedgerError> {
        let read = fs::read(path);
        let bytes = read.map_err(|source| LedgerError::Io { what: "read", path: path.to_owned(), source })?;
        Self::from_bytes(&bytes, path)
    }

    /// What these bytes of a ledger say.
    pub(crate) fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, LedgerError> {
        let mut lines = bytes.split(|byte| *byte == b'\n').enumerate();
        let first = lines.next().and_then(|(_, first)| Line::from_bytes(first));
        let Some(Line::Head(head)) = first else { return Err(LedgerError::NoHead { path: path.to_owned() }) };
        if head.format != FORMAT {
            return Err(LedgerError::Format { path: path.to_owned(), found: head.format });
        }
        let mut reading =
            Self { head, entries: Vec::new(), finished: false, torn: false, damaged: Vec::new() };
        let mut closed = BTreeMap::new();
        let whole = bytes.last() == Some(&b'\n');
        for (index, line) in lines.filter(|(_, line)| !line.is_empty()) {
            match Line::from_bytes(line) {
                Some(line) => reading.note(line, &mut closed),
                None => reading.damaged.push(index + 1),
            }
        }
        // What follows the last line feed is a line that was being written.
        let tail = bytes.split(|byte| *byte == b'\n').count();
        if !whole && reading.damaged.last() == Some(&tail) {
            reading.damaged.pop();
            reading.torn = true;
        }
        for entry in &mut reading.entries {
            entry.closed_by = closed.remove(&entry.id);
        }
        Ok(reading)
    }

    /// The injections that nobody has undone, the newest first: the order in which to undo them.
    pub fn open(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev().filter(|entry| entry.closed_by.is_none())
    }

    /// What is undone once the harness is dead, the newest first: all that it has not closed itself. What the guardian closed
    /// while the harness lived is among it, since a harness that stood still between its line and its injection injects when it
    /// goes on. To undo something once more harms nobody.
    pub fn to_take_back(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev().filter(|entry| entry.closed_by.as_deref() != Some(HARNESS))
    }

    /// Whether nothing is left to undo, as far as the ledger knows.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.open().next().is_none() && self.damaged.is_empty()
    }

    fn note(&mut self, line: Line, closed: &mut BTreeMap<EntryId, String>) {
        match line {
            Line::Opened { id, undo, deadline } => {
                self.entries.push(Entry { id, undo, deadline, closed_by: None });
            }
            Line::Closed { id, by, .. } => {
                closed.insert(id, by);
            }
            Line::Finished => self.finished = true,
            // A second head says nothing that the first did not.
            Line::Head(_) => {}
        }
    }
}
