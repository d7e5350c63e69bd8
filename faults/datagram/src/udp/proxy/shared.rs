//! What all tasks of a proxy have in common: sockets, counters, and what is under way.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use shakedown_faults::alarm::{Alarm, Clock};
use shakedown_faults::toxic::Direction;
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::{Size, Span};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::Notify;

use super::{Traffic, UdpCounters, UdpLimits};
use crate::udp::fate::Journey;
use crate::udp::flow::Flow;
use crate::udp::queue::{FlowKey, Full, Queue};

/// How long to wait after the machine said that something is wrong with a socket or that it has no room: long enough that
/// trying costs nothing, short enough that service is back well within a second of relief.
pub(super) const RELIEF: Span = Span::millis(50);

/// How much the kernel is asked to keep for us between two looks; it cuts this to `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 4 << 20;

/// What tasks of a proxy have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) socket: UdpSocket,
    pub(super) address: SocketAddr,
    pub(super) upstream: SocketAddr,
    pub(super) limits: UdpLimits,
    pub(super) streams: Streams,
    pub(super) clock: Clock,
    pub(super) alarm: Alarm,
    pub(super) counts: Counts,
    pub(super) queue: Mutex<Queue<Parcel>>,
    /// Something is due before what was due first.
    pub(super) hurry: Notify,
    /// Whether datagrams that go on at once have to be told to the queue.
    pub(super) holds_back: AtomicBool,
    /// The version of the faults that the queue was last brought in line with.
    pub(super) in_line: AtomicU64,
    /// Something was put in that was decided before that.
    pub(super) out_of_line: AtomicBool,
}

/// One client's session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) number: u64,
    client: SockAddr,
    /// Towards the server.
    pub(super) socket: UdpSocket,
    last_used: AtomicU64,
    under_way: AtomicUsize,
}

/// A datagram under way.
#[derive(Debug)]
pub(super) struct Parcel {
    session: Weak<Session>,
    direction: Direction,
    bytes: Box<[u8]>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) sessions: AtomicU64,
    pub(super) open: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) evicted: AtomicU64,
    pub(super) hurried: AtomicU64,
    pub(super) refused: AtomicU64,
    up: Counted,
    down: Counted,
    overflowed: AtomicU64,
    unsendable: AtomicU64,
    left_behind: AtomicU64,
    pub(super) unreachable: AtomicU64,
}

#[derive(Debug, Default)]
struct Counted {
    came: AtomicU64,
    bytes_came: AtomicU64,
    went: AtomicU64,
    bytes_went: AtomicU64,
}

/// Binds a socket for datagrams with a buffer as large as may be.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Less than asked for is no reason not to start.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

// === impl Shared ===

impl Shared {
    pub(super) fn queue(&self) -> MutexGuard<'_, Queue<Parcel>> {
        // Nothing panics while it is held; if something did, the queue would still be whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends on what came of a datagram, or lets it wait.
    pub(super) fn forward(&self, session: &Arc<Session>, flow: &Flow, bytes: &mut [u8], journey: &Journey) {
        journey.flip(bytes);
        if journey.is_immediate() {
            self.send(session, flow.direction(), bytes);
            self.passed(session.flow(flow.direction()));
        } else {
            self.keep(session, flow, bytes, journey);
        }
        // Another copy may have to go as it came.
        journey.flip(bytes);
    }

    fn keep(&self, session: &Arc<Session>, flow: &Flow, bytes: &[u8], journey: &Journey) {
        let direction = flow.direction();
        let parcel = Parcel { session: Arc::downgrade(session), direction, bytes: bytes.into() };
        session.under_way.fetch_add(1, Relaxed);
        let now = self.clock.now();
        let mut queue = self.queue();
        let before = queue.next();
        if let Err(Full(_)) = queue.push(session.flow(direction), bytes.len(), &journey.waits, parcel, now) {
            drop(queue);
            session.under_way.fetch_sub(1, Relaxed);
            self.counts.overflowed.fetch_add(1, Relaxed);
            return;
        }
        self.holds_back.store(queue.holds_back(), Relaxed);
        // A heal between the decision and now has brought the queue in line without this one.
        let late = flow.version() < self.in_line.load(Relaxed);
        self.out_of_line.fetch_or(late, Relaxed);
        if late || queue.next() != before {
            self.hurry.notify_one();
        }
    }

