//! A DNS responder on UDP and TCP, at one port.
//!
//! Control never waits for data: [`DnsResponder::inject`] and [`DnsResponder::heal`] publish and return. Answers that are
//! still waiting go at once when the fault they wait for is healed. What it keeps is bounded: queries that wait or are
//! forwarded, connections, the length of a query, and the time that a connection may be idle.
//!
//! What it does not know: more than one query of a connection at a time (they are answered one after the other).

mod asked;
mod connection;
mod datagrams;
mod forward;
mod listener;
mod shared;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use shakedown_faults::alarm::{Alarm, Clock};
use shakedown_faults::proof::Healed;
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::Span;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::evidence::{DnsEvidence, DnsTally};
use super::fault::DnsFault;
use super::faults::DnsFaults;
use super::zone::Zone;
use crate::injections::{Hand, InjectError};
use shared::{Counts, Judge, Shared};

/// A running responder. Dropping it ends it and its connections.
///
/// ```
/// use shakedown_datagram_faults::dns::{DnsAct, DnsFault, DnsResponder, Zone, ZoneDescription};
/// use tokio::net::UdpSocket;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let description: ZoneDescription = serde_json::from_str(r#"{"names": {"db.test": ["127.0.0.1"]}}"#)?;
/// let zone = Zone::new(&description).expect("nothing is wrong with it");
/// let responder = DnsResponder::start("127.0.0.1:0".parse().expect("an address"), zone, 42)?;
/// responder.inject(1, DnsFault::on_all(DnsAct::Servfail)).expect("nothing holds yet");
///
/// let client = UdpSocket::bind("127.0.0.1:0").await?;
/// let query = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02db\x04test\x00\x00\x01\x00\x01";
/// let mut answer = [0; 512];
/// client.send_to(query, responder.address()).await?;
/// client.recv(&mut answer).await?;
/// assert_eq!(answer[3] & 0xf, 2);
///
/// assert!(responder.heal(1).proven);
/// client.send_to(query, responder.address()).await?;
/// let len = client.recv(&mut answer).await?;
/// assert!(answer[..len].ends_with(&[127, 0, 0, 1]));
/// responder.stop().await;
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct DnsResponder {
    shared: Arc<Shared>,
    hand: Hand<DnsFault, DnsTally>,
    tasks: [JoinHandle<()>; 2],
}

/// What a responder keeps at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsLimits {
    /// Queries over UDP that wait or are forwarded, at a time. More get no answer.
    pub pending: usize,
    /// Connections at a time. More are closed at once.
    pub connections: usize,
    /// How long a connection may take for its next query, and for taking an answer.
    pub idle: Span,
    /// How long another resolver may take; then the client gets SERVFAIL.
    pub patience: Span,
}

/// What passed through a responder, cumulative but for `open` and `pending`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DnsCounters {
    /// Datagrams that came.
    pub datagrams: u64,
    /// Queries that came over connections.
    pub streamed: u64,
    /// Answers that went.
    pub answered: u64,
    /// Queries that were met with silence: by a fault, or because they were none.
    pub silent: u64,
    /// Queries that another resolver was asked about.
    pub forwarded: u64,
    /// Those of them that it did not answer in time, or wrongly.
    pub forward_failures: u64,
    /// Queries that got no answer because too many were pending.
    pub overflowed: u64,
    /// Answers that the kernel would not send.
    pub unsendable: u64,
    /// Connections that were accepted.
    pub connections: u64,
    /// Connections that were closed at once because there were too many.
    pub turned_away: u64,
    /// Connections that were closed because a query was too long, or nothing came in time.
    pub given_up: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Queries over UDP that wait or are forwarded now.
    pub pending: usize,
}

/// How often to look for a port that is free for both UDP and TCP.
const TRIES: usize = 32;

// === impl DnsLimits ===

impl Default for DnsLimits {
    fn default() -> Self {
        Self { pending: 4_096, connections: 256, idle: Span::secs(10), patience: Span::secs(5) }
    }
}

// === impl DnsResponder ===

