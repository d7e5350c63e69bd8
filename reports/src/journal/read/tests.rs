use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};

use super::*;
use crate::journal::record::*;
use crate::journal::{Counts, EndpointSecond, Second, Writer};

fn meta() -> Meta {
    Meta { run: "test".into(), started_at: "2026-01-01T00:00:00Z".into(), ..unknown(Path::new("test")) }
}

fn histogram(count: u64) -> hdrhistogram::Histogram<u64> {
    let mut histogram = hdrhistogram::Histogram::new_with_bounds(1, 3_600_000_000, 2).unwrap();
    (0..count).for_each(|step| histogram.record(1_000 + step * 37).unwrap());
    histogram
}

fn window(second: u32) -> Record {
    let mut latency = histogram(199);
    latency.record(1_000 + u64::from(second)).unwrap();
    Record::Window(Box::new(Window {
        second,
        workload: "browse".into(),
        due: 200,
        sent: 200,
        ok: 200,
        errors: [("reset".to_owned(), 3)].into(),
        dropped: 1,
        backlog: 2,
        received: 4,
        service: latency.clone(),
        latency,
        late_us_max: 5,
        late_us_p50: 6,
        endpoints: vec![EndpointSecond {
            name: "GET /items/{n}".into(),
            ok: 150,
            errors: [("reset".to_owned(), 1)].into(),
            latency: Counts::of(&histogram(150)),
        }],
        examples: vec![Example {
            endpoint: "GET /items/{n}".into(),
            class: "reset".into(),
            why: "Connection reset by peer".into(),
        }],
    }))
}

fn sample(second: u32) -> Record {
    Record::Sample(Sample {
        at_us: i64::from(second) * 1_000_000,
        subject: "shop".into(),
        processes: 2,
        rss: 1 << 30,
        pss: Some(7),
        fds: [("socket".to_owned(), 9)].into(),
        sockets: [("established".to_owned(), 8)].into(),
        cpu_us: 11,
        cgroup: Some(13),
        ..Sample::default()
    })
}

fn records(second: u32) -> Vec<Record> {
    let at_us = i64::from(second) * 1_000_000 + 500;
    vec![
        sample(second),
        Record::Event(Event {
            at_us,
            what: What::Probed { probe: "p".into(), ok: true, found: "200".into(), took_us: 3 },
        }),
        Record::HostSample(HostSample {
            at_us,
            available: 5,
            cpu_pressure: Some(0.5),
            ..HostSample::default()
        }),
        Record::LinkSample(LinkSample { at_us, link: "l".into(), up: 3, ..LinkSample::default() }),
        window(second),
    ]
}

fn journal_of(seconds: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), &meta()).unwrap();
    for second in 0..seconds {
        records(second).into_iter().for_each(|record| writer.append(record));
        if second % 500 == 499 {
            writer.flush().unwrap();
        }
    }
    writer.finish().unwrap();
    dir
}

#[test]
fn what_was_written_is_read_in_the_order_of_time() {
    let dir = journal_of(3);
    let mut journal = Journal::open(dir.path()).unwrap();
    assert_eq!(journal.meta(), &meta());
    let found: Vec<Entry> = journal.entries().collect();
    let mut expected: Vec<Entry> = (0..3).flat_map(records).map(Entry::from).collect();
    expected.sort_by_key(Entry::at_us);
    assert!(found.is_sorted_by_key(Entry::at_us));
    let sorted = |mut entries: Vec<Entry>| {
        entries.sort_by_key(|entry| (entry.at_us(), entry.kind()));
        entries
    };
    assert_eq!(sorted(found), sorted(expected));
}

#[test]
fn a_histogram_survives_the_journal() {
    let dir = journal_of(1);
    let Record::Window(written) = window(0) else { unreachable!() };
    let found = Journal::open(dir.path()).unwrap().entries().find_map(|entry| match entry {
        Entry::Window(second) => Some(*second),
        _ => None,
    });
    let found: Second = found.unwrap();
    assert_eq!(found.latency.histogram(), written.latency);
    assert_eq!(found.latency, Counts::of(&written.latency));
}

#[test]
fn a_run_that_goes_on_can_be_read_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), &meta()).unwrap();
    writer.append(sample(1));
    writer.flush().unwrap();
    assert_eq!(Journal::open(dir.path()).unwrap().entries().count(), 1);
    writer.append(sample(2));
    writer.flush().unwrap();
    assert_eq!(Journal::open(dir.path()).unwrap().entries().count(), 2);
}

