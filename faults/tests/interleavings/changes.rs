//! Rules are published by one thread while another looks at them before each chunk.

use std::sync::Arc;

use loom::model;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use crate::bell::{EventFd, shared};
use crate::inbox::Inbox;
use crate::published::Published;

/// A worker's own view: what it saw last, brought up to date as `Served::refresh` does.
fn refresh(newest: &Published<u64>, own: &mut Arc<u64>) -> bool {
    let version = newest.version();
    if version == **own {
        return false;
    }
    let found = Arc::new(*newest.value());
    assert!(*found >= version, "version {version} was seen, and rules {found} found");
    assert!(found >= *own, "rules {found} after rules {own}");
    *own = found;
    true
}

#[test]
fn nobody_sees_a_version_that_is_newer_than_the_rules() {
    model(|| {
        let newest = shared(Published::new(0_u64, 0));
        let control = thread::spawn(move || (1..=2).for_each(|version| newest.publish(version, version)));
        let mut own = Arc::new(0);
        for _ in 0..3 {
            refresh(newest, &mut own);
        }
        control.join().unwrap();
        refresh(newest, &mut own);
        assert_eq!(*own, 2, "what was published before is seen");
    });
}

#[test]
fn an_idle_worker_hears_of_every_change() {
    model(|| {
        let newest = shared(Published::new(0_u64, 0));
        let inbox = shared(Inbox::new(EventFd::new()));
        let control = thread::spawn(move || {
            for version in 1..=2 {
                newest.publish(version, version);
                inbox.tell("look");
            }
        });
        let mut own = Arc::new(0);
        // It waits for ever, and the model is stuck, if it is not told of the last change.
        while *own < 2 {
            inbox.bell().wait();
            for order in inbox.take() {
                assert_eq!(order, "look");
                refresh(newest, &mut own);
            }
        }
        control.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "version 1 was seen, and rules 0 found")]
fn a_version_that_is_told_before_its_rules_is_found_out() {
    model(|| {
        let newest = shared((AtomicU64::new(0), loom::sync::Mutex::new(0)));
        let control = thread::spawn(move || {
            newest.0.store(1, Ordering::Release);
            *newest.1.lock().unwrap() = 1;
        });
        let version = newest.0.load(Ordering::Acquire);
        let found = *newest.1.lock().unwrap();
        assert!(found >= version, "version {version} was seen, and rules {found} found");
        control.join().unwrap();
    });
}
