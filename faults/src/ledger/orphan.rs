//! A ledger in the hands of somebody who did not begin it: the guardian, or `recover`.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::{EntryId, LedgerError, Line, Paper as _, Reading, Registry};

/// A ledger that is read and closed, but in which nothing is opened. The file is held on to, so that even one whose
/// folder was deleted meanwhile can be undone.
#[derive(Debug)]
pub struct Orphan {
    file: File,
    path: PathBuf,
    by: &'static str,
}

impl Orphan {
    /// Opens a ledger; `by` is who closes entries in it.
    ///
    /// # Errors
    /// If it cannot be read and appended to.
    pub fn open(path: &Path, by: &'static str) -> Result<Self, LedgerError> {
        let file = OpenOptions::new().read(true).append(true).open(path);
        let file = file.map_err(|source| io("open", path, source))?;
        Ok(Self { file, path: path.to_owned(), by })
    }

    /// Where it is, or was.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it as it stands now.
    ///
    /// # Errors
    /// If it cannot be read, or is not a ledger.
    pub fn read(&mut self) -> Result<Reading, LedgerError> {
        let bytes = self.bytes().map_err(|source| io("read", &self.path, source))?;
        Reading::from_bytes(&bytes, &self.path)
    }

    /// Writes down that an injection is undone.
    ///
    /// # Errors
    /// If that is not on disk; the entry counts as open then, which is harmless.
    pub fn close(&mut self, id: EntryId, evidence: &str) -> Result<(), LedgerError> {
        self.append(&Line::Closed { id, by: self.by.to_owned(), evidence: evidence.to_owned() })
    }

    /// Writes down that nothing is left to undo, and takes the ledger off its registry.
    ///
    /// # Errors
    /// If the disk does not let us.
    pub fn finish(&mut self, reading: &Reading) -> Result<(), LedgerError> {
        if !reading.finished {
            self.append(&Line::Finished)?;
        }
        Registry::at(&reading.head.registry)?.remove(&reading.head.run)?;
        Ok(())
    }

    fn append(&mut self, line: &Line) -> Result<(), LedgerError> {
        let appended = self.end_torn_line().and_then(|()| self.file.append(line.to_text()?.as_bytes()));
        appended.map_err(|source| io("append to", &self.path, source))
    }

    /// A line that was being written when its writer died must not swallow the next one.
    fn end_torn_line(&mut self) -> io::Result<()> {
        let whole = self.bytes()?.last().is_none_or(|byte| *byte == b'\n');
        if whole { Ok(()) } else { self.file.write_all(b"\n") }
    }

    fn bytes(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.rewind()?;
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn io(what: &'static str, path: &Path, source: io::Error) -> LedgerError {
    LedgerError::Io { what, path: path.to_owned(), source }
}
