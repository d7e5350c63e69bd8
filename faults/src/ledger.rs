//! The ledger: what holds, and how it is undone, on disk before it is done.
//!
//! `ledger` in a run folder has one JSON object on each line, with a checksum, and is only ever appended to: `Opened`
//! is on disk before its injection, `Closed` after its heal is proven. Whoever finds a ledger whose harness is dead can
//! undo what is open without knowing anything else. A [`Registry`] tells where such ledgers are.
//!
//! What it does not know: whether an entry that is open was really injected. Undoing is idempotent, so that does not matter.

mod book;
mod line;
mod orphan;
mod reading;
mod registry;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{FallocateFlags, fallocate};
use serde::{Deserialize, Serialize};
use shakedown_scenarios::units::Span;

use crate::process::{self, Identity, ProcessError};

use book::{Book, Paper, Refusal};
use line::HARNESS;
pub use line::{FORMAT, Head, Line};
pub use orphan::Orphan;
pub use reading::{Entry, Reading};
pub use registry::{OpenLedger, Registry, RegistryError, STATE_VARIABLE};

/// A ledger that is being written by the harness.
#[derive(Debug)]
pub struct Ledger {
    book: Book<File>,
    path: PathBuf,
    registry: Registry,
    run: String,
}

/// The number of an entry: 0, 1, 2… in the order of their opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u32);

/// How an injection is undone by somebody who knows nothing else about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Undo {
    /// End every process that carries the run's marker.
    Marked {
        /// The run's id, the value of `SHAKEDOWN_RUN`.
        marker: String,
    },
    /// Let stopped processes go on: these, their descendants, and those that carry a marker.
    Resume {
        /// Who was there when they were about to be stopped; parents before children.
        identities: Vec<Identity>,
        /// `NAME=value` in the environment of others that may have been stopped with them.
        marker: Option<String>,
    },
    /// End a process that we started, its descendants, and the members of the group or session it led.
    End {
        /// The process.
        identity: Identity,
    },
    /// Remove a temporary directory that the run made, and all that is in it.
    Remove {
        /// Its whole path; only what [`is_ours`](crate::undo::is_ours) knows is ever removed.
        directory: PathBuf,
    },
    /// A toxic: it lives in the harness and dies with it, so there is nothing to do.
    Link {
        /// The link's name.
        name: String,
    },
}

/// Why a ledger could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system did not let us.
    #[error("cannot {what} the ledger {}", path.display())]
    Io {
        /// What was tried: `create`, `append to`, `read`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not start like a ledger.
    #[error("{} does not start with a ledger's head line; it is damaged or something else", path.display())]
    NoHead {
        /// The file.
        path: PathBuf,
    },
    /// A later version wrote it.
    #[error("{} has format {found}, this version knows {FORMAT}; use the version that wrote it", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Something else changed it.
    #[error("lines {lines:?} of {} are damaged, and what they say is unknown; look for what they may have left behind, then remove the file", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The lines, counted from 1.
        lines: Vec<usize>,
    },
    /// An entry was closed that is not open.
    #[error("entry {0} is not open; it was never opened or is closed already")]
    NotOpen(EntryId),
    /// The ledger was to be finished while something holds.
    #[error("{0} entries are still open; heal and close them first")]
    StillOpen(usize),
    /// Something was to be opened after the end, when nobody would undo it any more.
    #[error("the ledger is finished: nothing can be injected behind the end of a run")]
    Finished,
    /// We could not tell who we are.
    #[error("cannot tell the harness's own identity")]
    Owner(#[source] ProcessError),
    /// The registry could not be written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// The file's name in a run folder.
pub const FILE: &str = "ledger";

/// Reserved behind the end of the file, so that a heal can be written down on a disk that has become full: some
/// hundreds of lines.
const RESERVE: i64 = 64 << 10;

// === impl Ledger ===

impl Ledger {
    /// Starts a ledger in a run folder and makes it known in the registry, owned by this process.
    ///
    /// # Errors
    /// If there is one already, or the disk or the registry does not let us.
    pub fn create(folder: &Path, run: &str, registry: &Registry) -> Result<Self, LedgerError> {
        let owner = process::myself().map_err(LedgerError::Owner)?;
        let io = |what| {
            let path = folder.join(FILE);
            move |source| LedgerError::Io { what, path, source }
        };
        let folder = folder.canonicalize().map_err(io("create"))?;
        let path = folder.join(FILE);
        let options = OpenOptions::new().create_new(true).append(true).clone();
        let file = options.open(&path).map_err(io("create"))?;
        let mut ledger =
            Self { book: Book::new(file), path, registry: registry.clone(), run: run.to_owned() };
        let registered = registry.folder().to_owned();
        let head = Head { format: FORMAT, run: run.to_owned(), owner: owner.clone(), registry: registered };
        ledger.book.append(&Line::Head(head)).map_err(told(&ledger.path))?;
        // The file's name must survive a crash as well as what is in it.
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(io("create"))?;
        registry.add(run, &ledger.path, &owner)?;
        Ok(ledger)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes down how an injection is undone, and from when on it is overdue (counted from now; `None`: it holds
    /// until the run's end). Only when this returns may it be injected.
    ///
    /// # Errors
    /// If it is not on disk, or the ledger is finished.
    pub fn open(&mut self, undo: Undo, deadline: Option<Span>) -> Result<EntryId, LedgerError> {
        self.book.open(undo, deadline).map_err(told(&self.path))
    }

    /// Writes down that an injection is undone.
    ///
    /// # Errors
    /// If it is not open, or this is not on disk; it counts as open then, which is harmless.
    pub fn close(&mut self, id: EntryId) -> Result<(), LedgerError> {
        self.book.close(id).map_err(told(&self.path))
    }

    /// The entries that are open, in the order of their opening.
    #[must_use]
    pub fn still_open(&self) -> &[EntryId] {
        self.book.still_open()
    }

    /// Writes down that nothing is left to undo, and takes the ledger off the registry. Doing it again is no error.
    ///
    /// # Errors
    /// If entries are open, or the disk does not let us.
    pub fn finish(&mut self) -> Result<(), LedgerError> {
        self.book.finish().map_err(told(&self.path))?;
        self.registry.remove(&self.run)?;
        Ok(())
    }

    /// Reads a ledger: see [`Reading`].
    ///
    /// # Errors
    /// If it cannot be read, or is not a ledger.
    pub fn read(path: &Path) -> Result<Reading, LedgerError> {
        Reading::of(path)
    }
}

fn told(path: &Path) -> impl FnOnce(Refusal) -> LedgerError {
    let path = path.to_owned();
    move |refusal| match refusal {
        Refusal::Paper(source) => LedgerError::Io { what: "append to", path, source },
        Refusal::NotOpen(id) => LedgerError::NotOpen(id),
        Refusal::StillOpen(count) => LedgerError::StillOpen(count),
        Refusal::Finished => LedgerError::Finished,
    }
}

impl Paper for File {
    /// In one write.
    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        // Some file systems cannot reserve; then a full disk keeps a heal from being written down, and no more.
        let end = i64::try_from(self.metadata()?.len()).unwrap_or(i64::MAX);
        let _ = fallocate(self.as_fd(), FallocateFlags::FALLOC_FL_KEEP_SIZE, end, RESERVE);
        self.write_all(text)?;
        self.sync_data()
    }
}

// === impl EntryId ===

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
