//! The journal: what happened, written as it happens. It is the contract between the runner and the judge.
//!
//! Moments are microseconds since the start of the load (`at_us`; negative before it, while targets start), taken from
//! the monotonic clock. The wall clock stands once, in [`Meta`].
//!
//! A journal is one SQLite file, [`FILE`], in write-ahead mode while the run lives: [`Writer`] appends, [`Journal`]
//! reads any prefix of it, and every [`record`] is a row of one of six tables (see `table.rs`).

use std::path::PathBuf;

mod backlog;
pub mod counts;
pub mod endpoints;
mod entry;
pub mod read;
pub mod record;
mod rounds;
mod sync;
mod table;
mod varint;
pub mod write;

pub use counts::{Counts, Tally};
pub use endpoints::EndpointSecond;
pub use entry::{Entry, Kind, Second};
pub use read::{Entries, Journal};
pub use record::*;
pub use table::FORMAT;
pub use write::Writer;

/// The journal's file in a run folder.
pub const FILE: &str = "run.sqlite";

/// Why a journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// There is a journal already; a run never writes over another.
    #[error("expected no journal yet, found {path}; choose another run folder")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// There is no journal.
    #[error("expected a journal at {path}, found nothing; is this a run folder?")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be made or opened.
    #[error("cannot open the journal {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: rusqlite::Error,
    },
    /// The journal comes from a later version of this program.
    #[error("expected a journal of format {FORMAT} or older, found {found} in {path}; use a newer shakedown")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
    },
    /// The file is no journal, or its beginning is damaged.
    #[error("expected a journal in {path}, found {found}")]
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// What is there instead.
        found: String,
    },
    /// Not everything that was appended is on disk; the writer goes on trying.
    #[error("the journal is behind: {why}")]
    Behind {
        /// Why.
        why: String,
    },
    /// The writer's thread could not be started.
    #[error("cannot start the journal's thread")]
    Thread(#[source] std::io::Error),
}
