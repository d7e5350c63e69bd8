//! One thread: it waits for its sockets, its orders and its moments, and gives connections their turns.

mod handover;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};
use shakedown_scenarios::units::Span;

use super::busy_poll::BusyPoll;
use super::connection::{Connection, Socket, Turned};
use super::engine::{self, Inbox, Order};
use super::flow::Tools;
use super::load::Load;
use super::peer::WATCHED;
use super::shared::Hold;
use super::timers::Timers;
use super::upstream::Resolver;
use crate::clock::Clock;
use crate::toxic::Rules;
use handover::Giving;

/// How many connections are accepted before the others have their turns again.
const ACCEPTS_A_TURN: usize = 64;

/// How long to wait after the machine had no descriptor or memory for a connection: long enough that trying costs
/// nothing, short enough that service is back well within a second of relief.
const RELIEF: Span = Span::millis(50);

const EVENTS: usize = 256;

const BELL: u64 = u64::MAX;

/// The bit that tells a listening socket from a connection's.
const DOOR: u64 = 1 << 63;

/// All that a thread has.
#[derive(Debug)]
pub(super) struct Worker {
    number: usize,
    inbox: Arc<Inbox>,
    poll: OwnedFd,
    clock: Clock,
    proxies: Vec<Option<Served>>,
    connections: Vec<Option<Box<Slot>>>,
    /// Places that are free, and those that are free once no event of this round can mean them any more.
    free: Vec<usize>,
    freed: Vec<usize>,
    ready: VecDeque<usize>,
    timers: Timers,
    busy: BusyPoll,
    /// Doors at which the machine had no room for a connection, and when to try again.
    reliefs: Vec<(Span, usize)>,
    tools: Tools,
    resolver: Option<Resolver<(usize, u64)>>,
    serial: u64,
    load: Load,
    giving: Option<Giving>,
}

/// A proxy, with its rules as they were last looked at.
#[derive(Debug)]
struct Served {
    shared: Hold,
    rules: Arc<Rules>,
    /// Whether this worker is its home.
    at_home: bool,
    /// The workers that have had connections of it from home.
    guests: Vec<usize>,
    /// All its connections are to be on one thread: see [`Rules::share`].
    stays: bool,
}

#[derive(Debug)]
struct Slot {
    connection: Connection,
    proxy: usize,
    /// Tells it from others that had this place before.
    serial: u64,
    /// It is in the queue of those that are ready.
    queued: bool,
    /// The moment that it last asked for.
    asked: Option<Span>,
    /// The turns that it had here.
    turns: u32,
}

// === impl Worker ===

