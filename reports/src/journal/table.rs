//! The tables: how each kind of record becomes a row, and a row becomes a record again.
//!
//! Rows are appended in the order of time and never changed; `id` is SQLite's row number, so that appending is cheap
//! and reading in order needs no index. Names stand in every row as they are: a row can be read without any other.

use std::collections::BTreeMap;

use rusqlite::types::{FromSql, Type};
use rusqlite::{Connection, Row, Transaction, named_params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::counts::Counts;
use super::endpoints::{self, EndpointSecond};
use super::entry::{Entry, Kind, Second};
use super::record::{Event, ExportSample, HostSample, LinkSample, Meta, Sample};

/// The number of the journal's format; `user_version` of the file. 2 added `exports`, and columns of `samples`; 3
/// the endpoints of `windows`; 4 the control group's memory of `samples`; 5 the examples of `windows`.
pub const FORMAT: u32 = 5;

const SCHEMA: &str = "
CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL);
CREATE TABLE events (id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, what TEXT NOT NULL);
CREATE TABLE windows (
    id INTEGER PRIMARY KEY, second INTEGER NOT NULL, workload TEXT NOT NULL, due INTEGER NOT NULL,
    sent INTEGER NOT NULL, ok INTEGER NOT NULL, errors TEXT NOT NULL, dropped INTEGER NOT NULL,
    backlog INTEGER NOT NULL, received INTEGER NOT NULL, latency BLOB NOT NULL, service BLOB NOT NULL,
    late_us_max INTEGER NOT NULL, late_us_p50 INTEGER NOT NULL, endpoints BLOB NOT NULL,
    examples TEXT NOT NULL
);
CREATE TABLE samples (
    id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, subject TEXT NOT NULL, processes INTEGER NOT NULL,
    rss INTEGER NOT NULL, pss INTEGER, anonymous INTEGER NOT NULL, swap INTEGER NOT NULL, threads INTEGER NOT NULL,
    fds TEXT NOT NULL, sockets TEXT NOT NULL, cpu_us INTEGER NOT NULL, switches_voluntary INTEGER NOT NULL,
    switches_involuntary INTEGER NOT NULL, faults_minor INTEGER NOT NULL, faults_major INTEGER NOT NULL,
    private_dirty INTEGER, mappings INTEGER NOT NULL, fds_max INTEGER, members TEXT NOT NULL,
    cgroup INTEGER
);
CREATE TABLE host_samples (
    id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, available INTEGER NOT NULL, cpu_us INTEGER NOT NULL,
    cpu_pressure REAL, memory_pressure REAL, io_pressure REAL
);
CREATE TABLE link_samples (
    id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, link TEXT NOT NULL, accepted INTEGER NOT NULL,
    open INTEGER NOT NULL, up INTEGER NOT NULL, down INTEGER NOT NULL
);
CREATE TABLE exports (
    id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, target TEXT NOT NULL, page INTEGER NOT NULL,
    figures TEXT NOT NULL, dropped INTEGER NOT NULL, absent INTEGER NOT NULL, missed TEXT
);
";

const EVENT: &str = "INSERT INTO events (at_us, what) VALUES (:at_us, :what)";
const WINDOW: &str = "INSERT INTO windows (second, workload, due, sent, ok, errors, dropped, backlog, received, \
     latency, service, late_us_max, late_us_p50, endpoints, examples) VALUES (:second, :workload, :due, :sent, :ok, :errors, \
     :dropped, :backlog, :received, :latency, :service, :late_us_max, :late_us_p50, :endpoints, :examples)";
const SAMPLE: &str = "INSERT INTO samples (at_us, subject, processes, rss, pss, anonymous, swap, threads, fds, \
     sockets, cpu_us, switches_voluntary, switches_involuntary, faults_minor, faults_major, private_dirty, mappings, \
     fds_max, members, cgroup) VALUES (:at_us, :subject, :processes, :rss, :pss, :anonymous, :swap, :threads, :fds, :sockets, \
     :cpu_us, :switches_voluntary, :switches_involuntary, :faults_minor, :faults_major, :private_dirty, :mappings, \
     :fds_max, :members, :cgroup)";
const HOST_SAMPLE: &str = "INSERT INTO host_samples (at_us, available, cpu_us, cpu_pressure, memory_pressure, \
     io_pressure) VALUES (:at_us, :available, :cpu_us, :cpu_pressure, :memory_pressure, :io_pressure)";
