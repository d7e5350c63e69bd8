//! Connections move between workers while their proxy's rules change, and while it ends.
//!
//! The workers here have the proxy's inboxes, rules and holds, and of `worker` and `handover` only what decides: home passes
//! on what it is told to the guest that it gave a connection to, and a connection has a turn where it arrives.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use loom::model::Builder;
use loom::thread;

use crate::bell::{EventFd, shared};
use crate::hold::{self, Leave};
use crate::inbox::Inbox;
use crate::published::Published;

type Hold = hold::Hold<Link, Left>;

enum Order {
    Look(Hold),
    Forget(Hold),
    Have(Connection, Hold),
}

/// What the workers of a proxy share.
struct Link {
    rules: Published<u64>,
    ended: loom::sync::atomic::AtomicBool,
    open: &'static AtomicU64,
}

/// It has left, and nothing of it was open then. These are not the model's: a model that is stuck drops them while it
/// unwinds.
struct Left(&'static AtomicU64, &'static AtomicBool);

/// A connection, with the rules that it last saw.
struct Connection {
    seen: u64,
    open: &'static AtomicU64,
}

/// One of the two workers.
struct Worker {
    own: &'static Inbox<Order, EventFd>,
    other: &'static Inbox<Order, EventFd>,
    is_home: bool,
    has_guest: bool,
    has_turn_on_arrival: bool,
    // Let go first.
    connection: Option<Connection>,
    served: Option<Hold>,
    forgot: bool,
}

// === impl Left ===

impl Leave for Left {
    fn left(&self) {
        assert_eq!(self.0.load(Ordering::Acquire), 0, "it has left and connections are open");
        self.1.store(true, Ordering::Release);
    }
}

// === impl Connection ===

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
    }
}

// === impl Worker ===

impl Worker {
    fn give(&mut self) {
        if let (Some(connection), Some(served)) = (self.connection.take(), &self.served) {
            self.has_guest |= self.is_home;
            self.other.tell(Order::Have(connection, served.clone()));
        }
    }

    fn turn(&mut self) {
        if let (Some(connection), Some(hold)) = (&mut self.connection, &self.served)
            && hold.rules.version() != connection.seen
        {
            connection.seen = *hold.rules.value();
        }
    }

    /// Sleeps until it is told something, and obeys.
    fn round(&mut self) {
        self.own.bell().wait();
        self.obey_all();
    }

    fn obey_all(&mut self) {
        for order in self.own.take() {
            match order {
                Order::Look(hold) => {
                    if self.has_guest {
                        self.other.tell(Order::Look(hold));
                    }
                    self.turn();
                }
                Order::Forget(hold) => {
                    if self.has_guest {
                        self.other.tell(Order::Forget(hold.clone()));
                    }
                    (self.connection, self.served) = (None, None);
                    self.forgot = true;
                }
                Order::Have(connection, hold) => {
                    if hold.ended.load(Ordering::Acquire) {
                        drop(connection);
                        continue;
                    }
                    self.connection = Some(connection);
                    assert!(self.served.get_or_insert(hold.clone()).is(&hold));
                    drop(hold);
                    if self.has_turn_on_arrival {
                        self.turn();
                    }
                }
            }
        }
    }

    fn has_news(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.seen == 1)
    }
}

