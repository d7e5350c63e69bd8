//! A UDP proxy for one link, and the faults on it.
//!
//! Without faults it is faithful: each client has a socket of its own towards the server, so that answers find their way
//! and the server tells clients apart. Where it cannot be faithful it says so here: the server sees the proxy's address;
//! a port that nobody listens on is told to the proxy by the kernel (ICMP) with the next datagram, counted, and not passed on; datagrams that a
//! full socket buffer does not take are lost, as they would be anywhere, and counted.
//!
//! Control never waits for data: [`UdpProxy::inject`] and [`UdpProxy::heal`] publish and return. Every datagram that comes
//! later is judged by the new faults; those under way go on at once when the fault they wait for is healed.
//!
//! What it does not know: names of hosts, more than one upstream, the datagrams' contents, multicast.

mod buffer;
mod departures;
mod downward;
mod shared;
mod upward;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};

use shakedown_faults::alarm::{Alarm, Clock};
use shakedown_faults::proof::Healed;
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::{Size, Span};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::evidence::{UdpEvidence, UdpTally};
use super::fault::UdpFault;
use super::queue::Queue;
use crate::injections::{Hand, InjectError};
use shared::{Counts, Shared};

/// A running proxy. Dropping it ends it and its sessions.
///
/// ```
/// use shakedown_datagram_faults::udp::{UdpFault, UdpProxy};
/// use shakedown_scenarios::target::Way;
/// use tokio::net::UdpSocket;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = UdpSocket::bind("127.0.0.1:0").await?;
/// let any = "127.0.0.1:0".parse().expect("an address");
/// let proxy = UdpProxy::start(any, server.local_addr()?, 42)?;
/// let client = UdpSocket::bind("127.0.0.1:0").await?;
///
/// proxy.inject(1, UdpFault::Blackhole { direction: Way::Upstream }).expect("nothing holds yet");
/// client.send_to(b"lost", proxy.address()).await?;
/// while !proxy.evidence(1).is_some_and(|evidence| evidence.bit()) {
///     tokio::task::yield_now().await;
/// }
/// assert!(proxy.heal(1).proven);
/// client.send_to(b"found", proxy.address()).await?;
/// let mut bytes = [0; 10];
/// let (len, _) = server.recv_from(&mut bytes).await?;
/// assert_eq!(&bytes[..len], b"found");
/// proxy.stop().await;
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct UdpProxy {
    shared: Arc<Shared>,
    hand: Hand<UdpFault, UdpTally>,
    tasks: [JoinHandle<()>; 2],
}

/// What a proxy keeps at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpLimits {
    /// Clients at a time; each costs a descriptor. The one that was not used for the longest time makes room, and is counted.
    pub sessions: usize,
    /// How long a session that nobody uses is kept.
    pub idle: Span,
    /// Datagrams under way at a time, of all sessions together.
    pub datagrams: usize,
    /// What these cost to keep at most: their bytes, and 256 for each.
    pub kept: Size,
}

/// What passed through a proxy, cumulative but for `open`, `under_way` and `kept`.
///
/// Of each way: what came, with the copies that faults made, is what went, was lost to a fault, had no room, could not be
/// sent, was left behind, or is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpCounters {
    /// Sessions that were opened.
    pub sessions: u64,
    /// Sessions that are open now.
    pub open: u64,
    /// Sessions that ended because nobody used them.
    pub expired: u64,
    /// Sessions that ended because another client needed their place.
    pub evicted: u64,
    /// Those of them that were used less than [`HURRIED`](super::HURRIED) before: the limit is too low for this many clients, and what
    /// the server answers to these later is lost.
    pub hurried: u64,
    /// Datagrams lost because the machine had no socket for their session.
    pub refused: u64,
    /// From clients to the server.
    pub up: Traffic,
    /// From the server to clients.
    pub down: Traffic,
    /// Datagrams lost because too many were under way.
    pub overflowed: u64,
    /// Datagrams that the kernel would not send.
    pub unsendable: u64,
    /// Datagrams lost because their session ended before their time had come.
    pub left_behind: u64,
    /// How often the kernel said that nobody listens where a datagram went.
    pub unreachable: u64,
    /// Datagrams under way now.
    pub under_way: usize,
    /// What they cost to keep now.
    pub kept: Size,
}