const LINK_SAMPLE: &str = "INSERT INTO link_samples (at_us, link, accepted, open, up, down) VALUES (:at_us, :link, \
     :accepted, :open, :up, :down)";
const EXPORT: &str = "INSERT INTO exports (at_us, target, page, figures, dropped, absent, missed) VALUES (:at_us, \
     :target, :page, :figures, :dropped, :absent, :missed)";

/// Makes the tables of an empty file and writes the run's facts, all or nothing.
pub fn create(connection: &mut Connection, meta: &Meta) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.execute("INSERT INTO meta (id, body) VALUES (1, ?1)", [json(meta)])?;
    transaction.commit()
}

/// Appends one row.
pub fn insert(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    match entry {
        Entry::Event(event) => insert_event(transaction, event),
        Entry::Window(window) => insert_window(transaction, window),
        Entry::Sample(sample) => insert_sample(transaction, sample),
        Entry::HostSample(sample) => insert_host_sample(transaction, sample),
        Entry::LinkSample(sample) => insert_link_sample(transaction, sample),
        Entry::Export(sample) => insert_export(transaction, sample),
    }
}

/// The columns that [`read`] takes, `id` first: by their order, since a lookup by name for every value of millions of
/// rows costs more than the values.
///
/// A journal of an earlier format has no word for what came later.
pub const fn columns(kind: Kind, format: i64) -> &'static str {
    match kind {
        Kind::Event => "id, at_us, what",
        Kind::Window if format < 3 => {
            "id, second, workload, due, sent, ok, errors, dropped, backlog, received, latency, service, late_us_max, \
             late_us_p50, x'', '[]'"
        }
        Kind::Window if format < 5 => {
            "id, second, workload, due, sent, ok, errors, dropped, backlog, received, latency, service, late_us_max, \
             late_us_p50, endpoints, '[]'"
        }
        Kind::Window => {
            "id, second, workload, due, sent, ok, errors, dropped, backlog, received, latency, service, late_us_max, \
             late_us_p50, endpoints, examples"
        }
        Kind::Sample if format < 2 => {
            "id, at_us, subject, processes, rss, pss, anonymous, swap, threads, fds, sockets, cpu_us, \
             switches_voluntary, switches_involuntary, faults_minor, faults_major, NULL, 0, NULL, '[]', NULL"
        }
        Kind::Sample if format < 4 => {
            "id, at_us, subject, processes, rss, pss, anonymous, swap, threads, fds, sockets, cpu_us, \
             switches_voluntary, switches_involuntary, faults_minor, faults_major, private_dirty, mappings, fds_max, \
             members, NULL"
        }
        Kind::Sample => {
            "id, at_us, subject, processes, rss, pss, anonymous, swap, threads, fds, sockets, cpu_us, \
             switches_voluntary, switches_involuntary, faults_minor, faults_major, private_dirty, mappings, fds_max, \
             members, cgroup"
        }
        Kind::HostSample => "id, at_us, available, cpu_us, cpu_pressure, memory_pressure, io_pressure",
        Kind::LinkSample => "id, at_us, link, accepted, open, up, down",
        Kind::Export => "id, at_us, target, page, figures, dropped, absent, missed",
    }
}

/// Reads one row of these columns.
pub fn read(kind: Kind, row: &Row<'_>) -> rusqlite::Result<Entry> {
    let mut values = Values { row, next: 1 };
    match kind {
        Kind::Event => Ok(Entry::Event(Event { at_us: values.plain()?, what: values.json()? })),
        Kind::Window => read_window(&mut values).map(|window| Entry::Window(Box::new(window))),
        Kind::Sample => read_sample(&mut values).map(|sample| Entry::Sample(Box::new(sample))),
        Kind::HostSample => read_host_sample(&mut values).map(Entry::HostSample),
        Kind::LinkSample => read_link_sample(&mut values).map(Entry::LinkSample),
        Kind::Export => read_export(&mut values).map(|sample| Entry::Export(Box::new(sample))),
    }
}

/// Reads the run's facts.
pub fn read_meta(connection: &Connection) -> rusqlite::Result<Meta> {
    connection.query_row("SELECT body FROM meta WHERE id = 1", [], |row| Values { row, next: 0 }.json())
}

