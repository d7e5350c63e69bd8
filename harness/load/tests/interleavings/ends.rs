//! A load ends as it is told, whoever tells it and whatever it is at.

use std::panic::{AssertUnwindSafe, catch_unwind};

use loom::future::block_on;
use loom::thread;

use crate::model;
use crate::sync::watch;
use crate::wish::{Wish, Wishes, wishes};

/// How the load's thread ended, and whether it saw that it was to stop.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Aborted { was_stopping: bool },
    Abandoned { was_stopping: bool },
}

/// What the pacer does with wishes, at a target that answers nothing: a stop alone does not end it.
fn drive(mut wishes: Wishes) -> Ended {
    let mut was_stopping = false;
    loop {
        match wishes.newest() {
            Wish::Abort => return Ended::Aborted { was_stopping },
            Wish::Stop => was_stopping = true,
            Wish::Run => {}
        }
        if !block_on(wishes.wait()) {
            return Ended::Abandoned { was_stopping };
        }
    }
}

#[test]
fn an_abort_ends_a_load_whoever_wishes_to_stop_it_before_or_after() {
    model(|| {
        let (stopper, wishes) = wishes();
        let other = stopper.clone();
        let load = thread::spawn(move || drive(wishes));
        let gentle = thread::spawn(move || other.stop());
        stopper.abort();
        // It stays open, as the handle of a load does that waits for its end: nothing else ends it.
        let ended = load.join().unwrap();
        assert!(matches!(ended, Ended::Aborted { .. }), "{ended:?}");
        gentle.join().unwrap();
    });
}

#[test]
fn a_load_that_is_let_go_ends_and_has_seen_the_last_wish() {
    model(|| {
        let (stopper, wishes) = wishes();
        let other = stopper.clone();
        let load = thread::spawn(move || drive(wishes));
        let gentle = thread::spawn(move || other.stop());
        drop(stopper);
        gentle.join().unwrap();
        assert_eq!(load.join().unwrap(), Ended::Abandoned { was_stopping: true });
    });
}

/// The same with a wish that stands for the one before, whatever that was.
#[test]
fn a_stop_that_takes_an_abort_back_is_found() {
    let found = catch_unwind(AssertUnwindSafe(|| {
        model(|| {
            let (sender, mut receiver) = watch::channel(Wish::Run);
            let other = sender.clone();
            let set = |sender: &watch::Sender<Wish>, wish| {
                sender.send_if_modified(|present| {
                    *present = wish;
                    true
                })
            };
            let gentle = thread::spawn(move || set(&other, Wish::Stop));
            set(&sender, Wish::Abort);
            gentle.join().unwrap();
            assert_eq!(*receiver.borrow_and_update(), Wish::Abort, "the abort was taken back");
        });
    }));
    assert!(found.is_err());
}

/// A load that takes what was wished since its look for seen.
#[test]
fn a_wish_that_is_lost_between_the_look_and_the_sleep_is_found() {
    let found = catch_unwind(AssertUnwindSafe(|| {
        model(|| {
            let (sender, mut receiver) = watch::channel(Wish::Run);
            let owner = thread::spawn(move || {
                sender.send_if_modified(|present| {
                    *present = Wish::Stop;
                    true
                });
            });
            let wish = *receiver.borrow_and_update();
            if wish == Wish::Run {
                let _ = *receiver.borrow_and_update();
                assert!(block_on(receiver.changed()).is_ok(), "the stop was never seen");
            }
            owner.join().unwrap();
        });
    }));
    assert!(found.is_err());
}
