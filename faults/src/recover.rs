//! Undoing what runs left behind whose harness and guardian are both gone.

use std::io;
use std::path::PathBuf;

use crate::ledger::{EntryId, LedgerError, OpenLedger, Orphan, Registry, RegistryError, Undo};
use crate::undo::{Outcome, undo};

/// What became of one ledger.
#[derive(Debug)]
#[must_use = "what could not be undone must be told to somebody"]
pub struct Recovered {
    /// The run's id.
    pub run: String,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// What became of its open entries, the newest first.
    pub entries: Vec<(EntryId, Outcome)>,
    /// Why it could not be read or closed as a whole.
    pub trouble: Option<LedgerError>,
}

/// Recovers every ledger whose harness is dead; those of live ones are left alone.
///
/// # Errors
/// If the registry cannot be read.
pub fn recover(registry: &Registry) -> Result<Vec<Recovered>, RegistryError> {
    let ledgers = registry.open_ledgers()?;
    Ok(ledgers
        .iter()
        .filter(|ledger| !ledger.owner_lives)
        .map(|ledger| recover_one(registry, ledger))
        .collect())
}

fn recover_one(registry: &Registry, known: &OpenLedger) -> Recovered {
    let mut recovered = Recovered {
        run: known.run.clone(),
        ledger: known.ledger.clone(),
        entries: Vec::new(),
        trouble: None,
    };
    let done =
        Orphan::open(&known.ledger, "recover").and_then(|ledger| undo_open(ledger, &mut recovered.entries));
    recovered.trouble = done.and_then(|()| Ok(registry.remove(&known.run)?)).err();
    if recovered.trouble.as_ref().is_some_and(is_missing) {
        end_marked(registry, &mut recovered);
    }
    recovered
}

fn undo_open(mut ledger: Orphan, outcomes: &mut Vec<(EntryId, Outcome)>) -> Result<(), LedgerError> {
    let reading = ledger.read()?;
    for entry in reading.to_take_back() {
        let outcome = undo(&entry.undo);
        if outcome.is_settled() {
            ledger.close(entry.id, outcome.evidence())?;
        }
        outcomes.push((entry.id, outcome));
    }
    if !outcomes.iter().all(|(_, outcome)| outcome.is_settled()) {
        return Err(LedgerError::StillOpen(ledger.read()?.open().count()));
    }
    if !reading.damaged.is_empty() {
        return Err(LedgerError::Damaged { path: ledger.path().to_owned(), lines: reading.damaged });
    }
    ledger.finish(&reading)
}

/// The run folder is gone, and what its ledger said with it. What carries the run's marker can still be found; an
/// attached process that was stopped cannot, so the trouble is told even if this goes well.
fn end_marked(registry: &Registry, recovered: &mut Recovered) {
    let outcome = undo(&Undo::Marked { marker: recovered.run.clone() });
    if outcome.is_settled()
        && let Err(error) = registry.remove(&recovered.run)
    {
        recovered.trouble = Some(error.into());
    }
    recovered.entries.push((EntryId(0), outcome));
}

fn is_missing(error: &LedgerError) -> bool {
    matches!(error, LedgerError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

// === impl Recovered ===

impl Recovered {
    /// Whether nothing of the run is left.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.trouble.is_none() && self.entries.iter().all(|(_, outcome)| outcome.is_settled())
    }
}