fn insert_event(transaction: &Transaction<'_>, event: &Event) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(EVENT)?;
    statement.execute(named_params! { ":at_us": event.at_us, ":what": json(&event.what) })?;
    Ok(())
}

fn insert_window(transaction: &Transaction<'_>, window: &Second) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(WINDOW)?;
    statement.execute(named_params! {
        ":second": window.second,
        ":workload": window.workload,
        ":due": whole(window.due),
        ":sent": whole(window.sent),
        ":ok": whole(window.ok),
        ":errors": json(&window.errors),
        ":dropped": whole(window.dropped),
        ":backlog": whole(window.backlog),
        ":received": whole(window.received),
        ":latency": window.latency.encode(),
        ":service": window.service.encode(),
        ":late_us_max": whole(window.late_us_max),
        ":late_us_p50": whole(window.late_us_p50),
        ":endpoints": endpoints::encode(&window.endpoints),
        ":examples": json(&window.examples),
    })?;
    Ok(())
}

fn insert_sample(transaction: &Transaction<'_>, sample: &Sample) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(SAMPLE)?;
    statement.execute(named_params! {
        ":at_us": sample.at_us,
        ":subject": sample.subject,
        ":processes": whole(sample.processes),
        ":rss": whole(sample.rss),
        ":pss": sample.pss.map(whole),
        ":anonymous": whole(sample.anonymous),
        ":swap": whole(sample.swap),
        ":threads": whole(sample.threads),
        ":fds": json(&sample.fds),
        ":sockets": json(&sample.sockets),
        ":cpu_us": whole(sample.cpu_us),
        ":switches_voluntary": whole(sample.switches_voluntary),
        ":switches_involuntary": whole(sample.switches_involuntary),
        ":faults_minor": whole(sample.faults_minor),
        ":faults_major": whole(sample.faults_major),
        ":private_dirty": sample.private_dirty.map(whole),
        ":mappings": whole(sample.mappings),
        ":fds_max": sample.fds_max.map(whole),
        ":members": if sample.members.is_empty() { "[]".to_owned() } else { json(&sample.members) },
        ":cgroup": sample.cgroup.map(whole),
    })?;
    Ok(())
}

fn insert_host_sample(transaction: &Transaction<'_>, sample: &HostSample) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(HOST_SAMPLE)?;
    statement.execute(named_params! {
        ":at_us": sample.at_us,
        ":available": whole(sample.available),
        ":cpu_us": whole(sample.cpu_us),
        ":cpu_pressure": sample.cpu_pressure,
        ":memory_pressure": sample.memory_pressure,
        ":io_pressure": sample.io_pressure,
    })?;
    Ok(())
}

fn insert_link_sample(transaction: &Transaction<'_>, sample: &LinkSample) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(LINK_SAMPLE)?;
    statement.execute(named_params! {
        ":at_us": sample.at_us,
        ":link": sample.link,
        ":accepted": whole(sample.accepted),
        ":open": whole(sample.open),
        ":up": whole(sample.up),
        ":down": whole(sample.down),
    })?;
    Ok(())
}

fn insert_export(transaction: &Transaction<'_>, sample: &ExportSample) -> rusqlite::Result<()> {
    // JSON has no word for what is no finite number.
    let finite: BTreeMap<&String, f64> = sample
        .figures
        .iter()
        .map(|(name, value)| (name, *value))
        .filter(|(_, value)| value.is_finite())
        .collect();
    let mut statement = transaction.prepare_cached(EXPORT)?;
    statement.execute(named_params! {
        ":at_us": sample.at_us,
        ":target": sample.target,
        ":page": sample.page,
        ":figures": json(&finite),
        ":dropped": whole(sample.dropped),
        ":absent": whole(sample.absent),
        ":missed": sample.missed,
    })?;
    Ok(())
}

fn read_window(values: &mut Values<'_, '_>) -> rusqlite::Result<Second> {
    Ok(Second {
        second: values.plain()?,
        workload: values.plain()?,
        due: values.amount()?,
        sent: values.amount()?,
        ok: values.amount()?,
        errors: values.counted()?,
        dropped: values.amount()?,
        backlog: values.amount()?,
        received: values.amount()?,
        latency: values.histogram()?,
        service: values.histogram()?,
        late_us_max: values.amount()?,
        late_us_p50: values.amount()?,
        endpoints: values.endpoints()?,
        examples: values.listed()?,
    })
}

