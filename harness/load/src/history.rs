//! The history of a workload: what its processes began and were told, written down as it happens.
//!
//! Lines collect in a block; a thread of the history's own compresses blocks and gives them to the disk, so that the load
//! never waits. What cannot be kept (a full disk, a disk that is slower than the load) ends the history there for good: a
//! beginning of a history is one, whose operations under way are open, while one with a gap would tell of operations that
//! never were.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, JoinHandle};

use shakedown_histories::SegmentWriter;

use crate::blocks::{Block, Blocks, Disk, Written, write};

/// Where a history is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPlace {
    /// The folder of its files, which are called as the workload is.
    pub folder: PathBuf,
    /// What no other run is called: names of objects begin with it, so that nothing of another run is found in them.
    pub run: String,
}

/// How a history ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEnd {
    /// Events that were written.
    pub events: u64,
    /// Why it ends before its load does; `None`: it does not.
    pub cut: Option<String>,
}

/// How an operation ended, or that it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

/// One event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistoryEvent<'a> {
    pub process: u64,
    pub kind: Kind,
    pub f: &'static str,
    pub key: &'a str,
    /// As JSON.
    pub value: &'a str,
    /// Nanoseconds since the start of the load.
    pub time: u64,
}

/// Writes one down.
#[derive(Debug)]
pub(crate) struct History {
    block: String,
    in_block: u64,
    index: u64,
    blocks: Blocks,
    writer: Option<JoinHandle<Written>>,
}

/// A block of lines of this size is written, whatever the time.
const BLOCK_BYTES: usize = 128 * 1024;
/// How many blocks may wait for the disk: 8 MiB.
const BLOCKS_WAITING: usize = 64;
/// The most that a history may have, in bytes before they are compressed.
const BYTES_MAX: u64 = 8 << 30;

// === impl History ===

impl History {
    /// Begins one. Where its folder, its first file or its thread cannot be made, the load goes on and nothing is kept: the
    /// end of the history tells why.
    pub(crate) fn begin(place: &HistoryPlace, workload: &str) -> Self {
        Self::try_begin(place, workload)
            .unwrap_or_else(|error| Self::new(Blocks::cut(format!("it could not be begun: {error}")), None))
    }

    fn try_begin(place: &HistoryPlace, workload: &str) -> io::Result<Self> {
        let segments = SegmentWriter::create(&place.folder, workload)?;
        let (blocks, received) = sync_channel(BLOCKS_WAITING);
        let writer = Builder::new().name("history".to_owned()).spawn(move || write(segments, &received))?;
        Ok(Self::new(Blocks::new(blocks, BYTES_MAX), Some(writer)))
    }

    fn new(blocks: Blocks, writer: Option<JoinHandle<Written>>) -> Self {
        let block = String::with_capacity(BLOCK_BYTES + 1_024);
        Self { block, in_block: 0, index: 0, blocks, writer }
    }

    /// Writes an event down.
    pub(crate) fn note(&mut self, event: HistoryEvent<'_>) {
        if !self.blocks.are_taken() {
            return;
        }
        let HistoryEvent { process, kind, f, key, value, time } = event;
        let (index, kind) = (self.index, kind.word());
        writeln!(
            self.block,
            r#"{{"index":{index},"process":{process},"type":"{kind}","f":"{f}","key":"{key}","value":{value},"time":{time}}}"#
        )
        .expect("a string takes all that is written to it");
        (self.index, self.in_block) = (self.index + 1, self.in_block + 1);
        if self.block.len() >= BLOCK_BYTES {
            self.flush();
        }
    }

    /// Gives what was noted to the disk.
    pub(crate) fn flush(&mut self) {
        if self.block.is_empty() || !self.blocks.are_taken() {
            return;
        }
        let lines = std::mem::replace(&mut self.block, String::with_capacity(BLOCK_BYTES + 1_024));
        self.blocks.give(Block { lines, events: std::mem::take(&mut self.in_block) });
    }

    /// Ends it, and waits until the disk has it.
    pub(crate) fn finish(&mut self) -> HistoryEnd {
        self.flush();
        let cut = self.blocks.end();
        let (events, failed) = match self.writer.take().map(JoinHandle::join) {
            Some(Ok(Written { events, failed })) => {
                (events, failed.map(|error| format!("it could not be written: {error}")))
            }
            Some(Err(_)) => (0, Some("what writes it panicked".to_owned())),
            None => (0, None),
        };
        HistoryEnd { events, cut: failed.or(cut) }
    }
}

