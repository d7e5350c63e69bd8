//! What the pacer and the connections of one load share. All of them live on one thread.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::Habits;
use shakedown_tls_faults::Connector;
use tokio::sync::Notify;
use tokio::time::sleep_until;

use crate::backoff::Backoff;
use crate::client::ErrorClass;
use crate::clock::Clock;
use crate::doze::Doze;
use crate::lane::Lane;
use crate::mix::{Ask, Mix};
use crate::queue::Queue;
use crate::recorder::{Course, Recorder};
use crate::users::{Then, Users};

/// The state of one load.
///
/// No borrow of a cell is held across an await: everything here is taken, changed and let go within one poll.
pub(crate) struct Shared<C: Lane> {
    pub clock: Clock,
    pub client: C,
    pub address: SocketAddr,
    /// Nanoseconds.
    pub timeout: u64,
    pub habits: Habits,
    /// TLS on every connection, where it is spoken.
    pub tls: Option<Connector>,
    pub backoff: Backoff,
    pub doze: Doze,
    pub queue: RefCell<Queue>,
    /// In the closed model only.
    pub users: Option<RefCell<Users>>,
    pub mix: RefCell<Mix>,
    pub recorder: RefCell<Recorder>,
    pub buffers: RefCell<Buffers>,
    /// What the seats have in common.
    pub common: C::Common,
    seats: RefCell<Vec<Seat>>,
    /// Told when a request ends while the load waits for its last ones, and when something is due sooner than was known.
    pub stirred: Notify,
    pub is_draining: Cell<bool>,
}

/// Buffers that whoever runs at the moment uses; nothing stays in them from one poll to the next.
#[derive(Debug)]
pub(crate) struct Buffers {
    pub input: Box<[u8]>,
    pub output: Vec<u8>,
}

/// Where a free connection waits for its next request.
#[derive(Debug, Default)]
struct Seat {
    ask: Option<Ask>,
    waker: Option<Waker>,
}

/// One read takes at most so many bytes.
const INPUT_BYTES: usize = 64 * 1024;

// === impl Shared ===

