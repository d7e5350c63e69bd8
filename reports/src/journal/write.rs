//! Writing: one thread with one connection, fed through a bounded backlog, so that no caller ever waits for a disk.
//!
//! A row is *acknowledged* once [`Writer::flush`] or [`Writer::finish`] returned `Ok` after it was appended. Rows are
//! committed at least once a second, and at once when an [urgent](super::Entry::is_urgent) one is among them. With
//! `synchronous=NORMAL` a commit survives the death of the process at any moment; the last ones may be lost when the
//! machine itself loses power, and then the journal still opens.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::backlog::Backlog;
use super::entry::Entry;
use super::record::{Event, Meta, Record, What};
use super::rounds::{Queue, Rounds};
use super::{FILE, JournalError, table};

/// The end of a journal that is being written. Shared by reference; every method may be called from any thread.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Rounds<Backlog>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Where batches go; the disk, or a test's idea of one.
trait Sink: Send {
    /// Writes all or nothing; the error is for people.
    fn commit(&mut self, batch: &[Entry]) -> Result<(), String>;
    /// Called once after the last commit.
    fn close(&mut self) {}
}

/// Entries that may wait: 16,384 measurements are half an hour of ten series and about 16 MB.
const BOUND: usize = 16_384;

// === impl Writer ===

impl Writer {
    /// Makes the journal of a new run in the folder `dir` and starts its thread.
    ///
    /// # Errors
    ///
    /// Where there is a journal already, the folder cannot be written, or no thread can be had.
    pub fn create(dir: &Path, meta: &Meta) -> Result<Self, JournalError> {
        Self::start(Box::new(Disk::create(dir, meta)?), BOUND)
    }

    fn start(mut sink: Box<dyn Sink>, bound: usize) -> Result<Self, JournalError> {
        let shared = Arc::new(Rounds::new(Backlog::new(bound)));
        let its = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || run(&its, sink.as_mut()))
            .map_err(JournalError::Thread)?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Appends a record. Never waits for the disk; what does not fit is dropped and counted.
    pub fn append(&self, record: Record) {
        let entry = Entry::from(record);
        self.shared.append(|backlog| {
            let is_urgent = entry.is_urgent();
            backlog.push(entry);
            is_urgent
        });
    }

    /// Waits until everything appended so far is on disk, at most five seconds.
    ///
    /// # Errors
    ///
    /// [`JournalError::Behind`] where it is not; the writer keeps it and goes on trying.
    pub fn flush(&self) -> Result<(), JournalError> {
        self.shared.flush().map_err(|why| JournalError::Behind { why })
    }

    /// Writes what waits, folds the write-ahead log into the file and ends the thread. What is appended later is lost.
    ///
    /// # Errors
    ///
    /// [`JournalError::Behind`] where not everything could be written.
    pub fn finish(&self) -> Result<(), JournalError> {
        self.close();
        self.shared.end().map_err(|why| JournalError::Behind { why })
    }

    /// How many records were given up because there was no room for them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.look(Backlog::dropped)
    }

    /// Why the journal is behind, if it is.
    #[must_use]
    pub fn degraded(&self) -> Option<String> {
        self.shared.behind()
    }

    fn close(&self) {
        self.shared.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the thread shows in `ended`, which it then never set.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

// === impl Backlog ===

impl Queue for Backlog {
    type Batch = Vec<Entry>;

    fn take(&mut self, is_behind: bool) -> Vec<Entry> {
        // While nothing can be written, telling about losses would only be lost as well.
        if !is_behind && let Some((at_us, why)) = self.tell() {
            self.push(Entry::Event(Event { at_us, what: What::Degraded { why } }));
        }
        self.take()
    }

    fn restore(&mut self, batch: Vec<Entry>) {
        self.restore(batch);
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// The thread: a round after the other, until the last.
fn run(rounds: &Rounds<Backlog>, sink: &mut dyn Sink) {
    loop {
        let (batch, is_last) = rounds.begin();
        let outcome = if batch.is_empty() { Ok(()) } else { sink.commit(&batch) };
        if is_last {
            sink.close();
        }
        rounds.settle(batch, outcome, is_last);
        if is_last {
            return;
        }
    }
}

/// The SQLite file.
struct Disk {
    path: PathBuf,
    connection: Connection,
}

// === impl Disk ===

impl Disk {
    fn create(dir: &Path, meta: &Meta) -> Result<Self, JournalError> {
        let path = dir.join(FILE);
        if path.exists() {
            return Err(JournalError::Exists { path });
        }
        let open = || -> rusqlite::Result<Connection> {
            let mut connection = Self::connect(&path, OpenFlags::SQLITE_OPEN_CREATE)?;
            table::create(&mut connection, meta)?;
            Ok(connection)
        };
        match open() {
            Ok(connection) => Ok(Self { path, connection }),
            Err(source) => Err(JournalError::Open { path, source }),
        }
    }

    fn connect(path: &Path, extra: OpenFlags) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(2))?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        // Keep the log short: a reader of a live run walks it, and a full disk should find little there.
        connection.pragma_update(None, "journal_size_limit", 4 << 20)?;
        Ok(connection)
    }

    fn append(&mut self, batch: &[Entry]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for entry in batch {
            table::insert(&transaction, entry)?;
        }
        transaction.commit()
    }
}

impl Sink for Disk {
    fn commit(&mut self, batch: &[Entry]) -> Result<(), String> {
        let Err(error) = self.append(batch) else { return Ok(()) };
        let full = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
        // After an I/O error a connection may be of no more use; a full disk leaves it whole.
        if !full && let Ok(connection) = Self::connect(&self.path, OpenFlags::empty()) {
            self.connection = connection;
        }
        Err(format!("cannot write {}: {error}", self.path.display()))
    }

    fn close(&mut self) {
        // A finished run is one plain file. Where this fails the log stays beside it, and nothing is lost.
        let _ = self.connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()));
    }
}

#[cfg(test)]
mod tests;