#[test]
fn a_torn_file_gives_its_beginning_and_says_so() {
    let dir = journal_of(2_000);
    let path = dir.path().join(FILE);
    let whole = path.metadata().unwrap().len();
    for share in [99, 90, 60, 30] {
        OpenOptions::new().write(true).open(&path).unwrap().set_len(whole * share / 100).unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        let read = journal.entries().count();
        assert!(read > 0, "nothing of {share} %");
        assert!(read < 10_000);
        assert!(!journal.losses().is_empty(), "{share} % and no word of it");
    }
}

#[test]
fn a_damaged_page_costs_its_rows_and_no_others() {
    let dir = journal_of(2_000);
    let path = dir.path().join(FILE);
    let whole = path.metadata().unwrap().len();
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(whole / 2 / 4096 * 4096)).unwrap();
    file.write_all(&[0xa5; 4096]).unwrap();
    drop(file);
    let mut journal = Journal::open(dir.path()).unwrap();
    let read = journal.entries().count();
    assert!((9_000..10_000).contains(&read), "{read}");
    assert!(journal.losses()[0].contains("cannot be read"), "{:?}", journal.losses());
}

#[test]
fn what_is_no_journal_is_refused_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Journal::open(dir.path()), Err(JournalError::Missing { .. })));
    std::fs::write(dir.path().join(FILE), "not a database, though long enough to be looked at as one")
        .unwrap();
    let refused = Journal::open(dir.path()).unwrap_err();
    assert!(matches!(refused, JournalError::NotAJournal { .. }), "{refused:?}");
    std::fs::write(dir.path().join(FILE), "").unwrap();
    assert!(matches!(Journal::open(dir.path()), Err(JournalError::NotAJournal { .. })));
}

#[test]
fn exported_figures_are_read_as_they_were_written() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), &meta()).unwrap();
    let figures = [("heap".to_owned(), 1.5), ("queue{of=\"x\"}".to_owned(), -3.0), ("big".to_owned(), 1e300)];
    let there = ExportSample {
        at_us: 1,
        target: "shop".into(),
        page: 2,
        figures: figures.into(),
        dropped: 1,
        absent: 2,
        missed: None,
    };
    let missed =
        ExportSample { at_us: 2, missed: Some("no answer within 1s".into()), ..ExportSample::default() };
    let odd =
        ExportSample { at_us: 3, figures: [("nan".to_owned(), f64::NAN)].into(), ..ExportSample::default() };
    for sample in [there.clone(), missed.clone(), odd.clone()] {
        writer.append(Record::Export(sample));
    }
    writer.finish().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    let found: Vec<Entry> = journal.entries().collect();
    let odd = ExportSample { figures: BTreeMap::new(), ..odd };
    assert_eq!(found, [there, missed, odd].map(|sample| Entry::Export(Box::new(sample))));
    assert!(journal.losses().is_empty(), "{:?}", journal.losses());
}

#[test]
fn a_journal_from_before_endpoints_is_whole_and_has_none() {
    let dir = journal_of(3);
    let connection = Connection::open(dir.path().join(FILE)).unwrap();
    connection.execute("ALTER TABLE windows DROP COLUMN endpoints", []).unwrap();
    connection.execute("ALTER TABLE samples DROP COLUMN cgroup", []).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    drop(connection);
    let mut journal = Journal::open(dir.path()).unwrap();
    let entries: Vec<Entry> = journal.entries().collect();
    assert_eq!(entries.len(), 15);
    let mut windows = entries.iter().filter_map(|entry| match entry {
        Entry::Window(window) => Some(window),
        _ => None,
    });
    assert!(windows.all(|window| window.ok == 200 && window.endpoints.is_empty()));
    assert!(journal.losses().is_empty(), "{:?}", journal.losses());
}

#[test]
fn a_journal_from_before_control_groups_is_whole() {
    let dir = journal_of(3);
    let connection = Connection::open(dir.path().join(FILE)).unwrap();
    connection.execute("ALTER TABLE samples DROP COLUMN cgroup", []).unwrap();
    connection.pragma_update(None, "user_version", 3).unwrap();
    drop(connection);
    let mut journal = Journal::open(dir.path()).unwrap();
    let samples = journal.entries().filter_map(|entry| match entry {
        Entry::Sample(sample) => Some(sample),
        _ => None,
    });
    assert_eq!(samples.filter(|sample| sample.pss == Some(7) && sample.cgroup.is_none()).count(), 3);
    assert!(journal.losses().is_empty(), "{:?}", journal.losses());
}