impl<C: Lane> Shared<C> {
    /// The state at the start of a load.
    pub(crate) fn new(
        clock: Clock,
        client: C,
        address: SocketAddr,
        (timeout, habits, tls): (Duration, Habits, Option<Connector>),
        recorder: Recorder,
        (mix, users): (Mix, Option<Users>),
        (seats, peak): (usize, f64),
    ) -> Rc<Self> {
        // In the closed model the next request follows from the answer.
        let may_doze = client.reads_late() && users.is_none() && habits.read_rate.is_none();
        Rc::new(Self {
            clock,
            client,
            address,
            timeout: u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX),
            habits,
            tls,
            backoff: Backoff::new(seats, peak),
            doze: Doze::new(may_doze, mix.kinds()),
            queue: RefCell::new(Queue::new(seats, peak)),
            users: users.map(RefCell::new),
            mix: RefCell::new(mix),
            recorder: RefCell::new(recorder),
            buffers: RefCell::new(Buffers { input: vec![0; INPUT_BYTES].into(), output: Vec::new() }),
            common: C::Common::default(),
            seats: RefCell::default(),
            stirred: Notify::new(),
            is_draining: Cell::new(false),
        })
    }

    /// A seat is taken up for the first time.
    pub(crate) fn add_seat(&self) {
        self.seats.borrow_mut().push(Seat::default());
    }

    /// Whether this seat was taken up before.
    pub(crate) fn has_seat(&self, seat: usize) -> bool {
        seat < self.seats.borrow().len()
    }

    /// The next request of a connection whose last one came to its end; `None`: it rests until one is handed to it.
    pub(crate) fn next(&self, seat: usize) -> Option<Ask> {
        let Some(users) = &self.users else { return self.queue.borrow_mut().take_or_rest(seat) };
        let now = self.clock.now();
        let then = users.borrow_mut().answered(seat, now);
        match then {
            Then::Asks => return Some(self.ask_of_user(now, now)),
            Then::Thinks { is_next: true } => self.stirred.notify_one(),
            Then::Thinks { is_next: false } | Then::Leaves => {}
        }
        None
    }

    /// What a user asks who was done thinking at `due`; its turn comes now.
    pub(crate) fn ask_of_user(&self, due: u64, now: u64) -> Ask {
        self.recorder.borrow_mut().due(due, now);
        self.queue.borrow_mut().begun();
        self.mix.borrow_mut().draw(due)
    }

    /// The request of this kind that follows this one of the same user, with its key and its row: it is due now. Nothing where
    /// the load comes to its end.
    pub(crate) fn follow(&self, kind: u32, ask: &Ask) -> Option<Ask> {
        if self.is_draining.get() {
            return None;
        }
        let now = self.clock.now();
        self.recorder.borrow_mut().due(now, now);
        self.queue.borrow_mut().begun();
        Some(Ask { due: now, kind, ..*ask })
    }

    /// Hands a request to the connection of a free seat.
    pub(crate) fn hand(&self, seat: usize, ask: Ask) {
        let seat = &mut self.seats.borrow_mut()[seat];
        seat.ask = Some(ask);
        if let Some(waker) = &seat.waker {
            waker.wake_by_ref();
        }
    }

    /// Whether a request was handed to this free seat; whoever asks is woken when that happens.
    pub(crate) fn poll_handed(&self, seat: usize, context: &mut Context<'_>) -> Poll<Ask> {
        let seat = &mut self.seats.borrow_mut()[seat];
        if let Some(ask) = seat.ask.take() {
            return Poll::Ready(ask);
        }
        if !seat.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            seat.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    /// The next request of a seat that keeps nothing open meanwhile; waits until there is one.
    pub(crate) async fn next_or_handed(&self, seat: usize) -> Ask {
        match self.next(seat) {
            Some(ask) => ask,
            None => poll_fn(|context| self.poll_handed(seat, context)).await,
        }
    }

    /// Bytes came.
    pub(crate) fn received(&self, bytes: usize) {
        self.recorder.borrow_mut().received(self.clock.now(), bytes as u64);
    }

    /// A seat takes a request up; when.
    pub(crate) fn begin(&self) -> u64 {
        let sent = self.clock.now();
        self.recorder.borrow_mut().sent(sent);
        sent
    }

    /// A request that was taken up at `sent` came to its end at `done`. Right answers may have to come `within` so many
    /// nanoseconds from when it was due. Why it failed is asked for where that is to be told. What is counted.
    pub(crate) fn end(
        &self,
        ask: &Ask,
        (sent, done): (u64, u64),
        within: Option<u64>,
        verdict: Result<(), ErrorClass>,
        why: impl FnOnce(ErrorClass) -> String,
    ) -> Result<(), ErrorClass> {
        let took = done.saturating_sub(ask.due);
        let late = within.filter(|limit| took > *limit);
        let verdict = verdict.and(late.map_or(Ok(()), |_| Err(ErrorClass::Slow)));
        let wanted = |class: &ErrorClass| self.recorder.borrow_mut().wants_example(ask.kind, *class, done);
        if let Some(class) = verdict.err().filter(wanted) {
            let why = match late {
                Some(limit) if class == ErrorClass::Slow => slow(limit, took),
                _ => why(class),
            };
            self.recorder.borrow_mut().example(ask.kind, class, why, done);
        }
        // A user of the closed model was not due at a moment of its own: its latency is service time.
        let due = if self.users.is_some() { sent } else { ask.due };
        self.done(Course { due, sent, done, kind: ask.kind }, verdict);
        verdict
    }

    /// Rests, if a seat is to rest after so many failures in a row.
    pub(crate) async fn rest(&self, failures: u32) {
        let Some(rest) = self.backoff.rest(failures) else { return };
        let until = self.clock.now().saturating_add(u64::try_from(rest.as_nanos()).unwrap_or(u64::MAX));
        sleep_until(self.clock.deadline(until)).await;
    }

    fn done(&self, course: Course, verdict: Result<(), ErrorClass>) {
        self.recorder.borrow_mut().done(course, verdict);
        self.queue.borrow_mut().done();
        if self.is_draining.get() {
            self.stirred.notify_one();
        }
    }
}

/// What is told of a right answer that came too late.
fn slow(limit: u64, took: u64) -> String {
    let (limit, took) = (Span::nanos(limit), Span::micros(took / 1_000));
    format!("expected a right answer within {limit}, found one after {took}")
}
