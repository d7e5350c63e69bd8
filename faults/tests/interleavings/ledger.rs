//! The ledger's parts that decide, without its files.

pub(crate) use shakedown_faults::ledger::{EntryId, LedgerError, Undo};

#[allow(dead_code, reason = "the model asks for less than the ledger does")]
#[path = "../../src/ledger/book.rs"]
mod book;
#[path = "../../src/ledger/line.rs"]
mod line;
#[allow(dead_code, reason = "the model has no files")]
#[path = "../../src/ledger/reading.rs"]
mod reading;

use line::HARNESS;

pub(crate) use book::{Book, Paper};
pub(crate) use line::{FORMAT, Head, Line};
pub(crate) use reading::{Entry, Reading};