/// A proxy with one connection, and its two workers: home, which has the connection, and its guest.
fn proxy(has_turn_on_arrival: bool) -> (Hold, &'static AtomicBool, [Worker; 2]) {
    let (open, left) = (shared(AtomicU64::new(1)), shared(AtomicBool::new(false)));
    let inboxes: [&'static Inbox<Order, EventFd>; 2] =
        std::array::from_fn(|_| shared(Inbox::new(EventFd::new())) as &_);
    let link = Link { rules: Published::new(0, 0), ended: loom::sync::atomic::AtomicBool::new(false), open };
    let hold = Hold::new(link, Left(open, left));
    let workers = [0, 1].map(|number| Worker {
        own: inboxes[number],
        other: inboxes[1 - number],
        is_home: number == 0,
        has_guest: false,
        has_turn_on_arrival,
        connection: (number == 0).then(|| Connection { seen: 0, open }),
        served: (number == 0).then(|| hold.clone()),
        forgot: false,
    });
    (hold, left, workers)
}

/// Three threads have too many orders to try all of them; what is lost on the way takes two preemptions.
fn model(check: impl Fn() + Sync + Send + 'static) {
    let mut model = Builder::new();
    model.preemption_bound = Some(2);
    model.check(check);
}

#[test]
fn a_change_reaches_a_connection_that_goes_out() {
    model(|| {
        let (hold, _, [mut home, mut guest]) = proxy(true);
        let to_home = home.own;
        let control = thread::spawn(move || {
            hold.rules.publish(1, 1);
            to_home.tell(Order::Look(hold));
        });
        let home = thread::spawn(move || {
            home.give();
            // The one order that is told.
            home.round();
        });
        // It waits for ever, and the model is stuck, if the connection is not told of the change.
        while !guest.has_news() {
            guest.round();
        }
        control.join().unwrap();
        home.join().unwrap();
    });
}

/// The guest gives the connection back while the rules change; home waits until the connection has seen that.
fn comes_back_while_rules_change(has_turn_on_arrival: bool) {
    model(move || {
        let (hold, _, [mut home, mut guest]) = proxy(has_turn_on_arrival);
        home.give();
        guest.round();
        let to_home = home.own;
        let control = thread::spawn(move || {
            hold.rules.publish(1, 1);
            to_home.tell(Order::Look(hold));
        });
        let guest = thread::spawn(move || {
            guest.give();
            guest
        });
        while !home.has_news() {
            home.round();
        }
        control.join().unwrap();
        drop(guest.join().unwrap());
    });
}

#[test]
fn a_change_reaches_a_connection_that_comes_back() {
    comes_back_while_rules_change(true);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_connection_that_has_no_turn_where_it_arrives_is_found_out() {
    comes_back_while_rules_change(false);
}

#[test]
fn a_proxy_has_left_when_no_connection_is_open_or_on_its_way_out() {
    model(|| {
        let (hold, left, [mut home, mut guest]) = proxy(true);
        let to_home = home.own;
        let control = thread::spawn(move || end(hold, to_home));
        let home = thread::spawn(move || {
            home.give();
            home.round();
        });
        while !guest.forgot {
            guest.round();
        }
        control.join().unwrap();
        home.join().unwrap();
        assert!(left.load(Ordering::Acquire), "nobody told that it has left");
    });
}

#[test]
fn a_proxy_has_left_when_no_connection_is_open_or_on_its_way_back() {
    model(|| {
        let (hold, left, [mut home, mut guest]) = proxy(true);
        home.give();
        guest.round();
        let (to_home, open) = (home.own, hold.open);
        let control = thread::spawn(move || end(hold, to_home));
        let guest = thread::spawn(move || {
            guest.give();
            while !guest.forgot {
                guest.round();
            }
        });
        while !(home.forgot && open.load(Ordering::Acquire) == 0) {
            home.round();
        }
        control.join().unwrap();
        guest.join().unwrap();
        assert!(left.load(Ordering::Acquire), "nobody told that it has left");
    });
}

/// What dropping a proxy does.
fn end(hold: Hold, home: &Inbox<Order, EventFd>) {
    hold.held().ended.store(true, Ordering::Release);
    home.tell(Order::Forget(hold));
}

#[test]
#[should_panic(expected = "it has left and connections are open")]
fn a_connection_that_goes_without_a_hold_is_found_out() {
    model(|| {
        let (hold, _, [mut home, guest]) = proxy(true);
        let connection = home.connection.take();
        let other = thread::spawn(move || drop((connection, guest)));
        // Home is told to forget the proxy before the other has the connection.
        home.served = None;
        drop(hold);
        other.join().unwrap();
    });
}
