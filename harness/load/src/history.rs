//! The history of a workload: what its processes began and were told, written down as it happens.
//!
//! Lines collect in a block; a thread of the history's own compresses blocks and gives them to the disk, so that the load
//! never waits. What cannot be kept (a full disk, a disk that is slower than the load) ends the history there for good: a
//! beginning of a history is one, whose operations under way are open, while one with a gap would tell of operations that
//! never were.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};

use shakedown_histories::SegmentWriter;

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
    kept: u64,
    bytes: u64,
    blocks: Option<SyncSender<String>>,
    writer: Option<JoinHandle<io::Result<()>>>,
    cut: Option<String>,
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
        Self::try_begin(place, workload).unwrap_or_else(|error| {
            let (blocks, _) = sync_channel(0);
            let cut = Some(format!("it could not be begun: {error}"));
            Self { blocks: None, cut, ..Self::new(blocks, None) }
        })
    }

    fn try_begin(place: &HistoryPlace, workload: &str) -> io::Result<Self> {
        let segments = SegmentWriter::create(&place.folder, workload)?;
        let (blocks, received) = sync_channel(BLOCKS_WAITING);
        let writer = Builder::new().name("history".to_owned()).spawn(move || write(segments, &received))?;
        Ok(Self::new(blocks, Some(writer)))
    }

    fn new(blocks: SyncSender<String>, writer: Option<JoinHandle<io::Result<()>>>) -> Self {
        let block = String::with_capacity(BLOCK_BYTES + 1_024);
        Self { block, in_block: 0, index: 0, kept: 0, bytes: 0, blocks: Some(blocks), writer, cut: None }
    }

    /// Writes an event down.
    pub(crate) fn note(&mut self, event: HistoryEvent<'_>) {
        if self.blocks.is_none() {
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
        let Some(blocks) = self.blocks.as_ref().filter(|_| !self.block.is_empty()) else { return };
        let block = std::mem::replace(&mut self.block, String::with_capacity(BLOCK_BYTES + 1_024));
        let (events, bytes) = (std::mem::take(&mut self.in_block), block.len() as u64);
        let cut = match blocks.try_send(block) {
            Ok(()) if self.bytes + bytes > BYTES_MAX => {
                format!("a history ends once it has {} GiB", BYTES_MAX >> 30)
            }
            Ok(()) => String::new(),
            Err(TrySendError::Full(_)) => "the disk was slower than the load".to_owned(),
            // What the writer's thread says is found when it is joined.
            Err(TrySendError::Disconnected(_)) => "it could not be written".to_owned(),
        };
        if cut.is_empty() || cut.starts_with("a history ends") {
            (self.kept, self.bytes) = (self.kept + events, self.bytes + bytes);
        }
        if !cut.is_empty() {
            (self.cut, self.blocks) = (Some(cut), None);
        }
    }

    /// Ends it, and waits until the disk has it.
    pub(crate) fn finish(&mut self) -> HistoryEnd {
        self.flush();
        self.blocks = None;
        let written = self.writer.take().map_or(Ok(Ok(())), JoinHandle::join);
        let failed = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("it could not be written: {error}")),
            Err(_) => Some("what writes it panicked".to_owned()),
        };
        HistoryEnd { events: self.kept, cut: failed.or(self.cut.take()) }
    }
}

fn write(mut segments: SegmentWriter, blocks: &Receiver<String>) -> io::Result<()> {
    while let Ok(block) = blocks.recv() {
        segments.append(block.as_bytes())?;
    }
    segments.finish()
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

    #[test]
    fn a_disk_that_does_not_follow_ends_the_history_for_good() {
        let (blocks, received) = sync_channel(1);
        let mut history = History::new(blocks, None);
        for process in 0..3 {
            history.note(event(process, Kind::Invoke));
            history.flush();
        }
        drop(received.recv().unwrap());
        history.note(event(3, Kind::Invoke));
        let end = history.finish();
        assert_eq!((end.events, received.try_iter().count()), (1, 0), "nothing comes behind the gap");
        assert!(end.cut.is_some_and(|why| why.contains("slower")));
    }

    #[test]
    fn a_disk_that_is_full_is_told_as_such() {
        let (blocks, received) = sync_channel::<String>(BLOCKS_WAITING);
        // `/dev/full` takes no byte.
        let writer = Builder::new().spawn(move || {
            let mut full = std::fs::OpenOptions::new().write(true).open("/dev/full")?;
            received.iter().try_for_each(|block| io::Write::write_all(&mut full, block.as_bytes()))
        });
        let mut history = History::new(blocks, Some(writer.unwrap()));
        history.note(event(0, Kind::Invoke));
        let cut = history.finish().cut.unwrap();
        assert!(cut.contains("could not be written") && cut.contains("space"), "{cut}");
    }
}