impl Disk for SegmentWriter {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        Self::append(self, lines)
    }

    fn finish(self) -> io::Result<()> {
        Self::finish(self)
    }
}

// === impl Kind ===

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        }
    }
}

#[cfg(test)]
mod tests {
    use shakedown_histories::{Fate, Model, Rules, Segments, read};

    use super::*;

    fn event(process: u64, kind: Kind) -> HistoryEvent<'static> {
        HistoryEvent { process, kind, f: "add", key: "k", value: "1", time: 7 }
    }

    #[test]
    fn what_is_noted_is_read_back_as_a_history() {
        let folder = tempfile::tempdir().unwrap();
        let place = HistoryPlace { folder: folder.path().join("histories"), run: "r".into() };
        let mut history = History::begin(&place, "ops");
        for process in 0..5_000 {
            history.note(event(process, Kind::Invoke));
            if process % 3 > 0 {
                history.note(event(process, if process % 3 == 1 { Kind::Ok } else { Kind::Info }));
            }
            if process % 1_000 == 0 {
                history.flush();
            }
        }
        assert_eq!(history.finish(), HistoryEnd { events: 8_333, cut: None });
        let read = read(Segments::open(&place.folder, "ops").unwrap(), &Rules::of(Model::Counter)).unwrap();
        assert_eq!(read.ops.len(), 5_000);
        assert_eq!(read.ops.iter().filter(|op| op.fate == Fate::Done).count(), 1_667);
        let mut again = History::begin(&place, "ops");
        again.note(event(0, Kind::Invoke));
        let HistoryEnd { events, cut } = again.finish();
        assert!(
            events == 0 && cut.is_some_and(|why| why.contains("could not be begun")),
            "it is never written over"
        );
    }

    /// A disk that lets somebody know that it was begun with, and then waits.
    struct Slow(std::sync::mpsc::Sender<()>, std::sync::mpsc::Receiver<()>);

    impl Disk for Slow {
        fn append(&mut self, _: &[u8]) -> io::Result<()> {
            let _ = self.0.send(());
            let _ = self.1.recv();
            Ok(())
        }

        fn finish(self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_does_not_follow_ends_the_history_for_good() {
        let (begun, has_begun) = std::sync::mpsc::channel();
        let (goes_on, is_let) = std::sync::mpsc::channel();
        let (blocks, received) = sync_channel(1);
        let writer = Builder::new().spawn(move || write(Slow(begun, is_let), &received)).unwrap();
        let mut history = History::new(Blocks::new(blocks, BYTES_MAX), Some(writer));
        let mut note = |process| {
            history.note(event(process, Kind::Invoke));
            history.flush();
        };
        note(0);
        has_begun.recv().unwrap();
        (1..3).for_each(&mut note);
        drop(goes_on);
        has_begun.recv().unwrap();
        note(3);
        let end = history.finish();
        assert_eq!(end.events, 2, "nothing comes behind the gap");
        assert!(end.cut.is_some_and(|why| why.contains("slower")));
    }

    /// A disk that takes one block, and no byte more.
    struct Full(bool, std::fs::File);

    impl Disk for Full {
        fn append(&mut self, lines: &[u8]) -> io::Result<()> {
            if std::mem::replace(&mut self.0, true) {
                io::Write::write_all(&mut self.1, lines)
            } else {
                Ok(())
            }
        }

        fn finish(self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_is_full_is_told_as_such_and_what_it_did_not_take_is_not_counted() {
        let (blocks, received) = sync_channel(BLOCKS_WAITING);
        // `/dev/full` takes no byte.
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let writer = Builder::new().spawn(move || write(Full(false, full), &received)).unwrap();
        let mut history = History::new(Blocks::new(blocks, BYTES_MAX), Some(writer));
        for process in 0..2 {
            history.note(event(process, Kind::Invoke));
            history.flush();
        }
        let HistoryEnd { events, cut } = history.finish();
        let cut = cut.unwrap();
        assert!(cut.contains("could not be written") && cut.contains("space"), "{cut}");
        assert_eq!(events, 1, "the second block was given, and not written");
    }
}