#[test]
fn a_journal_from_before_examples_has_none() {
    let dir = journal_of(3);
    let connection = Connection::open(dir.path().join(FILE)).unwrap();
    connection.execute("ALTER TABLE windows DROP COLUMN examples", []).unwrap();
    connection.pragma_update(None, "user_version", 4).unwrap();
    drop(connection);
    let mut journal = Journal::open(dir.path()).unwrap();
    let windows = journal.entries().filter_map(|entry| match entry {
        Entry::Window(window) => Some(window),
        _ => None,
    });
    assert_eq!(windows.filter(|it| it.endpoints.len() == 1 && it.examples.is_empty()).count(), 3);
    assert!(journal.losses().is_empty(), "{:?}", journal.losses());
}

#[test]
fn a_journal_from_before_exports_is_whole() {
    let dir = journal_of(3);
    let connection = Connection::open(dir.path().join(FILE)).unwrap();
    connection.execute("ALTER TABLE windows DROP COLUMN endpoints", []).unwrap();
    connection.execute("ALTER TABLE windows DROP COLUMN examples", []).unwrap();
    connection.execute_batch("DROP TABLE exports").unwrap();
    for column in ["private_dirty", "mappings", "fds_max", "members", "cgroup"] {
        connection.execute(&format!("ALTER TABLE samples DROP COLUMN {column}"), []).unwrap();
    }
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    let mut journal = Journal::open(dir.path()).unwrap();
    assert_eq!(journal.entries().count(), 15);
    assert!(journal.losses().is_empty(), "{:?}", journal.losses());
}

#[test]
fn a_later_format_is_refused() {
    let dir = journal_of(1);
    let connection = Connection::open(dir.path().join(FILE)).unwrap();
    connection.pragma_update(None, "user_version", FORMAT + 1).unwrap();
    drop(connection);
    assert!(
        matches!(Journal::open(dir.path()), Err(JournalError::Newer { found, .. }) if found == i64::from(FORMAT) + 1)
    );
}

#[test]
fn a_flipped_byte_anywhere_costs_rows_and_never_a_panic() {
    let dir = journal_of(300);
    let path = dir.path().join(FILE);
    let whole = std::fs::read(&path).unwrap();
    let mut opened = 0;
    for step in 0..60 {
        // Odd steps spread over the file, even ones over its tail.
        let from_end = if step % 2 == 0 { step * 97 + 1 } else { step * whole.len() / 61 + 1 };
        let at = whole.len() - from_end.min(whole.len());
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(mut journal) = Journal::open(dir.path()) {
            opened += 1;
            let read = journal.entries().count();
            assert!(read > 0 && read <= 1_500, "{read} rows with byte {at} flipped");
        }
    }
    assert!(opened >= 55, "only {opened} of 60 opened");
}

#[test]
fn a_log_that_is_torn_or_flipped_costs_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), &meta()).unwrap();
    for second in 0..50 {
        writer.append(sample(second));
        writer.flush().unwrap();
    }
    // As after a kill: the folder is copied while the log is not yet folded in.
    let copy = tempfile::tempdir().unwrap();
    let log = format!("{FILE}-wal");
    let bytes = std::fs::read(dir.path().join(&log)).unwrap();
    let mut last = usize::MAX;
    for share in [100, 80, 40, 5] {
        std::fs::copy(dir.path().join(FILE), copy.path().join(FILE)).unwrap();
        let _ = std::fs::remove_file(copy.path().join(format!("{FILE}-shm")));
        let mut torn = bytes[..bytes.len() * share / 100].to_vec();
        let middle = torn.len() * 9 / 10;
        torn[middle] ^= u8::from(share < 100);
        std::fs::write(copy.path().join(&log), torn).unwrap();
        let found = Journal::open(copy.path()).map_or(0, |mut journal| journal.entries().count());
        assert!(found <= last, "{share} % of the log has {found} rows, more than before");
        assert!(share < 100 || found == 50, "all of the log has {found} rows");
        last = found;
    }
}
