//! The keeper: the ledger and the guardian that watches over it, always written to together.

use std::io;
use std::path::Path;

use shakedown_faults::guardian::Guardian;
use shakedown_faults::ledger::{EntryId, Ledger, LedgerError, Registry, Undo};
use shakedown_faults::undo::{Outcome, undo};
use shakedown_scenarios::units::Span;

use crate::console::chain;
use crate::run_folder::RunFolder;

/// The ledger and the guardian of one run.
#[derive(Debug)]
pub struct Keeper {
    ledger: Ledger,
    guardian: Option<Guardian>,
    /// Entries that stand for processes and directories, not for faults.
    standing: Vec<(EntryId, Undo)>,
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
        let marked = Undo::Marked { marker: folder.marker().to_owned() };
        let everything = ledger.open(marked.clone(), None)?;
        match Guardian::start(program, ledger.path()) {
            Ok(guardian) => {
                Ok(Self { ledger, guardian: Some(guardian), standing: vec![(everything, marked)] })
            }
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
        let entry = self.ledger.open(undo, Some(lease)).map_err(|error| chain(&error))?;
        guardian.opened(entry, lease).map_err(|error| format!("the guardian does not listen: {error}"))?;
        Ok(entry)
    }

    /// Writes down what stands until it is closed, or until the run's end.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn stand(&mut self, undo: Undo) -> Result<EntryId, String> {
        let entry = self.ledger.open(undo.clone(), None).map_err(|error| chain(&error))?;
        self.standing.push((entry, undo));
        Ok(entry)
    }

    /// Writes down that something is undone.
    ///
    /// # Errors
    /// Why not, for people. It counts as open then, which is harmless.
    pub fn close(&mut self, entry: EntryId) -> Result<(), String> {
        self.standing.retain(|(standing, _)| *standing != entry);
        if let Some(guardian) = &mut self.guardian {
            // A guardian that is gone needs no word; that it is gone ends the run by itself.
            let _ = guardian.closed(entry);
        }
        self.ledger.close(entry).map_err(|error| chain(&error))
    }

    /// Undoes all that still stands (processes, directories), closes the ledger and lets the guardian go. An entry whose
    /// undoing fails stays open.
    ///
    /// # Errors
    /// What could not be undone or written down, for people; the guardian and `shakedown recover` go on from there.
    pub fn finish(&mut self) -> Result<(), String> {
        let mut failures = Vec::new();
        while let Some((entry, way)) = self.standing.pop() {
            match undo(&way) {
                Outcome::Failed(why) => failures.push(why),
                Outcome::Undone(_) | Outcome::Void(_) => self.close(entry)?,
            }
        }
        if !failures.is_empty() {
            return Err(failures.join("; "));
        }
        self.ledger.finish().map_err(|error| chain(&error))?;
        self.guardian.take().map_or(Ok(()), Guardian::finish).map_err(|error| error.to_string())
    }
}
