//! The ledger: what is written can be read, whatever happens to its tail.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use proptest::prelude::*;
use shakedown_faults::ledger::{EntryId, Ledger, LedgerError, Orphan, Registry, Undo};
use shakedown_faults::process;
use shakedown_scenarios::units::Span;
use tempfile::TempDir;

struct Place {
    folder: TempDir,
    registry: Registry,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::at(&folder.path().join("state")).unwrap();
        Self { folder, registry }
    }

    fn create(&self) -> Ledger {
        Ledger::create(self.folder.path(), "a-run", &self.registry).unwrap()
    }
}

fn link(name: &str) -> Undo {
    Undo::Link { name: name.to_owned() }
}

fn all_kinds() -> [Undo; 4] {
    let identity = process::myself().unwrap();
    [
        Undo::Marked { marker: "a-run".to_owned() },
        Undo::Resume { identities: vec![identity.clone()], marker: Some("A=b".to_owned()) },
        Undo::End { identity },
        link("shop-db"),
    ]
}

/// The open entries of a ledger, the newest first.
fn open_in(path: &Path) -> Vec<u32> {
    Ledger::read(path).unwrap().open().map(|entry| entry.id.0).collect()
}

#[test]
fn what_is_opened_is_on_disk_and_open_until_it_is_closed() {
    let place = Place::new();
    let mut ledger = place.create();
    let ids = all_kinds().map(|undo| ledger.open(undo, Some(Span::secs(9))).unwrap());
    assert_eq!(open_in(ledger.path()), [3, 2, 1, 0]);
    let reading = Ledger::read(ledger.path()).unwrap();
    assert_eq!(reading.entries.iter().map(|entry| entry.undo.clone()).collect::<Vec<_>>(), all_kinds());
    assert!(reading.entries.iter().all(|entry| entry.deadline == Some(Span::secs(9))));
    assert_eq!(reading.head.owner, process::myself().unwrap());

    ledger.close(ids[1]).unwrap();
    assert_eq!(open_in(ledger.path()), [3, 2, 0]);
    assert!(matches!(ledger.close(ids[1]), Err(LedgerError::NotOpen(EntryId(1)))));
    assert!(matches!(ledger.finish(), Err(LedgerError::StillOpen(3))));
}

#[test]
fn a_ledger_is_known_until_it_is_finished() {
    let place = Place::new();
    let mut ledger = place.create();
    let known = place.registry.open_ledgers().unwrap();
    assert_eq!(known.len(), 1);
    assert!(known[0].owner_lives && known[0].run == "a-run");
    assert_eq!(known[0].ledger, ledger.path());
    ledger.finish().unwrap();
    ledger.finish().unwrap();
    assert_eq!(place.registry.open_ledgers().unwrap(), []);
    assert!(Ledger::read(ledger.path()).unwrap().finished);
}

#[test]
fn a_folder_has_one_ledger_for_ever() {
    let place = Place::new();
    let _first = place.create();
    let second = Ledger::create(place.folder.path(), "another", &place.registry);
    assert!(matches!(second, Err(LedgerError::Io { what: "create", .. })));
}

#[test]
fn what_is_no_ledger_is_an_error_and_not_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    assert!(matches!(Ledger::read(&path), Err(LedgerError::Io { .. })));
    for text in ["", "\n", "hello\n", r#"{"crc":"00000000","line":"Finished"}"#] {
        fs::write(&path, text).unwrap();
        assert!(matches!(Ledger::read(&path), Err(LedgerError::NoHead { .. })), "{text:?}");
    }
}

/// A ledger with three entries, of which the second is closed.
fn written(place: &Place) -> Vec<u8> {
    let mut ledger = place.create();
    ledger.open(link("a"), None).unwrap();
    let second = ledger.open(link("b"), Some(Span::millis(1))).unwrap();
    ledger.close(second).unwrap();
    ledger.open(link("c"), None).unwrap();
    fs::read(ledger.path()).unwrap()
}

#[test]
fn a_torn_last_line_is_expected() {
    let place = Place::new();
    let bytes = written(&place);
    let path = place.folder.path().join("ledger");
    let ends: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
    // What is open after each whole line.
    let open: [&[u32]; 5] = [&[], &[0], &[1, 0], &[0], &[2, 0]];
    for length in ends[0] + 1..=bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let reading = Ledger::read(&path).unwrap();
        let lines = ends.iter().filter(|end| **end < length).count();
        let found: Vec<u32> = reading.open().map(|entry| entry.id.0).collect();
        // A line that only lacks its line feed says all it was to say.
        let whole = ends.contains(&length) || bytes[length - 1] == b'\n';
        let expected = if ends.contains(&length) { open[lines] } else { open[lines - 1] };
        assert_eq!(found, expected, "cut after {length} bytes");
        assert_eq!(
            (reading.torn, reading.damaged.as_slice()),
            (!whole, [].as_slice()),
            "cut after {length} bytes"
        );
    }
}

#[test]
fn a_torn_line_does_not_swallow_what_is_written_after_it() {
    let place = Place::new();
    let bytes = written(&place);
    let path = place.folder.path().join("ledger");
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let mut orphan = Orphan::open(&path, "guardian").unwrap();
    orphan.close(EntryId(0), "seen").unwrap();
    let reading = orphan.read().unwrap();
    assert_eq!(reading.entries[0].closed_by.as_deref(), Some("guardian"));
    assert_eq!(open_in(&path), [0; 0]);
    assert_eq!(reading.damaged, [5], "what was torn is told once something follows it");
    orphan.finish(&reading).unwrap();
    assert_eq!(place.registry.open_ledgers().unwrap(), []);
}

proptest! {
    /// Whatever byte is changed, a reading neither panics nor believes what was not written: an entry that it misses is
    /// one whose line it calls damaged.
    #[test]
    fn a_flipped_byte_is_noticed(at in 0usize..900, bit in 0u8..8) {
        static WRITTEN: OnceLock<Vec<u8>> = OnceLock::new();
        let mut bytes = WRITTEN.get_or_init(|| written(&Place::new())).clone();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        fs::write(&path, &bytes).unwrap();
        let Ok(reading) = Ledger::read(&path) else { return Ok(()) };
        let open: Vec<u32> = reading.open().map(|entry| entry.id.0).collect();
        let noticed = reading.torn || !reading.damaged.is_empty();
        prop_assert!(noticed || open == [2, 0], "byte {at}: {open:?}");
        prop_assert!(open.iter().all(|id| *id < 3));
    }
}
