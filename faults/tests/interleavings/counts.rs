//! Whoever asks for counters after a peer has seen bytes finds these bytes counted.

use loom::model;
use loom::model::Builder;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use crate::bell::shared;
use crate::turns::Turns;

#[derive(Default)]
struct Link {
    turns: Turns,
    /// Bytes in the peer's hands. The kernel orders its sockets: who reads a byte knows what was before it was written.
    socket: AtomicU64,
    counted: AtomicU64,
}

impl Link {
    /// A turn on a worker: some bytes are written, and counted, unless the proxy has ended.
    fn pass_on(&self, worker: usize) {
        self.turns.turn(worker);
        if !self.turns.have_ended() {
            self.socket.fetch_add(1, Ordering::Release);
            self.counted.fetch_add(1, Ordering::Relaxed);
        }
        self.turns.turn(worker);
    }

    fn pass(&self) {
        self.pass_on(0);
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}

#[test]
fn what_a_peer_has_seen_is_counted_once_turns_are_settled() {
    model(|| {
        let link = shared(Link::default());
        let worker = thread::spawn(move || (0..2).for_each(|_| link.pass()));
        let seen = link.socket.load(Ordering::Acquire);
        link.turns.settle(|| false);
        let counted = link.counted.load(Ordering::Relaxed);
        assert!(counted >= seen, "{seen} seen and {counted} counted");
        worker.join().unwrap();
    });
}

#[test]
fn a_peer_that_tells_another_thread_what_it_saw_is_no_liar_either() {
    model(|| {
        let link = shared(Link::default());
        let told = shared(AtomicU64::new(0));
        let worker = thread::spawn(move || link.pass());
        let peer = thread::spawn(move || told.store(link.socket.load(Ordering::Acquire), Ordering::Release));
        let seen = told.load(Ordering::Acquire);
        link.turns.settle(|| false);
        let counted = link.counted.load(Ordering::Relaxed);
        assert!(counted >= seen, "{seen} seen and {counted} counted");
        worker.join().unwrap();
        peer.join().unwrap();
    });
}

#[test]
fn what_a_peer_has_seen_of_two_workers_is_counted() {
    three(|| {
        let link = shared(Link::default());
        let workers = [0, 1].map(|worker| thread::spawn(move || link.pass_on(worker)));
        let seen = link.socket.load(Ordering::Acquire);
        link.turns.settle(|| false);
        let counted = link.counted.load(Ordering::Relaxed);
        assert!(counted >= seen, "{seen} seen and {counted} counted");
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn what_was_moved_before_its_connection_changed_workers_is_counted() {
    three(|| {
        let link = shared(Link::default());
        // The connection has a turn on each of the two, one after the other: its way is through an inbox.
        let worker = thread::spawn(move || {
            link.pass_on(1);
            thread::spawn(move || link.pass_on(0)).join().unwrap();
        });
        let seen = link.socket.load(Ordering::Acquire);
        link.turns.settle(|| false);
        let counted = link.counted.load(Ordering::Relaxed);
        assert!(counted >= seen, "{seen} seen and {counted} counted");
        worker.join().unwrap();
    });
}

#[test]
fn nothing_is_passed_on_by_any_worker_once_a_proxy_has_ended() {
    three(|| {
        let link = shared(Link::default());
        let workers = [0, 1].map(|worker| thread::spawn(move || link.pass_on(worker)));
        link.turns.end();
        link.turns.settle(|| false);
        let seen = link.socket.load(Ordering::Acquire);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!(link.socket.load(Ordering::Acquire), seen);
    });
}

/// Three threads have too many orders to try all of them; what is to be found takes two preemptions.
fn three(check: impl Fn() + Sync + Send + 'static) {
    let mut model = Builder::new();
    model.preemption_bound = Some(3);
    model.check(check);
}

#[test]
fn nothing_is_passed_on_once_a_proxy_has_ended() {
    model(|| {
        let link = shared(Link::default());
        let worker = thread::spawn(move || (0..2).for_each(|_| link.pass()));
        link.turns.end();
        link.turns.settle(|| false);
        let seen = link.socket.load(Ordering::Acquire);
        worker.join().unwrap();
        assert_eq!(link.socket.load(Ordering::Acquire), seen);
    });
}

#[test]
#[should_panic(expected = "passed on afterwards")]
fn an_end_that_waits_for_no_turn_is_found_out() {
    model(|| {
        let link = shared(Link::default());
        let worker = thread::spawn(move || link.pass());
        link.turns.end();
        let seen = link.socket.load(Ordering::Acquire);
        worker.join().unwrap();
        assert_eq!(link.socket.load(Ordering::Acquire), seen, "passed on afterwards");
    });
}

#[test]
#[should_panic(expected = "1 seen and 0 counted")]
fn counters_that_are_read_without_waiting_are_found_out() {
    model(|| {
        let link = shared(Link::default());
        let worker = thread::spawn(move || link.pass());
        let seen = link.socket.load(Ordering::Acquire);
        let counted = link.counted.load(Ordering::Relaxed);
        assert!(counted >= seen, "{seen} seen and {counted} counted");
        worker.join().unwrap();
    });
}
