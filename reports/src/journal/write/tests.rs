use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::journal::record::{Host, HostSample};
use crate::journal::{Journal, Kind};

fn meta() -> Meta {
    Meta {
        format: super::super::FORMAT,
        run: "test".into(),
        version: "0.0.0".into(),
        started_at: "2026-01-01T00:00:00Z".into(),
        again: vec!["shakedown".into()],
        host: Host::default(),
    }
}

fn host(at_us: i64) -> Record {
    Record::HostSample(HostSample { at_us, ..HostSample::default() })
}

/// A disk that is full while the flag says so.
struct Flaky {
    full: Arc<AtomicBool>,
    written: Arc<Mutex<Vec<Entry>>>,
}

impl Sink for Flaky {
    fn commit(&mut self, batch: &[Entry]) -> Result<(), String> {
        if self.full.load(Ordering::SeqCst) {
            return Err("no space left".into());
        }
        self.written.lock().unwrap().extend_from_slice(batch);
        Ok(())
    }
}

fn flaky(bound: usize) -> (Writer, Arc<AtomicBool>, Arc<Mutex<Vec<Entry>>>) {
    let (full, written) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let sink = Flaky { full: Arc::clone(&full), written: Arc::clone(&written) };
    (Writer::start(Box::new(sink), bound).unwrap(), full, written)
}

#[test]
fn a_full_disk_is_said_and_overcome() {
    let (writer, full, written) = flaky(100);
    full.store(true, Ordering::SeqCst);
    writer.append(host(1));
    assert!(matches!(writer.flush(), Err(JournalError::Behind { .. })));
    assert_eq!(writer.degraded().as_deref(), Some("no space left"));
    writer.append(host(2));
    full.store(false, Ordering::SeqCst);
    writer.flush().unwrap();
    assert_eq!(writer.degraded(), None);
    assert_eq!(writer.dropped(), 0);
    assert_eq!(written.lock().unwrap().iter().map(Entry::at_us).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn what_a_full_disk_costs_is_counted_and_told_in_the_journal() {
    let (writer, full, written) = flaky(10);
    full.store(true, Ordering::SeqCst);
    (0..25).for_each(|at| writer.append(host(at)));
    assert!(writer.flush().is_err());
    full.store(false, Ordering::SeqCst);
    writer.flush().unwrap();
    writer.finish().unwrap();
    assert_eq!(writer.dropped(), 15);
    let written = written.lock().unwrap();
    let told = written.iter().any(|entry| {
        matches!(entry, Entry::Event(Event { what: What::Degraded { why }, .. }) if why.contains("lost 15 host_samples"))
    });
    assert!(told, "{written:?}");
}

#[test]
fn a_finished_journal_is_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), &meta()).unwrap();
    writer.append(host(1));
    writer.finish().unwrap();
    let files: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, [FILE]);
    assert!(matches!(Writer::create(dir.path(), &meta()), Err(JournalError::Exists { .. })));
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    assert!(matches!(Writer::create(Path::new("/nowhere/at/all"), &meta()), Err(JournalError::Open { .. })));
}

#[test]
fn a_database_that_may_not_grow_goes_on_when_it_may() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::create(dir.path(), &meta()).unwrap();
    let pages = |disk: &Disk, most: i64| {
        disk.connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(())).unwrap();
    };
    pages(&disk, 16);
    let batch: Vec<Entry> = (0..5_000).map(|at| Entry::from(host(at))).collect();
    let why = disk.commit(&batch).unwrap_err();
    assert!(why.contains("full"), "{why}");
    pages(&disk, 1 << 20);
    disk.commit(&batch).unwrap();
    disk.close();
    let mut journal = Journal::open(dir.path()).unwrap();
    assert_eq!(journal.entries().filter(|entry| entry.kind() == Kind::HostSample).count(), 5_000);
}

const FOLDER: &str = "SHAKEDOWN_TEST_JOURNAL";

/// Not a test of its own: what the next one kills.
#[test]
#[ignore = "a child of `nothing_acknowledged_is_lost_by_a_kill`"]
fn child_that_writes_until_it_is_killed() {
    let Ok(dir) = std::env::var(FOLDER) else { return };
    let writer = Writer::create(Path::new(&dir), &meta()).unwrap();
    for at in 0..100_000 {
        writer.append(host(at));
        if at % 7 == 0 {
            writer.flush().unwrap();
            println!("acknowledged {at}");
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    for round in 1..=6 {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal::write::tests::child_that_writes_until_it_is_killed"])
            .args(["--ignored", "--nocapture", "--test-threads=1"])
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let acknowledged = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<i64>().ok());
        let last = acknowledged.take(round * 3).last();
        child.kill().unwrap();
        child.wait().unwrap();
        let last = last.expect("the child acknowledges some rows");
        let mut journal = Journal::open(dir.path()).unwrap();
        let moments: Vec<i64> = journal.entries().map(|entry| entry.at_us()).collect();
        assert!(journal.losses().is_empty(), "{:?}", journal.losses());
        assert!(moments.len() as i64 > last, "acknowledged {last}, found {}", moments.len());
        assert!(moments.iter().enumerate().all(|(index, at)| index as i64 == *at), "a hole or a double");
    }
}
