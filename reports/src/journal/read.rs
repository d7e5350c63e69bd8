//! Reading: any prefix of a journal, in the order of time, a few hundred rows at once.
//!
//! A journal may be cut (the writer was killed), torn (the file is shorter than it was) or damaged in places. What can
//! be read is read; what cannot is skipped and said in [`Journal::losses`]. Rows of one series come in the order in
//! which they were appended; rows of different tables are merged by the moment at which they were known.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};

use super::entry::{Entry, Kind};
use super::record::{Host, Meta};
use super::{FILE, FORMAT, JournalError, table};

/// A journal that is open for reading.
#[derive(Debug)]
pub struct Journal {
    connection: Connection,
    /// The format of the file: older ones have fewer tables and columns.
    format: i64,
    meta: Meta,
    losses: Vec<String>,
}

/// All entries in the order of time; made by [`Journal::entries`].
#[derive(Debug)]
pub struct Entries<'a> {
    connection: &'a Connection,
    losses: &'a mut Vec<String>,
    cursors: Vec<Cursor>,
}

/// One table, read in pieces.
#[derive(Debug)]
struct Cursor {
    kind: Kind,
    columns: &'static str,
    /// The row number of the last row that was read or given up.
    last: i64,
    piece: VecDeque<Entry>,
    exhausted: bool,
    lost: u64,
    why: Option<String>,
    /// Where reading failed last: failing twice in one place means that the row itself must be given up.
    failed_at: Option<i64>,
}

/// Rows read at once; a page or some of them.
const PIECE: i64 = 256;

// === impl Journal ===

impl Journal {
    /// Opens the journal of the run folder `dir`, finished or not.
    ///
    /// # Errors
    ///
    /// Where there is none, it cannot be opened, it is no journal, or a later version wrote it.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Err(JournalError::Missing { path });
        }
        let mut losses = Vec::new();
        let (connection, format) = connect(&path, &mut losses)?;
        let meta = table::read_meta(&connection).unwrap_or_else(|error| {
            losses.push(format!("the facts of the run cannot be read: {error}"));
            unknown(dir)
        });
        Ok(Self { connection, format, meta, losses })
    }

    /// The facts of the run.
    #[must_use]
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// What could not be read so far, for people. Complete once [`Journal::entries`] has been read to its end.
    #[must_use]
    pub fn losses(&self) -> &[String] {
        &self.losses
    }

    /// Reads everything from the start, in the order of time.
    pub fn entries(&mut self) -> Entries<'_> {
        let kinds = Kind::ALL.into_iter().filter(|kind| i64::from(kind.since()) <= self.format);
        Entries {
            connection: &self.connection,
            losses: &mut self.losses,
            cursors: kinds.map(|kind| Cursor::new(kind, self.format)).collect(),
        }
    }
}

/// Opens for reading, in a way that also serves a torn file and a folder that cannot be written.
fn connect(path: &Path, losses: &mut Vec<String>) -> Result<(Connection, i64), JournalError> {
    let not = |found: String| JournalError::NotAJournal { path: path.to_path_buf(), found };
    // A connection is never shared, so every value need not take a lock.
    let one_thread = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let attempt = |uri: bool| -> rusqlite::Result<(Connection, i64)> {
        let (name, flags) = if uri {
            (immutable(path), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | one_thread)
        } else {
            (path.to_path_buf(), OpenFlags::SQLITE_OPEN_READ_WRITE | one_thread)
        };
        let connection = Connection::open_with_flags(name, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(2))?;
        // Lets SQLite open a file that is shorter than its header says; nothing is ever written.
        connection.pragma_update(None, "writable_schema", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "query_only", true)?;
        let format = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((connection, format))
    };
    let opened = attempt(false).or_else(|_| {
        let opened = attempt(true)?;
        if path.with_extension("sqlite-wal").metadata().is_ok_and(|file| file.len() > 0) {
            losses.push(
                "the write-ahead log cannot be read here; copy the folder to where it can be written".into(),
            );
        }
        Ok::<_, rusqlite::Error>(opened)
    });
    match opened {
        Ok((connection, format)) if (1..=i64::from(FORMAT)).contains(&format) => Ok((connection, format)),
        Ok((_, 0)) => Err(not("a database without tables".into())),
        Ok((_, found)) => Err(JournalError::Newer { path: path.to_path_buf(), found }),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(not("something that is no SQLite database".into()))
        }
        Err(source) => Err(JournalError::Open { path: path.to_path_buf(), source }),
    }
}

