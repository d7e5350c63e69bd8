//! The load's own task: releases each request at its due time, closes each second, and ends the load.

use std::io;
use std::rc::Rc;

use tokio::task::{JoinError, JoinSet, yield_now};

use crate::arrivals::DueTimes;
use crate::doze;
use crate::lane::Lane;
use crate::mix::Ask;
use crate::outbox::Outbox;
use crate::queue::Placement;
use crate::shared::Shared;
use crate::timer::Timer;
use crate::wish::{Wish, Wishes};

/// Why a load ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All that was due is answered, failed or was given up.
    Completed,
    /// It was stopped; the requests in flight came to their end.
    Stopped,
    /// It was aborted, or its handle was dropped.
    Aborted,
    /// It could not go on. This is the harness's fault and not the target's.
    Failed {
        /// Why, for people.
        why: String,
    },
}

/// What drives one load.
pub(crate) struct Pacer<C: Lane> {
    shared: Rc<Shared<C>>,
    timer: Timer,
    dues: DueTimes,
    /// The next request that will be due; in the closed model the users know.
    next: Option<u64>,
    /// When arrivals end, in nanoseconds since the start.
    end: u64,
    /// When what still waits is given up; set once arrivals have ended.
    give_up: Option<u64>,
    connections: JoinSet<()>,
    outbox: Outbox,
}

/// Something the pacer woke up for.
enum Woken {
    Time,
    Wish,
    Stirred,
    /// Nobody holds the load any more.
    Abandoned,
    /// A connection's task is gone.
    Lost(JoinError),
}

impl<C: Lane> Pacer<C> {
    /// A pacer at the start of a load that ends at `end`.
    pub(crate) fn new(
        shared: Rc<Shared<C>>,
        mut dues: DueTimes,
        end: u64,
        timer: Timer,
        outbox: Outbox,
    ) -> Self {
        let next = dues.next();
        Self { shared, timer, dues, next, end, give_up: None, connections: JoinSet::new(), outbox }
    }

    /// Runs the load to its end; returns how many windows were lost, too.
    pub(crate) async fn run(mut self, mut wishes: Wishes) -> (Ending, u64) {
        self.hold();
        let ending = match self.drive(&mut wishes).await {
            Ok(ending) => ending,
            Err(error) => Ending::Failed { why: format!("the load's timer failed: {error}") },
        };
        // Connections first: what they still did belongs to the last second.
        self.connections.shutdown().await;
        self.close_all();
        (ending, self.outbox.finish().await)
    }

    /// Opens what is held open from the start.
    fn hold(&mut self) {
        if !self.shared.client.holds() {
            return;
        }
        let seats = self.shared.queue.borrow_mut().take_up_all();
        for seat in seats {
            self.open(seat, None);
        }
    }

    async fn drive(&mut self, wishes: &mut Wishes) -> io::Result<Ending> {
        loop {
            let now = self.shared.clock.now();
            self.release(now);
            self.close_seconds(now);
            let wish = wishes.newest();
            match wish {
                Wish::Abort => return Ok(Ending::Aborted),
                Wish::Stop if self.give_up.is_none() => self.end_arrivals(now),
                Wish::Run if self.give_up.is_none() && now >= self.end => self.end_arrivals(self.end),
                _ => {}
            }
            self.give_up_waiting(now);
            if self.give_up.is_some() && self.shared.queue.borrow().backlog() == 0 {
                return Ok(if wish == Wish::Stop { Ending::Stopped } else { Ending::Completed });
            }
            self.doze().await;
            match self.sleep(wishes).await? {
                Woken::Time | Woken::Wish | Woken::Stirred => {}
                Woken::Abandoned => return Ok(Ending::Aborted),
                Woken::Lost(error) => return Ok(Ending::Failed { why: why(error) }),
            }
        }
    }

    async fn sleep(&mut self, wishes: &mut Wishes) -> io::Result<Woken> {
        let until = self.next_moment();
        let shared = Rc::clone(&self.shared);
        let may_doze = self.may_doze(until);
        Ok(tokio::select! {
            biased;
            // The runtime looks at the sockets before it comes back here.
            () = yield_now(), if may_doze => Woken::Time,
            waited = self.timer.until(until), if !may_doze => { waited?; Woken::Time }
            is_held = wishes.wait() => if is_held { Woken::Wish } else { Woken::Abandoned },
            Some(Err(error)) = self.connections.join_next() => Woken::Lost(error),
            () = shared.stirred.notified() => Woken::Stirred,
        })
    }