    fn passed(&self, flow: FlowKey) {
        if !self.holds_back.load(Relaxed) {
            return;
        }
        let now = self.clock.now();
        let mut queue = self.queue();
        let before = queue.next();
        queue.passed(flow, now);
        if queue.next() != before {
            self.hurry.notify_one();
        }
    }

    /// Sends a datagram whose time has come.
    pub(super) fn deliver(&self, parcel: &Parcel) {
        let Some(session) = parcel.session.upgrade() else {
            self.counts.left_behind.fetch_add(1, Relaxed);
            return;
        };
        session.under_way.fetch_sub(1, Relaxed);
        session.used(self.clock.now());
        self.send(&session, parcel.direction, &parcel.bytes);
    }

    fn send(&self, session: &Session, direction: Direction, bytes: &[u8]) {
        // Past the runtime, which would first want to see that a new socket can be written to: a datagram goes now or never.
        let try_once = || match direction {
            Direction::Upstream => SockRef::from(&session.socket).send(bytes),
            Direction::Downstream => SockRef::from(&self.socket).send_to(bytes, &session.client),
        };
        let mut sent = try_once();
        if sent.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            // That is the kernel's word on an earlier one; this one was not sent yet.
            self.counts.unreachable.fetch_add(1, Relaxed);
            sent = try_once();
        }
        match sent {
            Ok(_) => self.counts.way(direction).went(bytes.len()),
            Err(_) => {
                self.counts.unsendable.fetch_add(1, Relaxed);
            }
        }
    }

    /// Waits for a moment; for ever, where there is none.
    pub(super) async fn until(&self, moment: Option<Span>) {
        match moment {
            Some(moment) => self.alarm.until(moment).await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn came(&self, direction: Direction, len: usize) {
        self.counts.way(direction).came(len);
    }

    pub(super) fn counters(&self) -> UdpCounters {
        let (under_way, kept) = {
            let queue = self.queue();
            (queue.len(), queue.cost())
        };
        let counts = &self.counts;
        UdpCounters {
            sessions: counts.sessions.load(Relaxed),
            open: counts.open.load(Relaxed),
            expired: counts.expired.load(Relaxed),
            evicted: counts.evicted.load(Relaxed),
            hurried: counts.hurried.load(Relaxed),
            refused: counts.refused.load(Relaxed),
            up: counts.up.traffic(),
            down: counts.down.traffic(),
            overflowed: counts.overflowed.load(Relaxed),
            unsendable: counts.unsendable.load(Relaxed),
            left_behind: counts.left_behind.load(Relaxed),
            unreachable: counts.unreachable.load(Relaxed),
            under_way,
            kept: Size::bytes(kept as u64),
        }
    }
}

// === impl Session ===

impl Session {
    /// Opens a session: a socket that sends to the server and takes from nobody else.
    pub(super) fn open(number: u64, client: SocketAddr, upstream: SocketAddr, now: Span) -> io::Result<Self> {
        let any = match upstream {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = Socket::new(Domain::for_address(upstream), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.bind(&any.into())?;
        socket.connect(&upstream.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let (last_used, under_way) = (AtomicU64::new(now.as_nanos()), AtomicUsize::new(0));
        Ok(Self { number, client: client.into(), socket, last_used, under_way })
    }

    pub(super) fn used(&self, now: Span) {
        self.last_used.fetch_max(now.as_nanos(), Relaxed);
    }

    pub(super) fn last_used(&self) -> Span {
        Span::nanos(self.last_used.load(Relaxed))
    }

    pub(super) fn is_busy(&self) -> bool {
        self.under_way.load(Relaxed) > 0
    }

    fn flow(&self, direction: Direction) -> FlowKey {
        FlowKey { session: self.number, direction }
    }
}

// === impl Counts ===

impl Counts {
    const fn way(&self, direction: Direction) -> &Counted {
        match direction {
            Direction::Upstream => &self.up,
            Direction::Downstream => &self.down,
        }
    }
}

// === impl Counted ===

impl Counted {
    fn came(&self, len: usize) {
        self.came.fetch_add(1, Relaxed);
        self.bytes_came.fetch_add(len as u64, Relaxed);
    }

    fn went(&self, len: usize) {
        self.went.fetch_add(1, Relaxed);
        self.bytes_went.fetch_add(len as u64, Relaxed);
    }

    fn traffic(&self) -> Traffic {
        Traffic {
            came: self.came.load(Relaxed),
            bytes_came: self.bytes_came.load(Relaxed),
            went: self.went.load(Relaxed),
            bytes_went: self.bytes_went.load(Relaxed),
        }
    }
}
