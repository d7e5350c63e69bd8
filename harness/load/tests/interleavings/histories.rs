//! What is said to be written of a history is on disk, in order and without a gap, however slow or full the disk is.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use loom::sync::Mutex;
use loom::thread;

use crate::blocks::{Block, Blocks, Disk, Written, write};
use crate::model;
use crate::sync::mpsc::sync_channel;

/// A disk that has room for so many blocks.
struct Small {
    has: Arc<Mutex<Vec<String>>>,
    room: usize,
}

// === impl Small ===

impl Disk for Small {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut has = self.has.lock().unwrap();
        if has.len() == self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        has.push(String::from_utf8(lines.to_vec()).unwrap());
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        Ok(())
    }
}

const BLOCKS: usize = 3;

fn block(number: usize) -> Block {
    Block { lines: number.to_string(), events: 1 }
}

/// Gives blocks to a disk with this room, of which so many may wait. What was given as far as the giver knows, why it ended
/// early, what was written as far as the writer knows, and what is on disk.
fn voyage(room: usize, waiting: usize) -> (usize, Option<String>, Written, Vec<String>) {
    let has = Arc::new(Mutex::new(Vec::new()));
    let disk = Small { has: Arc::clone(&has), room };
    let (sender, receiver) = sync_channel(waiting);
    let writer = thread::spawn(move || write(disk, &receiver));
    let mut blocks = Blocks::new(sender, u64::MAX);
    let mut given = 0;
    for number in 0..BLOCKS {
        blocks.give(block(number));
        given += usize::from(blocks.are_taken());
    }
    let cut = blocks.end();
    let written = writer.join().unwrap();
    let has = has.lock().unwrap().clone();
    (given, cut, written, has)
}

#[test]
fn what_is_told_as_written_is_there_and_nothing_comes_behind_a_gap() {
    for (room, waiting) in [(BLOCKS, BLOCKS), (BLOCKS, 1), (1, 1), (1, BLOCKS), (0, 2)] {
        model(move || {
            let (_, cut, written, has) = voyage(room, waiting);
            assert_eq!(has, (0..has.len()).map(|it| it.to_string()).collect::<Vec<_>>(), "a beginning");
            assert_eq!(written.events, has.len() as u64);
            let is_whole = has.len() == BLOCKS;
            assert_eq!(is_whole, cut.is_none() && written.failed.is_none(), "{cut:?} {:?}", written.failed);
        });
    }
}

#[test]
fn a_history_that_could_not_be_begun_takes_nothing_and_says_why() {
    let mut blocks = Blocks::cut("no folder".to_owned());
    blocks.give(block(0));
    assert_eq!((blocks.are_taken(), blocks.end().as_deref()), (false, Some("no folder")));
}

#[test]
fn a_count_of_what_was_given_is_found_to_tell_of_what_is_not_there() {
    let found = catch_unwind(AssertUnwindSafe(|| {
        model(|| {
            let (given, _, _, has) = voyage(1, BLOCKS);
            assert_eq!(given, has.len(), "given, and on disk");
        });
    }));
    assert!(found.is_err());
}

/// One that leaves a block out for which there is no room, and goes on.
#[test]
fn a_gap_is_found() {
    let found = catch_unwind(AssertUnwindSafe(|| {
        model(|| {
            let has = Arc::new(Mutex::new(Vec::new()));
            let disk = Small { has: Arc::clone(&has), room: BLOCKS };
            let (sender, receiver) = sync_channel(1);
            let writer = thread::spawn(move || write(disk, &receiver));
            for number in 0..BLOCKS {
                let _ = sender.try_send(block(number));
            }
            drop(sender);
            writer.join().unwrap();
            let has = has.lock().unwrap();
            assert!((0..has.len()).all(|it| has[it] == it.to_string()), "a gap: {has:?}");
        });
    }));
    assert!(found.is_err());
}