impl Worker {
    pub(super) fn new(number: usize, inbox: Arc<Inbox>) -> io::Result<Self> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&poll, inbox.bell(), EventData::new_u64(BELL), EventFlags::IN | EventFlags::ET)?;
        Ok(Self {
            number,
            inbox,
            poll,
            clock: Clock::of_process(),
            reliefs: Vec::new(),
            proxies: Vec::new(),
            connections: Vec::new(),
            free: Vec::new(),
            freed: Vec::new(),
            ready: VecDeque::new(),
            timers: Timers::default(),
            busy: BusyPoll::default(),
            tools: Tools::new(),
            resolver: None,
            serial: 0,
            load: Load::default(),
            giving: None,
        })
    }

    /// Works for ever.
    pub(super) fn run(mut self) {
        // A delay is to end when it ends; by default the kernel lets a sleeper sleep 50 µs longer.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            events.clear();
            let timeout = self.timeout();
            // It fails only when a signal came in between.
            let _ = epoll::wait(&self.poll, rustix::buffer::spare_capacity(&mut events), timeout.as_ref());
            self.weigh();
            for event in &events {
                self.take(event);
            }
            self.ring();
            self.give_turns();
            self.reuse_places();
        }
    }

    /// How long to wait for events: not at all if there is something to do.
    fn timeout(&mut self) -> Option<Timespec> {
        if !self.ready.is_empty() {
            return Some(Timespec { tv_sec: 0, tv_nsec: 0 });
        }
        let relief = self.reliefs.iter().map(|(moment, _)| *moment).min();
        let next = [self.timers.next(), relief].into_iter().flatten().min();
        let now = self.clock.now();
        self.load.waits(now);
        let wait = self.busy.wait(now, next)?;
        Timespec::try_from(wait.duration()).ok()
    }

    fn take(&mut self, event: &Event) {
        let (token, flags) = (event.data.u64(), event.flags);
        if token == BELL {
            for order in self.inbox.take() {
                self.obey(order);
            }
        } else if token & DOOR != 0 {
            self.accept((token & !DOOR) as usize);
        } else {
            let (place, end) =
                ((token >> 1) as usize, if token & 1 == 0 { Socket::Client } else { Socket::Server });
            if let Some(Some(slot)) = self.connections.get_mut(place) {
                slot.connection.note(end, flags);
                self.queue(place);
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Adopt(shared) => self.adopt(shared),
            Order::Look(shared) => {
                if let Some(proxy) = self.find(&shared) {
                    self.pass_on(proxy, Order::Look);
                    self.look(proxy);
                }
            }
            Order::Forget(shared) => {
                if let Some(proxy) = self.find(&shared) {
                    self.pass_on(proxy, Order::Forget);
                    self.forget(proxy);
                }
            }
            Order::Have(connection, shared) => self.have(*connection, shared),
            Order::Resolved { place, serial, found } => {
                if let Some(Some(slot)) = self.connections.get_mut(place)
                    && slot.serial == serial
                {
                    slot.connection.resolved(found);
                    self.queue(place);
                }
            }
        }
    }

    fn find(&self, shared: &Hold) -> Option<usize> {
        let is = |served: &Option<Served>| served.as_ref().is_some_and(|it| it.shared.is(shared));
        self.proxies.iter().position(is)
    }

    fn adopt(&mut self, shared: Hold) {
        let place = self.serve(shared);
        let Some(Some(served)) = self.proxies.get(place) else { return };
        let data = EventData::new_u64(DOOR | place as u64);
        // It fails only without memory; such a proxy accepts nobody, and its clients see that.
        let _ = epoll::add(&self.poll, served.shared.door.socket(), data, EventFlags::IN | EventFlags::ET);
        self.accept(place);
    }

    /// Finds a place for a proxy.
    fn serve(&mut self, shared: Hold) -> usize {
        let place = self.proxies.iter().position(Option::is_none).unwrap_or(self.proxies.len());
        if place == self.proxies.len() {
            self.proxies.push(None);
        }
        let (rules, at_home) = (shared.rules(), shared.home == self.number);
        let stays = rules.share();
        self.proxies[place] = Some(Served { shared, rules, at_home, guests: Vec::new(), stays });
        place
    }

    /// The rules have changed, or the door: all connections of the proxy have a turn.
    fn look(&mut self, proxy: usize) {
        for place in 0..self.connections.len() {
            if self.connections[place].as_ref().is_some_and(|slot| slot.proxy == proxy) {
                self.queue(place);
            }
        }
        self.accept(proxy);
    }

    fn forget(&mut self, proxy: usize) {
        for place in 0..self.connections.len() {
            if self.connections[place].as_ref().is_some_and(|slot| slot.proxy == proxy) {
                self.drop_at(place);
            }
        }
        self.reliefs.retain(|(_, of)| *of != proxy);
        if let Some(served) = self.proxies[proxy].take().filter(|served| served.at_home) {
            let _ = epoll::delete(&self.poll, served.shared.door.socket());
        }
    }

    fn accept(&mut self, proxy: usize) {
        for _ in 0..ACCEPTS_A_TURN {
            let Some(Some(served)) = self.proxies.get_mut(proxy) else { return };
            served.refresh();
            if !served.at_home || served.rules.refuses() || served.shared.door.is_dead() {
                return;
            }
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            match acceptfrom_with(served.shared.door.socket(), flags) {
                Ok((socket, Some(address))) => {
                    if let Ok(client) = SocketAddr::try_from(address) {
                        self.welcome(proxy, socket, client);
                    }
                }
                Ok((_, None)) => {}
                // Only the connection that was about to be accepted is lost, and the next one can be tried at once.
                Err(Errno::CONNABORTED | Errno::CONNRESET | Errno::INTR) => {}
                // There is nobody more, or the door is shut.
                Err(Errno::AGAIN | Errno::INVAL) => return,
                Err(_) => {
                    let until = self.clock.now().plus(RELIEF);
                    self.reliefs.push((until, proxy));
                    return;
                }
            }
        }
        // There may be more of them.
        self.reliefs.push((Span::ZERO, proxy));
    }

    fn welcome(&mut self, proxy: usize, socket: OwnedFd, client: SocketAddr) {
        let Some(Some(served)) = self.proxies.get(proxy) else { return };
        let shared = Arc::clone(served.shared.held());
        if shared.door.is_filler(client) {
            return;
        }
        let number = shared.counters.accepted.fetch_add(1, Relaxed);
        self.settle_in(proxy, Connection::new(shared, number, socket, client));
    }

    /// Finds a place for a connection, watches its sockets and lets it have a turn. Without memory for that it is dropped.
    fn settle_in(&mut self, proxy: usize, connection: Connection) {
        let place = self.free.pop().unwrap_or(self.connections.len());
        if place == self.connections.len() {
            self.connections.push(None);
        }
        // A socket that is ready when it is added has its event as well, so none is missed that came before.
        let watch = |end, fd| {
            epoll::add(&self.poll, fd, EventData::new_u64((place as u64) << 1 | end), WATCHED).is_ok()
        };
        if !(watch(0, connection.client_fd()) && connection.server_fd().is_none_or(|fd| watch(1, fd))) {
            // Closed sockets are not watched any more, so no event can mean the place.
            drop(connection);
            self.free.push(place);
            return;
        }
        self.serial += 1;
        let slot = Slot { connection, proxy, serial: self.serial, queued: false, asked: None, turns: 0 };
        self.connections[place] = Some(Box::new(slot));
        self.queue(place);
    }

    fn queue(&mut self, place: usize) {
        if let Some(Some(slot)) = self.connections.get_mut(place)
            && !slot.queued
        {
            slot.queued = true;
            self.ready.push_back(place);
        }
    }

    /// Brings back all whose moment has come.
    fn ring(&mut self) {
        if self.timers.next().is_none() && self.reliefs.is_empty() {
            return;
        }
        let now = self.clock.now();
        while let Some((moment, place, serial)) = self.timers.pop(now) {
            if let Some(Some(slot)) = self.connections.get_mut(place)
                && slot.serial == serial
                && slot.asked == Some(moment)
            {
                slot.asked = None;
                self.queue(place);
                self.busy.fired(now);
            }
        }
        let (due, later) = self.reliefs.iter().partition(|(moment, _)| *moment <= now);
        self.reliefs = later;
        let due: Vec<(Span, usize)> = due;
        due.into_iter().for_each(|(_, proxy)| self.accept(proxy));
    }

    /// One turn for each that is ready now.
    fn give_turns(&mut self) {
        let turns = self.ready.len();
        self.load.gave(turns);
        for _ in 0..turns {
            if let Some(place) = self.ready.pop_front() {
                self.give_turn(place);
            }
        }
    }

    fn give_turn(&mut self, place: usize) {
        let Some(Some(slot)) = self.connections.get_mut(place) else { return };
        slot.queued = false;
        let Some(Some(served)) = self.proxies.get_mut(slot.proxy) else { return };
        served.refresh();
        if served.stays && self.send_home(place) {
            return;
        }
        let Some(Some(slot)) = self.connections.get_mut(place) else { return };
        let Some(Some(served)) = self.proxies.get_mut(slot.proxy) else { return };
        served.shared.turn(self.number);
        let turned = match served.shared.has_ended() {
            true => Turned::Over,
            false => slot.connection.turn(&served.rules, &mut self.tools),
        };
        served.shared.turn(self.number);
        slot.turns = slot.turns.saturating_add(1);
        if self.giving.is_some() && matches!(turned, Turned::Waits(_) | Turned::Again) && self.give(place) {
            return;
        }
        match turned {
            Turned::Waits(None) => {}
            Turned::Waits(Some(moment)) => self.wake_at(place, moment),
            Turned::Again => self.queue(place),
            Turned::Dialled(moment) => self.watch_server(place, moment),
            Turned::Asks(name, moment) => self.look_up(place, &name, moment),
            Turned::Over => self.drop_at(place),
        }
    }

    fn wake_at(&mut self, place: usize, moment: Span) {
        if let Some(Some(slot)) = self.connections.get_mut(place)
            && slot.asked.is_none_or(|asked| moment < asked)
        {
            slot.asked = Some(moment);
            self.timers.ask(moment, place, slot.serial);
        }
    }

    fn watch_server(&mut self, place: usize, moment: Option<Span>) {
        let Some(Some(slot)) = self.connections.get(place) else { return };
        let data = EventData::new_u64((place as u64) << 1 | 1);
        let watched = slot.connection.server_fd().map(|fd| epoll::add(&self.poll, fd, data, WATCHED));
        match (watched, moment) {
            (Some(Ok(())), Some(moment)) => self.wake_at(place, moment),
            (Some(Ok(())), None) => {}
            _ => self.drop_at(place),
        }
    }

    fn look_up(&mut self, place: usize, name: &str, moment: Option<Span>) {
        let Some(Some(slot)) = self.connections.get(place) else { return };
        let whose = (place, slot.serial);
        if self.resolver.is_none() {
            let inbox = Arc::clone(&self.inbox);
            let answer = move |(place, serial), found: io::Result<SocketAddr>| {
                inbox.tell(Order::Resolved { place, serial, found: found.ok() });
            };
            // Without a thread for it the connection ends at its dial timeout.
            self.resolver = Resolver::start(answer).ok();
        }
        if let Some(resolver) = &self.resolver {
            resolver.ask(name, whose);
        }
        if let Some(moment) = moment {
            self.wake_at(place, moment);
        }
    }

    fn drop_at(&mut self, place: usize) {
        if self.connections[place].take().is_some() {
            self.freed.push(place);
        }
    }

    /// No event of this round can mean a place that was freed in it any more.
    fn reuse_places(&mut self) {
        self.free.append(&mut self.freed);
        // What many connections needed is not kept for ever.
        if self.free.len() == self.connections.len() && self.connections.capacity() > EVENTS {
            self.connections = Vec::new();
            self.free = Vec::new();
        }
    }
}

// === impl Served ===

impl Served {
    /// Looks at the newest rules.
    fn refresh(&mut self) {
        if self.shared.version() != self.rules.version() {
            self.rules = self.shared.rules();
            self.stays = self.rules.share();
        }
    }
}