    /// Releases what is due soon, and sleeps in between without a look at the sockets.
    async fn doze(&mut self) {
        let look = self.shared.clock.now().saturating_add(doze::LONGEST_NANOS);
        loop {
            let until = self.next_moment();
            let is_due = self.next == Some(until);
            if until > look || !self.may_doze(until) {
                return;
            }
            // What was released is sent; whoever does that may keep the thread awake.
            doze::give_way().await;
            if !self.may_doze(until) {
                return;
            }
            self.shared.clock.sleep_until(until);
            // A second that ends, or the arrivals, are the driver's.
            if !is_due {
                return;
            }
            self.release(self.shared.clock.now());
        }
    }

    /// Whether it does no harm to look at the sockets at this moment, and not before.
    fn may_doze(&self, until: u64) -> bool {
        let now = self.shared.clock.now();
        now > 0
            && self.give_up.is_none()
            && until.saturating_sub(now) <= doze::LONGEST_NANOS
            && self.shared.doze.may()
            && self.shared.queue.borrow().has_room()
    }

    fn next_moment(&self) -> u64 {
        let second = self.shared.recorder.borrow().first_end();
        let phase = self.give_up.unwrap_or(self.end);
        let passed = self.give_up.is_some_and(|give_up| give_up < second);
        let phase = if passed { u64::MAX } else { phase };
        second.min(phase).min(self.next_due().unwrap_or(u64::MAX))
    }

    fn next_due(&self) -> Option<u64> {
        self.shared.users.as_ref().map_or(self.next, |users| users.borrow().next())
    }

    /// Releases everything that is due; before the start nothing is, and the clock says 0.
    fn release(&mut self, now: u64) {
        if now == 0 {
            return;
        }
        while let Some(due) = self.next.filter(|due| *due <= now) {
            self.shared.recorder.borrow_mut().due(due, now);
            let ask = self.shared.mix.borrow_mut().draw(due);
            self.place(ask, now);
            self.next = self.dues.next();
        }
        let shared = Rc::clone(&self.shared);
        let Some(users) = &shared.users else { return };
        while let Some((due, seat)) = { users.borrow_mut().take(now) } {
            let ask = shared.ask_of_user(due, now);
            if shared.has_seat(seat) { shared.hand(seat, ask) } else { self.open(seat, Some(ask)) }
        }
    }

    fn place(&mut self, ask: Ask, now: u64) {
        let placement = self.shared.queue.borrow_mut().offer(ask);
        match placement {
            Placement::Free(seat) => self.shared.hand(seat, ask),
            Placement::New(seat) => self.open(seat, Some(ask)),
            Placement::Waits => {}
            Placement::Dropped => self.shared.recorder.borrow_mut().dropped(now, 1),
        }
    }

    fn open(&mut self, seat: usize, ask: Option<Ask>) {
        self.shared.add_seat();
        self.connections.spawn_local(C::serve(Rc::clone(&self.shared), seat, ask));
    }

    /// From now on nothing becomes due; what waits still has the time of one timeout to be sent.
    fn end_arrivals(&mut self, now: u64) {
        self.next = None;
        if let Some(users) = &self.shared.users {
            users.borrow_mut().end();
        }
        self.give_up = Some(now.saturating_add(self.shared.timeout));
        self.shared.is_draining.set(true);
    }

    fn give_up_waiting(&mut self, now: u64) {
        if self.give_up.is_some_and(|give_up| now >= give_up) {
            let count = self.shared.queue.borrow_mut().give_up_waiting();
            self.shared.recorder.borrow_mut().dropped(now, count as u64);
        }
    }

    /// Closes the seconds that are over. Everything due in them was released before.
    fn close_seconds(&mut self, now: u64) {
        while self.shared.recorder.borrow().first_end() <= now {
            self.close_second();
        }
        self.outbox.flush();
    }

    fn close_second(&mut self) {
        self.shared.client.second();
        let backlog = self.shared.queue.borrow().backlog() as u64;
        let window = self.shared.recorder.borrow_mut().close_first(backlog);
        self.outbox.send(window);
    }

    /// Closes the second that the load ended in, unless it is an empty one behind the arrivals' end.
    fn close_all(&mut self) {
        let now = self.shared.clock.now();
        self.close_seconds(now);
        let is_behind = |second_end: u64| self.end.saturating_add(1_000_000_000) <= second_end;
        let recorder = self.shared.recorder.borrow();
        let skip = recorder.first_is_empty() && is_behind(recorder.first_end());
        drop(recorder);
        if !skip {
            self.close_second();
        }
    }
}

fn why(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => format!("a connection's task panicked: {}", crate::run::panic_text(panic.as_ref())),
        Err(error) => format!("a connection's task ended: {error}"),
    }
}