impl DnsResponder {
    /// Starts a responder at `listen` (port 0: one that is free for UDP and TCP), within the default [`DnsLimits`]. Chance
    /// comes from one stream of `seed`, drawn from in the order in which queries are taken.
    ///
    /// It must be called within a tokio runtime that has IO and time enabled.
    ///
    /// # Errors
    /// If the address cannot be bound for UDP or not for TCP, or is the one that the zone forwards to.
    pub fn start(listen: SocketAddr, zone: Zone, seed: u64) -> io::Result<Self> {
        Self::start_within(listen, zone, seed, DnsLimits::default())
    }

    /// The same within other limits.
    ///
    /// # Errors
    /// As for [`DnsResponder::start`].
    pub fn start_within(listen: SocketAddr, zone: Zone, seed: u64, limits: DnsLimits) -> io::Result<Self> {
        let (socket, listener) = bind_both(listen)?;
        let address = socket.local_addr()?;
        if zone.forwards_to() == Some(address) {
            let message =
                format!("{address} is the responder's own address; expected that of another resolver");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let clock = Clock::start();
        let hand = Hand::new();
        let chance = Streams::new(seed).stream("dns");
        let judge = Judge { eye: hand.eye(), faults: DnsFaults::default(), chance };
        let shared = Arc::new(Shared {
            socket,
            address,
            zone,
            limits,
            clock,
            alarm: Alarm::start(clock)?,
            judge: Mutex::new(judge),
            pending: Arc::new(Semaphore::new(limits.pending.min(Semaphore::MAX_PERMITS))),
            counts: Counts::default(),
        });
        let datagrams = datagrams::run(Arc::clone(&shared), hand.eye());
        let streams = listener::run(Arc::clone(&shared), listener, hand.eye());
        let tasks = [tokio::spawn(datagrams), tokio::spawn(streams)];
        Ok(Self { shared, hand, tasks })
    }

    /// Where it answers, over UDP and TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Makes a fault hold, for every query that is taken from the return of this call on.
    ///
    /// # Errors
    /// If the number names an injection that holds, too many hold, or [`DnsFault::check`] finds problems. Nothing is
    /// changed then.
    pub fn inject(&self, id: u32, fault: DnsFault) -> Result<(), InjectError> {
        let problems = fault.check();
        self.hand.inject(id, fault, problems)
    }

    /// Ends an injection. Answers that wait because of it go at once. Ending one that does not hold is no error: healing is
    /// idempotent.
    pub fn heal(&self, id: u32) -> Healed {
        let address = self.address();
        match self.hand.heal(id) {
            None => Healed::proven(format!("injection {id} does not hold on {address}")),
            Some(version) => {
                Healed::proven(format!("{address} answers queries without it since change {version}"))
            }
        }
    }

    /// What an injection did so far, or had done when it was healed; `None` for a number that was never used or is forgotten
    /// (of what was healed, at least the last [`KEPT`](crate::injections::KEPT) less those that hold are remembered).
    #[must_use]
    pub fn evidence(&self, id: u32) -> Option<DnsEvidence> {
        self.hand.done_by(id).map(|(fault, tally)| tally.evidence(fault))
    }

    /// What passed through so far.
    #[must_use]
    pub fn counters(&self) -> DnsCounters {
        self.shared.counters()
    }

    /// Ends all connections, gives up what is pending, and returns when the port is free again.
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

/// Binds one port for both. Where any will do, one that is free for UDP may be taken for TCP: then another is tried.
fn bind_both(listen: SocketAddr) -> io::Result<(tokio::net::UdpSocket, tokio::net::TcpListener)> {
    let mut tries = TRIES;
    loop {
        tries -= 1;
        let socket = std::net::UdpSocket::bind(listen)?;
        socket.set_nonblocking(true)?;
        match shared::listen(socket.local_addr()?) {
            Ok(listener) => return Ok((tokio::net::UdpSocket::from_std(socket)?, listener)),
            Err(error) if listen.port() != 0 || tries == 0 => return Err(error),
            Err(_) => {}
        }
    }
}
