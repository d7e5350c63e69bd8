//! One line of a ledger: a JSON object that carries the checksum of what it says.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shakedown_scenarios::units::Span;

use super::{EntryId, Undo};
use crate::process::Identity;

/// The number of the ledger's format.
pub const FORMAT: u32 = 1;

/// Who closes what the harness itself has undone.
pub(super) const HARNESS: &str = "harness";

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Line {
    /// Whose ledger this is. The first line, and no other.
    Head(Head),
    /// An injection is about to happen.
    Opened {
        /// Its number.
        id: EntryId,
        /// How it is undone.
        undo: Undo,
        /// From when on it is overdue, counted from this line; `None`: it holds until the run's end.
        deadline: Option<Span>,
    },
    /// An injection is undone.
    Closed {
        /// Its number.
        id: EntryId,
        /// Who saw to it: `harness`, `guardian` or `recover`.
        by: String,
        /// What was seen, for people; empty where the journal tells it.
        evidence: String,
    },
    /// Nothing is left to undo.
    Finished,
}

/// Whose ledger this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The number of the format.
    pub format: u32,
    /// The run's id.
    pub run: String,
    /// The harness's process.
    pub owner: Identity,
    /// The folder of the registry that knows of this ledger.
    pub registry: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed<'a> {
    /// CRC-32 (ISO-HDLC) of the bytes of `line`, eight hexadecimal digits.
    crc: String,
    #[serde(borrow)]
    line: &'a RawValue,
}

// === impl Line ===

impl Line {
    /// The line with its checksum and its line feed.
    pub(crate) fn to_text(&self) -> io::Result<String> {
        let line = serde_json::value::to_raw_value(self)?;
        let mut text = serde_json::to_string(&Sealed { crc: checksum(&line), line: &line })?;
        text.push('\n');
        Ok(text)
    }

    /// The line that some bytes say; `None` if they are not whole.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let sealed: Sealed<'_> = serde_json::from_slice(bytes).ok()?;
        if sealed.crc != checksum(sealed.line) {
            return None;
        }
        serde_json::from_str(sealed.line.get()).ok()
    }
}

fn checksum(line: &RawValue) -> String {
    format!("{:08x}", crc32fast::hash(line.get().as_bytes()))
}