fn read_sample(values: &mut Values<'_, '_>) -> rusqlite::Result<Sample> {
    Ok(Sample {
        at_us: values.plain()?,
        subject: values.plain()?,
        processes: values.amount()?,
        rss: values.amount()?,
        pss: values.maybe()?,
        anonymous: values.amount()?,
        swap: values.amount()?,
        threads: values.amount()?,
        fds: values.counted()?,
        sockets: values.counted()?,
        cpu_us: values.amount()?,
        switches_voluntary: values.amount()?,
        switches_involuntary: values.amount()?,
        faults_minor: values.amount()?,
        faults_major: values.amount()?,
        private_dirty: values.maybe()?,
        mappings: values.amount()?,
        fds_max: values.maybe()?,
        members: values.listed()?,
        cgroup: values.maybe()?,
    })
}

fn read_host_sample(values: &mut Values<'_, '_>) -> rusqlite::Result<HostSample> {
    Ok(HostSample {
        at_us: values.plain()?,
        available: values.amount()?,
        cpu_us: values.amount()?,
        cpu_pressure: values.plain()?,
        memory_pressure: values.plain()?,
        io_pressure: values.plain()?,
    })
}

fn read_link_sample(values: &mut Values<'_, '_>) -> rusqlite::Result<LinkSample> {
    Ok(LinkSample {
        at_us: values.plain()?,
        link: values.plain()?,
        accepted: values.amount()?,
        open: values.amount()?,
        up: values.amount()?,
        down: values.amount()?,
    })
}

fn read_export(values: &mut Values<'_, '_>) -> rusqlite::Result<ExportSample> {
    Ok(ExportSample {
        at_us: values.plain()?,
        target: values.plain()?,
        page: values.plain()?,
        figures: values.json()?,
        dropped: values.amount()?,
        absent: values.amount()?,
        missed: values.plain()?,
    })
}

/// SQLite's integers are signed; no counter of ours reaches 2^63.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("records hold only text, numbers and maps with text keys")
}

fn unreadable(kind: Type, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, kind, Box::new(error))
}

/// The values of a row, one after the other.
struct Values<'a, 'row> {
    row: &'a Row<'row>,
    next: usize,
}

// === impl Values ===

impl Values<'_, '_> {
    fn plain<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        self.next += 1;
        self.row.get(self.next - 1)
    }

    fn amount(&mut self) -> rusqlite::Result<u64> {
        self.plain::<i64>().map(|number| u64::try_from(number).unwrap_or(0))
    }

    fn maybe(&mut self) -> rusqlite::Result<Option<u64>> {
        Ok(self.plain::<Option<i64>>()?.map(|number| u64::try_from(number).unwrap_or(0)))
    }

    /// Like [`Values::counted`].
    fn listed<T: DeserializeOwned>(&mut self) -> rusqlite::Result<Vec<T>> {
        if self.row.get_ref(self.next)?.as_str()? == "[]" {
            self.next += 1;
            return Ok(Vec::new());
        }
        self.json()
    }

    fn json<T: DeserializeOwned>(&mut self) -> rusqlite::Result<T> {
        self.next += 1;
        let text = self.row.get_ref(self.next - 1)?.as_str()?;
        serde_json::from_str(text).map_err(|error| unreadable(Type::Text, error))
    }

    /// Maps are often empty, and an empty one costs nothing.
    fn counted(&mut self) -> rusqlite::Result<BTreeMap<String, u64>> {
        if self.row.get_ref(self.next)?.as_str()? == "{}" {
            self.next += 1;
            return Ok(BTreeMap::new());
        }
        self.json()
    }

    fn endpoints(&mut self) -> rusqlite::Result<Vec<EndpointSecond>> {
        self.next += 1;
        endpoints::decode(self.row.get_ref(self.next - 1)?.as_blob()?)
            .map_err(|error| unreadable(Type::Blob, error))
    }

    fn histogram(&mut self) -> rusqlite::Result<Counts> {
        self.next += 1;
        Counts::decode(self.row.get_ref(self.next - 1)?.as_blob()?)
            .map_err(|error| unreadable(Type::Blob, error))
    }
}
