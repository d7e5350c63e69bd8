//! No order is lost between those who tell and the worker that sleeps.

use loom::model::Builder;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::{model, thread};

use crate::bell::{EventFd, shared};
use crate::inbox::{Bell as _, Inbox};

/// Takes as many orders as will be told, and sleeps in between.
fn take_all(inbox: &Inbox<u8, EventFd>, count: usize) -> Vec<u8> {
    let mut taken = Vec::new();
    while taken.len() < count {
        inbox.bell().wait();
        taken.extend(inbox.take());
    }
    taken
}

#[test]
fn what_one_tells_arrives_once_and_in_order() {
    model(|| {
        let inbox = shared(Inbox::new(EventFd::new()));
        let control = thread::spawn(move || (1..=3).for_each(|order| inbox.tell(order)));
        assert_eq!(take_all(inbox, 3), [1, 2, 3]);
        control.join().unwrap();
    });
}

#[test]
fn what_two_tell_at_once_arrives() {
    // Three threads have too many orders to try all of them; a lost wake-up takes two preemptions.
    let mut model = Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let inbox = shared(Inbox::new(EventFd::new()));
        let tellers = [[1, 2].as_slice(), &[3]]
            .map(|orders| thread::spawn(move || orders.iter().for_each(|order| inbox.tell(*order))));
        let mut taken = take_all(inbox, 3);
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 3]);
        tellers.into_iter().for_each(|teller| teller.join().unwrap());
    });
}

/// An inbox that answers its bell after it has taken the orders.
struct Late {
    orders: Mutex<Vec<u8>>,
    bell: EventFd,
    rung: AtomicBool,
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_bell_that_is_answered_too_late_is_found_out() {
    model(|| {
        let (orders, rung) = (Mutex::new(Vec::new()), AtomicBool::new(false));
        let inbox = shared(Late { orders, bell: EventFd::new(), rung });
        thread::spawn(move || {
            for order in 1..=2 {
                inbox.orders.lock().unwrap().push(order);
                if !inbox.rung.swap(true, Ordering::AcqRel) {
                    inbox.bell.ring();
                }
            }
        });
        let mut taken = 0;
        while taken < 2 {
            inbox.bell.wait();
            taken += std::mem::take(&mut *inbox.orders.lock().unwrap()).len();
            inbox.bell.hush();
            inbox.rung.store(false, Ordering::Release);
        }
    });
}
