//! One connection from its acceptance to its end: the target is dialled, then both ways are moved by one task.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use shakedown_scenarios::units::Span;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

use super::Shared;
use super::flow::{Peer, Wants};
use super::joined::Joined;
use crate::toxic::Rules;

/// How long a target may take to accept. The kernel alone would try for two minutes.
const DIAL_WITHIN: Span = Span::secs(10);

/// An accepted connection.
#[derive(Debug)]
pub(super) struct Connection {
    shared: Arc<Shared>,
    rules: watch::Receiver<Arc<Rules>>,
    number: u64,
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Both ways came to their end in order, or the client went before there was a second side.
    Orderly,
    /// A side reset it, or a toxic did.
    Reset,
    /// The target could not be reached.
    Unreachable,
    /// The proxy is being stopped.
    Stopped,
}

// === impl Connection ===

impl Connection {
    /// A connection counts as open from here until it is dropped.
    pub(super) fn new(shared: Arc<Shared>, rules: watch::Receiver<Arc<Rules>>, number: u64) -> Self {
        shared.counters.open.fetch_add(1, Relaxed);
        Self { shared, rules, number }
    }

    pub(super) async fn run(mut self, client: TcpStream) {
        // Nothing of ours may hold back what a sender sent.
        let _ = client.set_nodelay(true);
        match self.dial(&client).await {
            Ok(server) => self.join(client, server).await,
            Err(over) => self.end_alone(&client, over),
        }
    }

    /// Connects to the target, once no partition is in the way.
    async fn dial(&mut self, client: &TcpStream) -> Result<TcpStream, Over> {
        self.wait_for_the_way(client).await?;
        let give_up = self.shared.clock.now().plus(DIAL_WITHIN);
        let dialling = connect(self.shared.upstream);
        tokio::pin!(dialling);
        loop {
            tokio::select! {
                biased;
                changed = self.rules.changed() => {
                    changed.map_err(|_| Over::Stopped)?;
                    self.obey_reset()?;
                }
                dialled = &mut dialling => return dialled.map_err(|_| Over::Unreachable),
                () = self.shared.alarm.until(give_up) => return Err(Over::Unreachable),
            }
        }
    }

    /// Waits while a partition is in the way of new connections. Nothing is read meanwhile: the kernel's buffer is
    /// the back-pressure.
    async fn wait_for_the_way(&mut self, client: &TcpStream) -> Result<(), Over> {
        let mut counted_up_to = 0;
        loop {
            self.obey_reset()?;
            let Some(newest) = self.count_held(counted_up_to) else { return Ok(()) };
            counted_up_to = newest;
            tokio::select! {
                changed = self.rules.changed() => changed.map_err(|_| Over::Stopped)?,
                () = given_up(client) => return Err(Over::Orderly),
            }
        }
    }

    /// Tells each partition once that it holds this connection; the version of the newest, or `None` if there is none.
    fn count_held(&mut self, counted_up_to: u64) -> Option<u64> {
        let rules = self.rules.borrow_and_update();
        for rule in rules.partitions().filter(|rule| rule.since > counted_up_to) {
            rule.tally.connection_held();
        }
        rules.partitions().map(|rule| rule.since).max()
    }

    fn obey_reset(&mut self) -> Result<(), Over> {
        let rules = self.rules.borrow_and_update();
        let Some(rule) = rules.resets() else { return Ok(()) };
        rule.tally.connection_reset();
        Err(Over::Reset)
    }

    /// There is no second side: a client whose target cannot be reached is reset, for it was accepted already.
    fn end_alone(&self, client: &TcpStream, over: Over) {
        if over == Over::Unreachable {
            self.shared.counters.dial_failures.fetch_add(1, Relaxed);
        }
        if matches!(over, Over::Unreachable | Over::Reset) {
            let _ = client.set_zero_linger();
        }
    }

    async fn join(&mut self, client: TcpStream, server: TcpStream) {
        let _ = server.set_nodelay(true);
        // From here on it is closed in order, unless there is a reason to reset it.
        let _ = SockRef::from(&server).set_linger(None);
        let mut joined = Joined::new(Arc::clone(&self.shared), self.number, client, server);
        let over = loop {
            let wants = match joined.turn(&self.rules.borrow_and_update().clone()) {
                Ok(wants) => wants,
                Err(over) => break over,
            };
            if let Err(over) = self.wait(&mut joined, wants).await {
                break over;
            }
        };
        joined.end(over);
    }

    /// Waits until there is something to do: for either side, for a moment, or for other rules.
    async fn wait(&mut self, joined: &mut Joined, [up, down]: [Wants; 2]) -> Result<(), Over> {
        if up.again || down.again {
            tokio::task::yield_now().await;
            return Ok(());
        }
        let moment = [up.at, down.at].into_iter().flatten().min();
        let Joined { client, server, .. } = joined;
        tokio::select! {
            biased;
            changed = self.rules.changed() => changed.map_err(|_| Over::Stopped)?,
            () = ready(client, up.read, down.write) => {}
            () = ready(server, down.read, up.write) => {}
            () = until(&self.shared, moment) => {}
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.counters.open.fetch_sub(1, Relaxed);
    }
}

async fn until(shared: &Shared, moment: Option<Span>) {
    match moment {
        Some(moment) => shared.alarm.until(moment).await,
        None => std::future::pending().await,
    }
}

/// Connects, with a socket that resets when it is dropped: a connection that a toxic resets while it comes about may
/// have been accepted by the target already.
async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_zero_linger()?;
    socket.connect(address).await
}

/// Waits until a side can be read or written, as asked, or turns out to have reset the connection.
async fn ready(peer: &mut Peer, read: bool, write: bool) {
    let asked = [(read, Interest::READABLE), (write, Interest::WRITABLE), (!peer.broken, Interest::ERROR)];
    let interests = asked.into_iter().filter_map(|(wanted, interest)| wanted.then_some(interest));
    let Some(interest) = interests.reduce(Interest::add) else { return std::future::pending().await };
    match peer.stream.ready(interest).await {
        Ok(ready) => peer.broken |= ready.is_error(),
        // It fails only when the runtime is being shut down, and then this task is as good as over.
        Err(_) => std::future::pending().await,
    }
}

/// Waits until a client that nobody answers has left. One that sent something and then closed is not told from one
/// that only closed its sending side, so its bytes are kept for the target; a reset is noticed always.
async fn given_up(client: &TcpStream) {
    let left = matches!(client.peek(&mut [0]).await, Ok(0) | Err(_));
    if !left {
        let _ = client.ready(Interest::ERROR).await;
    }
}