/// What passed one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams that came.
    pub came: u64,
    /// Bytes in them.
    pub bytes_came: u64,
    /// Datagrams that went on, copies included.
    pub went: u64,
    /// Bytes in them.
    pub bytes_went: u64,
}

// === impl UdpLimits ===

impl Default for UdpLimits {
    fn default() -> Self {
        Self { sessions: 1_024, idle: Span::secs(60), datagrams: 65_536, kept: Size::bytes(64 << 20) }
    }
}

// === impl UdpProxy ===

impl UdpProxy {
    /// Starts a proxy that takes datagrams at `listen` (port 0: a free one) and hands them on to `upstream`, within the
    /// default [`UdpLimits`]. Chance comes from `seed`, with a stream for each session and way.
    ///
    /// It must be called within a tokio runtime that has IO enabled.
    ///
    /// # Errors
    /// If the address cannot be bound, or is the upstream's own.
    pub fn start(listen: SocketAddr, upstream: SocketAddr, seed: u64) -> io::Result<Self> {
        Self::start_within(listen, upstream, seed, UdpLimits::default())
    }

    /// The same within other limits.
    ///
    /// # Errors
    /// As for [`UdpProxy::start`].
    pub fn start_within(
        listen: SocketAddr,
        upstream: SocketAddr,
        seed: u64,
        limits: UdpLimits,
    ) -> io::Result<Self> {
        let socket = shared::bind(listen)?;
        let address = socket.local_addr()?;
        if address == upstream {
            let message =
                format!("{upstream} is the proxy's own address; expected that of a server behind it");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let clock = Clock::start();
        let kept = usize::try_from(limits.kept.as_bytes()).unwrap_or(usize::MAX);
        let shared = Arc::new(Shared {
            socket,
            address,
            upstream,
            limits,
            streams: Streams::new(seed),
            clock,
            alarm: Alarm::start(clock)?,
            counts: Counts::default(),
            queue: Mutex::new(Queue::new(limits.datagrams, kept)),
            hurry: Notify::new(),
            holds_back: AtomicBool::new(false),
            in_line: AtomicU64::new(0),
            out_of_line: AtomicBool::new(false),
        });
        let hand = Hand::new();
        let upward = upward::Upward::new(Arc::clone(&shared), hand.eye());
        let departures = departures::run(Arc::clone(&shared), hand.eye());
        let tasks = [tokio::spawn(upward.run()), tokio::spawn(departures)];
        Ok(Self { shared, hand, tasks })
    }

    /// Where clients send to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Where it sends to.
    #[must_use]
    pub fn upstream(&self) -> SocketAddr {
        self.shared.upstream
    }

    /// Makes a fault hold, for all sessions, from the return of this call on at the latest.
    ///
    /// # Errors
    /// If the number names an injection that holds, too many hold, or [`UdpFault::check`] finds problems. Nothing is
    /// changed then.
    pub fn inject(&self, id: u32, fault: UdpFault) -> Result<(), InjectError> {
        self.hand.inject(id, fault, fault.check())
    }

    /// Ends an injection. Datagrams that wait because of it go on at once. Ending one that does not hold is no error:
    /// healing is idempotent.
    pub fn heal(&self, id: u32) -> Healed {
        let address = self.address();
        match self.hand.heal(id) {
            None => Healed::proven(format!("injection {id} does not hold on {address}")),
            Some(version) => {
                Healed::proven(format!("{address} passes datagrams without it since change {version}"))
            }
        }
    }

    /// What an injection did so far, or had done when it was healed; `None` for a number that was never used or is forgotten
    /// (of what was healed, at least the last [`KEPT`](crate::injections::KEPT) less those that hold are remembered).
    #[must_use]
    pub fn evidence(&self, id: u32) -> Option<UdpEvidence> {
        self.hand.done_by(id).map(|(fault, tally)| tally.evidence(fault))
    }

    /// What passed through so far.
    #[must_use]
    pub fn counters(&self) -> UdpCounters {
        self.shared.counters()
    }

    /// Ends all sessions, loses what is under way, and returns when the port is free again.
    pub async fn stop(self) {
        let Self { shared, hand, tasks } = self;
        // Without a hand there is nobody to obey, which is how tasks learn of the end.
        drop(hand);
        for task in tasks {
            // It ended by itself, or by a panic that was told already.
            let _ = task.await;
        }
        drop(shared);
    }
}