/// The file as a URI that tells SQLite to take no lock and to make no file beside it.
fn immutable(path: &Path) -> PathBuf {
    let escaped: String = path
        .to_string_lossy()
        .chars()
        .map(|c| match c {
            '%' => "%25".into(),
            '?' => "%3f".into(),
            '#' => "%23".into(),
            other => other.to_string(),
        })
        .collect();
    PathBuf::from(format!("file:{escaped}?immutable=1"))
}

fn unknown(dir: &Path) -> Meta {
    Meta {
        format: FORMAT,
        run: dir.file_name().map_or_else(|| "unknown".into(), |name| name.to_string_lossy().into_owned()),
        version: "unknown".into(),
        started_at: "unknown".into(),
        again: Vec::new(),
        host: Host::default(),
    }
}

// === impl Entries ===

impl Iterator for Entries<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        for cursor in &mut self.cursors {
            cursor.fill(self.connection, self.losses);
        }
        let earliest = self.cursors.iter_mut().filter(|cursor| !cursor.piece.is_empty());
        earliest.min_by_key(|cursor| cursor.piece.front().map(Entry::at_us))?.piece.pop_front()
    }
}

// === impl Cursor ===

impl Cursor {
    const fn new(kind: Kind, format: i64) -> Self {
        Self {
            kind,
            columns: table::columns(kind, format),
            last: 0,
            piece: VecDeque::new(),
            exhausted: false,
            lost: 0,
            why: None,
            failed_at: None,
        }
    }

    /// Makes sure that there is a next row, if there is one at all.
    fn fill(&mut self, connection: &Connection, losses: &mut Vec<String>) {
        while self.piece.is_empty() && !self.exhausted {
            match self.read_piece(connection) {
                Ok(0) => self.exhausted = true,
                Ok(_) => {}
                Err(error) => self.step_over(connection, &error),
            }
            if self.exhausted
                && let Some(why) = self.why.take()
            {
                let rows = if self.lost == 0 { "some".into() } else { self.lost.to_string() };
                losses.push(format!("{rows} {} cannot be read: {why}", self.kind.table()));
            }
        }
    }

    /// Reads up to [`PIECE`] rows; those before an error are kept. Answers how many there were, readable or not.
    fn read_piece(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
        let (columns, table) = (self.columns, self.kind.table());
        let sql = format!("SELECT {columns} FROM {table} WHERE id > ?1 ORDER BY id LIMIT ?2");
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![self.last, PIECE])?;
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            // A damaged tree can lead back to where it was: what is not further on is no progress.
            if id <= self.last {
                return Err(rusqlite::Error::IntegralValueOutOfRange(0, id));
            }
            self.last = id;
            seen += 1;
            match table::read(self.kind, row) {
                Ok(entry) => self.piece.push_back(entry),
                Err(error) => {
                    // The page holds, but what stands in the row means nothing.
                    self.lost += 1;
                    self.why = Some(error.to_string());
                }
            }
        }
        Ok(seen)
    }

    /// Finds the next readable row behind a damaged page, by longer and longer steps.
    fn step_over(&mut self, connection: &Connection, error: &rusqlite::Error) {
        self.why = Some(error.to_string());
        if self.failed_at.replace(self.last) == Some(self.last) {
            self.last += 1;
            self.lost += 1;
        }
        let newest = format!("SELECT max(id) FROM {}", self.kind.table());
        let newest = connection.query_row(&newest, [], |row| row.get::<_, Option<i64>>(0));
        let Ok(Some(newest)) = newest else {
            self.exhausted = true;
            return;
        };
        let sql = format!("SELECT id FROM {} WHERE id >= ?1 ORDER BY id LIMIT 1", self.kind.table());
        let mut step = 1;
        while self.last + step <= newest {
            let found = connection.query_row(&sql, [self.last + step], |row| row.get::<_, i64>(0));
            if let Some(found) = found.ok().filter(|found| *found > self.last) {
                self.lost += (found - self.last - 1).unsigned_abs();
                self.last = found - 1;
                return;
            }
            step *= 2;
        }
        self.lost += (newest - self.last).unsigned_abs();
        self.exhausted = true;
    }
}

#[cfg(test)]
mod tests;
