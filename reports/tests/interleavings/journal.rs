//! What was appended before a flush that says so is on disk, whoever else appends, flushes, and ends.

use std::panic::{AssertUnwindSafe, catch_unwind};

use loom::model::Builder;
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::rounds::{Queue, Rounds};

/// Numbers that wait.
#[derive(Default)]
struct Numbers(Vec<u32>);

/// What is on disk, of a disk that fails so many times first.
struct Disk {
    written: Mutex<Vec<u32>>,
    failures: u32,
}

/// How the writer goes about a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    WritesThenSettles,
    /// Wrong on purpose.
    SettlesThenWrites,
}

// === impl Numbers ===

impl Queue for Numbers {
    type Batch = Vec<u32>;

    fn take(&mut self, _: bool) -> Vec<u32> {
        std::mem::take(&mut self.0)
    }

    fn restore(&mut self, batch: Vec<u32>) {
        self.0.splice(..0, batch);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

// === impl Disk ===

impl Disk {
    fn new(failures: u32) -> Self {
        Self { written: Mutex::new(Vec::new()), failures }
    }

    fn has(&self, number: u32) -> bool {
        self.written.lock().unwrap().contains(&number)
    }
}

fn write(rounds: &Rounds<Numbers>, disk: &Disk, way: Writer) {
    for round in 0.. {
        let (batch, is_last) = rounds.begin();
        if round < disk.failures {
            rounds.settle(batch, Err("full".to_owned()), is_last);
        } else if way == Writer::WritesThenSettles {
            disk.written.lock().unwrap().extend(&batch);
            rounds.settle(batch, Ok(()), is_last);
        } else {
            rounds.settle(Vec::new(), Ok(()), is_last);
            disk.written.lock().unwrap().extend(&batch);
        }
        if is_last {
            return;
        }
    }
}

fn check(scene: impl Fn() + Send + Sync + 'static) {
    let mut model = Builder::new();
    model.preemption_bound = Some(2);
    model.check(scene);
}

/// One appends and flushes while another does, and the journal ends after both.
fn two_flushes(way: Writer, failures: u32) {
    check(move || {
        let rounds = Arc::new(Rounds::new(Numbers::default()));
        let disk = Arc::new(Disk::new(failures));
        let (its, onto) = (Arc::clone(&rounds), Arc::clone(&disk));
        let writer = thread::spawn(move || write(&its, &onto, way));
        let flush = |number: u32, rounds: &Rounds<Numbers>, disk: &Disk| {
            rounds.append(|numbers| {
                numbers.0.push(number);
                false
            });
            if rounds.flush().is_ok() {
                assert!(disk.has(number), "{number} was said to be on disk");
            }
        };
        let (its, onto) = (Arc::clone(&rounds), Arc::clone(&disk));
        let other = thread::spawn(move || flush(1, &its, &onto));
        flush(2, &rounds, &disk);
        other.join().unwrap();
        rounds.close();
        writer.join().unwrap();
        if rounds.end().is_ok() {
            assert!(disk.has(1) && disk.has(2), "the journal ended whole");
        }
        // The disk works again after its failures, and each flush had a round of its own, as the end has.
        assert_eq!((rounds.behind(), rounds.look(Queue::is_empty)), (None, true));
    });
}

#[test]
fn what_a_flush_says_is_on_disk_is_there() {
    two_flushes(Writer::WritesThenSettles, 0);
}

#[test]
fn what_a_full_disk_did_not_take_is_never_said_to_be_there() {
    two_flushes(Writer::WritesThenSettles, 1);
}

#[test]
fn a_writer_that_settles_what_it_has_not_written_is_found() {
    let found = catch_unwind(AssertUnwindSafe(|| two_flushes(Writer::SettlesThenWrites, 0)));
    assert!(found.is_err());
}

/// A flush that is under way when the journal ends comes back, and what is urgent is written without one.
#[test]
fn the_end_leaves_nobody_waiting() {
    check(|| {
        let rounds = Arc::new(Rounds::new(Numbers::default()));
        let disk = Arc::new(Disk::new(0));
        let (its, onto) = (Arc::clone(&rounds), Arc::clone(&disk));
        let writer = thread::spawn(move || write(&its, &onto, Writer::WritesThenSettles));
        let its = Arc::clone(&rounds);
        let onto = Arc::clone(&disk);
        let other = thread::spawn(move || {
            its.append(|numbers| {
                numbers.0.push(1);
                true
            });
            if its.flush().is_ok() {
                assert!(onto.has(1), "1 was said to be on disk");
            }
        });
        rounds.close();
        other.join().unwrap();
        writer.join().unwrap();
    });
}
