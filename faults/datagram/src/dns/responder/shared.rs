//! What all tasks of a responder have in common.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use shakedown_faults::alarm::{Alarm, Clock};
use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::units::Span;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::Semaphore;

use super::{DnsCounters, DnsLimits};
use crate::dns::answer::Answer;
use crate::dns::evidence::DnsTally;
use crate::dns::fault::DnsFault;
use crate::dns::faults::DnsFaults;
use crate::dns::respond::{Transport, respond};
use crate::dns::zone::Zone;
use crate::injections::Eye;

/// How long to wait after the machine said that it has no room: see the UDP proxy's.
pub(super) const RELIEF: Span = Span::millis(50);

/// The kernel cuts this to `net.core.somaxconn`.
const BACKLOG: i32 = 1_024;

/// What tasks of a responder have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) socket: UdpSocket,
    pub(super) address: SocketAddr,
    pub(super) zone: Zone,
    pub(super) limits: DnsLimits,
    pub(super) clock: Clock,
    pub(super) alarm: Alarm,
    pub(super) judge: Mutex<Judge>,
    pub(super) pending: Arc<Semaphore>,
    pub(super) counts: Counts,
}

/// What decides about queries, one after the other, however they come.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) eye: Eye<DnsFault, DnsTally>,
    pub(super) faults: DnsFaults,
    pub(super) chance: Chance,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) datagrams: AtomicU64,
    pub(super) streamed: AtomicU64,
    pub(super) answered: AtomicU64,
    pub(super) silent: AtomicU64,
    pub(super) forwarded: AtomicU64,
    pub(super) forward_failures: AtomicU64,
    pub(super) overflowed: AtomicU64,
    pub(super) unsendable: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) turned_away: AtomicU64,
    pub(super) given_up: AtomicU64,
    pub(super) open: AtomicU64,
}

/// Listens for connections.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Connections of an earlier responder may linger on this port; without this they would forbid listening.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

// === impl Shared ===

impl Shared {
    /// Decides about a query.
    pub(super) fn judge(&self, query: &[u8], transport: Transport) -> Answer {
        // A panic is a bug and ends this responder's task; what the judge remembers would still be whole.
        let mut judge = self.judge.lock().unwrap_or_else(PoisonError::into_inner);
        let Judge { eye, faults, chance } = &mut *judge;
        faults.follow(eye.look());
        respond(query, &self.zone, faults, chance, transport)
    }

    pub(super) fn counters(&self) -> DnsCounters {
        let counts = &self.counts;
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        DnsCounters {
            datagrams: read(&counts.datagrams),
            streamed: read(&counts.streamed),
            answered: read(&counts.answered),
            silent: read(&counts.silent),
            forwarded: read(&counts.forwarded),
            forward_failures: read(&counts.forward_failures),
            overflowed: read(&counts.overflowed),
            unsendable: read(&counts.unsendable),
            connections: read(&counts.connections),
            turned_away: read(&counts.turned_away),
            given_up: read(&counts.given_up),
            open: read(&counts.open),
            pending: self.limits.pending.saturating_sub(self.pending.available_permits()),
        }
    }
}
