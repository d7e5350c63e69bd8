//! Writing: one thread with one connection, fed through a bounded backlog, so that no caller ever waits for a disk.
//!
//! A row is *acknowledged* once [`Writer::flush`] or [`Writer::finish`] returned `Ok` after it was appended. Rows are
//! committed at least once a second, and at once when an [urgent](super::Entry::is_urgent) one is among them. With
//! `synchronous=NORMAL` a commit survives the death of the process at any moment; the last ones may be lost when the
//! machine itself loses power, and then the journal still opens.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::backlog::Backlog;
use super::entry::Entry;
use super::record::{Event, Meta, Record, What};
use super::{FILE, JournalError, table};

/// The end of a journal that is being written. Shared by reference; every method may be called from any thread.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the thread.
    wake: Condvar,
    /// Wakes those who wait for a flush.
    written: Condvar,
}

#[derive(Debug)]
struct State {
    backlog: Backlog,
    /// Something waits that must not wait a second.
    urgent: bool,
    closed: bool,
    ended: bool,
    /// How many times everything that waited has been tried to be written; a flush waits for the next one.
    rounds: u64,
    asked: u64,
    degraded: Option<String>,
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
/// The longest that a row waits before it is committed.
const PERIOD: Duration = Duration::from_secs(1);
/// The longest that a flush waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

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
        let state = State {
            backlog: Backlog::new(bound),
            urgent: false,
            closed: false,
            ended: false,
            rounds: 0,
            asked: 0,
            degraded: None,
        };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new(), written: Condvar::new() });
        let its = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || its.run(sink.as_mut()))
            .map_err(JournalError::Thread)?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Appends a record. Never waits for the disk; what does not fit is dropped and counted.
    pub fn append(&self, record: Record) {
        let entry = Entry::from(record);
        let mut state = self.shared.lock();
        let urgent = entry.is_urgent();
        state.backlog.push(entry);
        if urgent {
            state.urgent = true;
            self.shared.wake.notify_one();
        }
    }

    /// Waits until everything appended so far is on disk, at most five seconds.
    ///
    /// # Errors
    ///
    /// [`JournalError::Behind`] where it is not; the writer keeps it and goes on trying.
    pub fn flush(&self) -> Result<(), JournalError> {
        let mut state = self.shared.lock();
        // A round that runs already took its batch before: the one after it is meant.
        let wanted = state.rounds.max(state.asked) + 1;
        state.asked = wanted;
        state.urgent = true;
        self.shared.wake.notify_one();
        let waits = |state: &mut State| state.rounds < wanted && !state.ended;
        let (state, _) = self
            .shared
            .written
            .wait_timeout_while(state, PATIENCE, waits)
            .unwrap_or_else(PoisonError::into_inner);
        state.outcome(state.rounds >= wanted || state.ended)
    }

    /// Writes what waits, folds the write-ahead log into the file and ends the thread. What is appended later is lost.
    ///
    /// # Errors
    ///
    /// [`JournalError::Behind`] where not everything could be written.
    pub fn finish(&self) -> Result<(), JournalError> {
        self.close();
        let state = self.shared.lock();
        state.outcome(state.ended)
    }

    /// How many records were given up because there was no room for them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.lock().backlog.dropped()
    }

    /// Why the journal is behind, if it is.
    #[must_use]
    pub fn degraded(&self) -> Option<String> {
        self.shared.lock().degraded.clone()
    }

    fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
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

// === impl Shared ===

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under this lock is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, sink: &mut dyn Sink) {
        loop {
            let (batch, last) = self.next_batch();
            let outcome = if batch.is_empty() { Ok(()) } else { sink.commit(&batch) };
            if last {
                sink.close();
            }
            self.settle(batch, outcome, last);
            if last {
                return;
            }
        }
    }

    fn next_batch(&self) -> (Vec<Entry>, bool) {
        let state = self.lock();
        let idle = |state: &mut State| !state.urgent && !state.closed;
        let (mut state, _) =
            self.wake.wait_timeout_while(state, PERIOD, idle).unwrap_or_else(PoisonError::into_inner);
        state.urgent = false;
        // While nothing can be written, telling about losses would only be lost as well.
        if state.degraded.is_none() {
            state.tell_losses();
        }
        (state.backlog.take(), state.closed)
    }

    fn settle(&self, batch: Vec<Entry>, outcome: Result<(), String>, last: bool) {
        let mut state = self.lock();
        match outcome {
            Ok(()) => state.degraded = None,
            Err(why) => {
                state.backlog.restore(batch);
                state.degraded = Some(why);
            }
        }
        state.rounds += 1;
        state.ended = last;
        // A flush that came during this round wants another.
        state.urgent |= state.asked > state.rounds;
        drop(state);
        self.written.notify_all();
    }
}

// === impl State ===

impl State {
    fn outcome(&self, tried: bool) -> Result<(), JournalError> {
        match &self.degraded {
            Some(why) => Err(JournalError::Behind { why: why.clone() }),
            None if tried => Ok(()),
            None => Err(JournalError::Behind { why: "the disk did not answer in time".into() }),
        }
    }

    fn tell_losses(&mut self) {
        if let Some((at_us, why)) = self.backlog.tell() {
            self.backlog.push(Entry::Event(Event { at_us, what: What::Degraded { why } }));
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
