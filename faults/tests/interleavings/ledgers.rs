//! Whatever the harness, its guardian and the end of the run do at the same time, nothing holds that nobody undoes.
//!
//! The ledger's own book and its reading are played here, on paper that two processes append to. An injection is a flag.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use shakedown_faults::ledger::Undo;
use shakedown_faults::process;

use crate::ledger::{Book, Entry, FORMAT, Head, Line, Paper, Reading};

/// A file that is appended to whole lines at a time (`O_APPEND`, in one write), in the hands of a process.
#[derive(Clone)]
struct Sheet(Arc<Mutex<Vec<u8>>>);

/// Which entries the guardian takes back when the harness is dead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TakesBack {
    WhatTheHarnessDidNotClose,
    /// Wrong on purpose: it has closed some of them itself, before they were injected.
    WhatIsOpen,
}

// === impl Sheet ===

impl Sheet {
    fn read(&self) -> Reading {
        Reading::from_bytes(&self.0.lock().unwrap(), Path::new("ledger")).unwrap()
    }
}

impl Paper for Sheet {
    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(())
    }
}

fn begin() -> (Book<Sheet>, Sheet) {
    let sheet = Sheet(Arc::new(Mutex::new(Vec::new())));
    let mut book = Book::new(sheet.clone());
    let owner = process::myself().unwrap();
    let head = Head { format: FORMAT, run: "r".to_owned(), owner, registry: PathBuf::new() };
    book.append(&Line::Head(head)).unwrap();
    (book, sheet)
}

fn link() -> Undo {
    Undo::Link { name: "l".to_owned() }
}

/// What the guardian does with an entry.
fn undo(entry: &Entry, sheet: &mut Sheet, holds: &AtomicBool) {
    holds.store(false, Ordering::Release);
    let line = Line::Closed { id: entry.id, by: "guardian".to_owned(), evidence: String::new() };
    sheet.append(line.to_text().unwrap().as_bytes()).unwrap();
}

/// The harness opens, injects, heals and closes, and dies after so many steps of that; the guardian finds the entry to be overdue
/// at some moment before, and takes back what is left when the harness is dead.
fn dies_after(steps: usize, way: TakesBack) {
    crate::bounded(move || {
        let (mut book, sheet) = begin();
        let holds = Arc::new(AtomicBool::new(false));
        let (its, mut paper) = (Arc::clone(&holds), sheet.clone());
        let harness = thread::spawn(move || {
            let id = (steps > 0).then(|| book.open(link(), None).unwrap());
            (steps > 1).then(|| its.store(true, Ordering::Release));
            (steps > 2).then(|| its.store(false, Ordering::Release));
            if let Some(id) = id.filter(|_| steps > 3) {
                book.close(id).unwrap();
            }
        });
        if let Some(entry) = paper.read().open().next() {
            undo(entry, &mut paper, &holds);
        }
        harness.join().unwrap();
        let reading = paper.read();
        match way {
            TakesBack::WhatTheHarnessDidNotClose => {
                reading.to_take_back().for_each(|entry| undo(entry, &mut paper, &holds));
            }
            TakesBack::WhatIsOpen => reading.open().for_each(|entry| undo(entry, &mut paper, &holds)),
        }
        assert!(!holds.load(Ordering::Acquire), "it holds, and nobody is left to undo it");
        assert!(paper.read().is_settled());
    });
}

#[test]
fn no_fault_outlives_its_harness_wherever_it_stood_still_and_died() {
    (0..=4).for_each(|steps| dies_after(steps, TakesBack::WhatTheHarnessDidNotClose));
}

#[test]
fn a_guardian_that_trusts_its_own_word_about_what_came_later_is_found() {
    let found = catch_unwind(AssertUnwindSafe(|| dies_after(2, TakesBack::WhatIsOpen)));
    assert!(found.is_err());
}

/// A run that ends while a fault is on its way: what is injected stands in a ledger that is not finished, or the ledger refuses it.
#[test]
fn nothing_is_injected_behind_the_end_of_a_run() {
    crate::bounded(|| {
        let (book, sheet) = begin();
        let book = Arc::new(Mutex::new(book));
        let its = Arc::clone(&book);
        let fault = thread::spawn(move || {
            let opened = its.lock().unwrap().open(link(), None);
            opened.is_ok()
        });
        let has_ended = book.lock().unwrap().finish().is_ok();
        let holds = fault.join().unwrap();
        let reading = sheet.read();
        assert_eq!((reading.finished, reading.open().count()), (has_ended, usize::from(holds)));
        assert!(!(has_ended && holds), "it holds behind the end");
    });
}

/// Paper that takes half of what it is given, once.
struct Torn(Sheet, bool);

impl Paper for Torn {
    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        if std::mem::replace(&mut self.1, false) {
            self.0.append(&text[..text.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.append(text)
    }
}

#[test]
fn a_line_that_a_full_disk_cut_does_not_take_the_next_one_with_it() {
    crate::bounded(|| {
        let (mut book, sheet) = begin();
        let first = book.open(link(), None).unwrap();
        let mut torn = Book::new(Torn(sheet.clone(), true));
        // The same ledger, on a disk that is full for a moment.
        assert!(torn.open(link(), None).is_err());
        let line = Line::Closed { id: first, by: "harness".to_owned(), evidence: String::new() };
        torn.append(&line).unwrap();
        let reading = sheet.read();
        assert_eq!(reading.open().count(), 0, "the heal was written down");
    });
}
