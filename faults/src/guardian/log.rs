//! What the guardian did, for people who come later: `guardian.log` beside the ledger.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::clock::unix_seconds;

/// A log that never gets in the way: what cannot be written is not written.
#[derive(Debug)]
pub(super) struct Log {
    file: Option<File>,
}

impl Log {
    pub(super) fn beside(ledger: &Path) -> Self {
        let path = ledger.with_file_name("guardian.log");
        Self { file: OpenOptions::new().create(true).append(true).open(path).ok() }
    }

    /// Writes one line, with the time of day in seconds since 1970 UTC.
    pub(super) fn say(&mut self, what: &str) {
        if let Some(file) = &mut self.file {
            let _ = writeln!(file, "{:.3} {what}", unix_seconds());
        }
    }
}
