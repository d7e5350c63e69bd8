//! Blocks of a history on their way from the load's thread to the one that writes.
//!
//! The load never waits: where a block finds no room, or nobody who writes, the history ends before it for good. What is said
//! to be written is counted where it is written.

use std::io;

use crate::sync::mpsc::{Receiver, SyncSender, TrySendError};

/// Whole lines.
#[derive(Debug)]
pub(crate) struct Block {
    pub lines: String,
    pub events: u64,
}

/// What takes blocks.
pub(crate) trait Disk {
    /// Writes whole lines; nothing comes after those that could not be written.
    fn append(&mut self, lines: &[u8]) -> io::Result<()>;

    /// Makes sure that all is there.
    fn finish(self) -> io::Result<()>;
}

/// The end from which blocks are given.
#[derive(Debug)]
pub(crate) struct Blocks {
    sender: Option<SyncSender<Block>>,
    bytes: u64,
    bytes_max: u64,
    cut: Option<String>,
}

/// What was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub events: u64,
    /// Why it is not all.
    pub failed: Option<io::Error>,
}

// === impl Blocks ===

impl Blocks {
    /// Blocks of so many bytes in all.
    pub(crate) const fn new(sender: SyncSender<Block>, bytes_max: u64) -> Self {
        Self { sender: Some(sender), bytes: 0, bytes_max, cut: None }
    }

    /// None are taken, and this is why.
    pub(crate) const fn cut(why: String) -> Self {
        Self { sender: None, bytes: 0, bytes_max: 0, cut: Some(why) }
    }

    /// Whether blocks are taken still.
    pub(crate) const fn are_taken(&self) -> bool {
        self.sender.is_some()
    }

    /// Gives a block away. Where it is not taken, none is any more.
    pub(crate) fn give(&mut self, block: Block) {
        let Some(sender) = &self.sender else { return };
        self.bytes += block.lines.len() as u64;
        let cut = match sender.try_send(block) {
            Ok(()) if self.bytes <= self.bytes_max => return,
            Ok(()) => format!("a history ends once it has {} GiB", self.bytes_max >> 30),
            Err(TrySendError::Full(_)) => "the disk was slower than the load".to_owned(),
            // What the writer says is found when it is joined.
            Err(TrySendError::Disconnected(_)) => "it could not be written".to_owned(),
        };
        (self.cut, self.sender) = (Some(cut), None);
    }

    /// No block comes any more, so that the writer ends. Why some were not taken.
    pub(crate) fn end(&mut self) -> Option<String> {
        self.sender = None;
        self.cut.take()
    }
}

/// Writes what comes, up to the end or to what cannot be written.
pub(crate) fn write(mut disk: impl Disk, blocks: &Receiver<Block>) -> Written {
    let mut events = 0;
    while let Ok(block) = blocks.recv() {
        if let Err(error) = disk.append(block.lines.as_bytes()) {
            return Written { events, failed: Some(error) };
        }
        events += block.events;
    }
    Written { events, failed: disk.finish().err() }
}
