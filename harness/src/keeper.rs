//! The keeper: the ledger and the guardian that watches over it, always written to together.

use std::io;
use std::path::Path;

use shakedown_faults::guardian::Guardian;
use shakedown_faults::ledger::{EntryId, Ledger, LedgerError, Registry, Undo};
use shakedown_faults::process::{self, Kin};
use shakedown_scenarios::units::Span;

use crate::run_folder::RunFolder;

/// The ledger and the guardian of one run.
#[derive(Debug)]
pub struct Keeper {
    ledger: Ledger,
    guardian: Option<Guardian>,
    /// The entry that stands for every process of the run.
    everything: EntryId,
}

/// Why a run cannot be kept safe.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The ledger cannot be written.
    #[error("cannot keep a ledger of injections")]
    Ledger(#[from] LedgerError),
    /// The guardian does not watch.
    #[error("cannot start the guardian")]
    Guardian(#[source] io::Error),
}

// === impl Keeper ===

impl Keeper {
    /// Starts a ledger in the run folder, with one line that stands for every process of the run, whatever it forks: they
    /// all carry the marker. Then starts the guardian.
    ///
    /// # Errors
    /// [`KeeperError`]; the ledger is finished again where there is one.
    pub fn start(folder: &RunFolder, program: &Path, registry: &Registry) -> Result<Self, KeeperError> {
        let mut ledger = Ledger::create(folder.path(), folder.marker(), registry)?;
        let everything = ledger.open(Undo::Marked { marker: folder.marker().to_owned() }, None)?;
        match Guardian::start(program, ledger.path()) {
            Ok(guardian) => Ok(Self { ledger, guardian: Some(guardian), everything }),
            Err(error) => {
                ledger.close(everything)?;
                ledger.finish()?;
                Err(KeeperError::Guardian(error))
            }
        }
    }

    /// Whether the guardian watches.
    pub fn guards(&mut self) -> bool {
        self.guardian.as_mut().is_some_and(Guardian::alive)
    }

    /// Writes an injection down before it is done, and tells the guardian by when it is to be undone.
    ///
    /// # Errors
    /// Why not, for people. It must not be injected then.
    pub fn open(&mut self, undo: Undo, lease: Span) -> Result<EntryId, String> {
        let guardian = self.guardian.as_mut().ok_or("the guardian is gone")?;
        let entry = self.ledger.open(undo, Some(lease)).map_err(|error| told(&error))?;
        guardian.opened(entry, lease).map_err(|error| format!("the guardian does not listen: {error}"))?;
        Ok(entry)
    }

    /// Writes down that an injection is undone.
    ///
    /// # Errors
    /// Why not, for people. It counts as open then, which is harmless.
    pub fn close(&mut self, entry: EntryId) -> Result<(), String> {
        let guardian = self.guardian.as_mut().ok_or("the guardian is gone")?;
        guardian.closed(entry).map_err(|error| error.to_string())?;
        self.ledger.close(entry).map_err(|error| told(&error))
    }

    /// Ends what is left of the run's processes, closes the ledger and lets the guardian go.
    ///
    /// # Errors
    /// What could not be undone or written down, for people; the guardian and `shakedown recover` go on from there.
    pub fn finish(&mut self, marker: &str) -> Result<(), String> {
        let marker = process::run_marker(marker);
        let left = process::kill_all(&Kin { roots: &[], groups: false, marker: Some(&marker) });
        let left = left.map_err(|error| told(&error))?;
        if !left.failed.is_empty() {
            return Err(format!("{} processes of the run could not be ended", left.failed.len()));
        }
        self.close(self.everything)?;
        self.ledger.finish().map_err(|error| told(&error))?;
        self.guardian.take().map_or(Ok(()), Guardian::finish).map_err(|error| error.to_string())
    }
}

/// An error with its causes, in one line.
fn told(error: &dyn std::error::Error) -> String {
    crate::console::chain(error)
}
