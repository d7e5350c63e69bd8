//! One connection from its acceptance to its end: the target is dialled, both ways are moved, and its end is passed on.
//!
//! It never waits: [`Connection::turn`] does all that can be done now and says what to wait for.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustix::event::epoll::EventFlags;
use shakedown_scenarios::toxic::Side;
use shakedown_scenarios::units::Span;

use super::dial::{Dial, Dialling};
use super::flow::{Flow, Lane, Tools};
use super::peer::{Moved, Peer};
use super::shared::{Seen, Shared};
use crate::toxic::{Direction, End, Met, Over, Rules};

/// How much all ways of a link may keep under latencies, bytes; beyond it each keeps no more than its own buffer.
const TRAVELLING: usize = 512 << 20;

/// How long an ended connection may take to be read by its peers. Closing a socket that has unread bytes destroys what
/// is on its way to the other side (RFC 1122, 4.2.2.13).
const LINGER: Span = Span::secs(1);

/// A connection of a link.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) seen: Arc<Seen>,
    client: Peer,
    phase: Phase,
    up: Lane,
    down: Lane,
    /// What both ways kept after the last turn, bytes: this connection's part of what the link's ways keep.
    kept: usize,
}

#[derive(Debug)]
enum Phase {
    /// There is no second side yet.
    Dialling(Box<Dial>),
    /// Both sides are there.
    Joined(Peer),
    /// It is over, and what is on its way is read by its peers, or by its client if there was never a second side.
    Lingering { server: Option<Peer>, until: Span },
}

/// What is to happen with a connection after its turn.
#[derive(Debug)]
pub(super) enum Turned {
    /// It waits for its sockets, and for a moment.
    Waits(Option<Span>),
    /// It has more to do at once.
    Again,
    /// It has a second socket that is to be watched.
    Dialled(Option<Span>),
    /// A name is to be looked up for it.
    Asks(String, Option<Span>),
    /// It is over; dropping it closes its sockets.
    Over,
}

/// Which of the two sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Socket {
    Client,
    Server,
}

// === impl Connection ===

impl Connection {
    /// A connection counts as open from here until it is dropped.
    pub(super) fn new(shared: Arc<Shared>, number: u64, socket: OwnedFd, client: SocketAddr) -> Self {
        let since = shared.now();
        let seen = Arc::new(Seen { number, client, since, up: 0.into(), down: 0.into() });
        shared.list(&seen);
        Self {
            shared,
            seen,
            client: Peer::new(socket, true),
            phase: Phase::Dialling(Box::new(Dial::new(since))),
            up: Lane::new(Direction::Upstream),
            down: Lane::new(Direction::Downstream),
            kept: 0,
        }
    }

    pub(super) fn client_fd(&self) -> BorrowedFd<'_> {
        self.client.fd()
    }

    /// The second socket, once there is one.
    pub(super) fn server_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.phase {
            Phase::Dialling(dial) => dial.socket().map(Peer::fd),
            Phase::Joined(server) => Some(server.fd()),
            Phase::Lingering { server, .. } => server.as_ref().map(Peer::fd),
        }
    }

    /// Whether both sides are there and none is being ended: nobody but its sockets and moments has news for it then.
    pub(super) const fn is_joined(&self) -> bool {
        matches!(self.phase, Phase::Joined(_))
    }

    /// Notes what the kernel told of a socket.
    pub(super) fn note(&mut self, end: Socket, flags: EventFlags) {
        match (end, &mut self.phase) {
            (Socket::Client, _) => self.client.note(flags),
            (Socket::Server, Phase::Dialling(dial)) => dial.note(flags),
            (Socket::Server, Phase::Joined(server)) => server.note(flags),
            (Socket::Server, Phase::Lingering { server, .. }) => {
                server.iter_mut().for_each(|server| server.note(flags));
            }
        }
    }

    /// A name was looked up.
    pub(super) fn resolved(&mut self, found: Option<SocketAddr>) {
        if let Phase::Dialling(dial) = &mut self.phase {
            dial.resolved(found);
        }
    }

    /// Does all that can be done now.
    pub(super) fn turn(&mut self, rules: &Rules, tools: &mut Tools) -> Turned {
        let turned = match self.advance(rules, tools) {
            Ok(turned) => turned,
            Err(over) => self.end(over),
        };
        self.account(self.up.pipe.cost() + self.down.pipe.cost());
        turned
    }

    fn advance(&mut self, rules: &Rules, tools: &mut Tools) -> Result<Turned, Over> {
        if let Phase::Lingering { until, .. } = self.phase {
            return Ok(self.linger(until, tools));
        }
        let now = self.shared.now();
        self.settle(now, rules, tools)?;
        if matches!(self.phase, Phase::Dialling(_)) {
            return self.dial(now, rules, tools);
        }
        self.move_both(now, rules, tools)
    }

    /// Brings both ways in line with the rules.
    fn settle(&mut self, now: Span, rules: &Rules, tools: &mut Tools) -> Result<(), Over> {
        let met = Met { streams: self.shared.streams, number: self.seen.number, client: self.client_ip() };
        for lane in [&mut self.up, &mut self.down] {
            if let Some(over) = lane.pipe.settle(now, rules, &met) {
                return Err(over);
            }
            lane.reclaim(now, tools);
            if let Some(over) = lane.pipe.time_is_up(now) {
                return Err(over);
            }
        }
        Ok(())
    }

    fn client_ip(&self) -> IpAddr {
        self.seen.client.ip()
    }

    fn dial(&mut self, now: Span, rules: &Rules, tools: &mut Tools) -> Result<Turned, Over> {
        let Phase::Dialling(dial) = &mut self.phase else { return Ok(Turned::Again) };
        if self.client.broken {
            return Err(Over::RESET);
        }
        // A client that closed without having sent anything has left; what it sent is kept for the target.
        if self.client.ends() && !dial.is_connecting() && self.client.peek() == Moved::End {
            return Err(Over::Closed);
        }
        let deadline = deadline(&self.up, &self.down);
        match dial.turn(&self.shared, &self.seen, rules, now)? {
            Dialling::Waits(until) => Ok(Turned::Waits(earlier(until, deadline))),
            Dialling::Asks(name, until) => Ok(Turned::Asks(name, earlier(until, deadline))),
            Dialling::Connects(until) => Ok(Turned::Dialled(earlier(until, deadline))),
            Dialling::Done(server) => {
                self.phase = Phase::Joined(server);
                self.move_both(now, rules, tools)
            }
        }
    }

    /// Moves all that can be moved.
    fn move_both(&mut self, now: Span, rules: &Rules, tools: &mut Tools) -> Result<Turned, Over> {
        let Phase::Joined(server) = &mut self.phase else { return Ok(Turned::Again) };
        let (client, shared, seen) = (&mut self.client, &*self.shared, &*self.seen);
        let ample = self.kept == 0 || shared.travelling.load(Relaxed) < TRAVELLING;
        let version = rules.version();
        let mut turn = |lane: &mut Lane, back: &Lane, from: &mut Peer, to: &mut Peer| {
            let tools = &mut *tools;
            // Nothing is unread on a side whose end was passed on, so that its close is a FIN, and comes right after this.
            let closes = back.pipe.is_delivered() && !from.broken && !to.broken;
            Flow { lane, from, to, shared, seen, tools, version, ample, closes }.turn()
        };
        let moved = match turn(&mut self.up, &self.down, client, server) {
            Ok(up) => turn(&mut self.down, &self.up, server, client).map(|down| (up, down)),
            Err(over) => Err(over),
        };
        let (mut up, mut down) = moved?;
        server.broken |= up.sink_broke;
        client.broken |= down.sink_broke;
        up.again |= pass_on_break(client, &mut self.up, now);
        down.again |= pass_on_break(server, &mut self.down, now);
        // A side that broke while it was written to has its own way back, which did not know yet.
        let again = up.again || down.again || up.sink_broke || down.sink_broke;
        client.readable |= down.sink_broke;
        server.readable |= up.sink_broke;
        if self.up.is_done() && self.down.is_done() {
            return Ok(Turned::Over);
        }
        if again {
            return Ok(Turned::Again);
        }
        Ok(Turned::Waits(earlier(earlier(up.at, down.at), deadline(&self.up, &self.down))))
    }

    /// Ends both sides as it was decided.
    fn end(&mut self, over: Over) -> Turned {
        let side = match over {
            Over::Reset(side) => Some(side),
            Over::Closed => None,
        };
        if matches!(side, Some(Side::Both | Side::Client)) {
            self.client.reset_at_close();
        }
        let server = match &self.phase {
            Phase::Joined(server) => Some(server),
            Phase::Lingering { server, .. } => server.as_ref(),
            // A target that is being called may have accepted already.
            Phase::Dialling(dial) => dial.socket(),
        };
        if let Some(server) = server.filter(|_| matches!(side, Some(Side::Both | Side::Server))) {
            server.reset_at_close();
        }
        if side.is_some() { Turned::Over } else { self.close_in_order() }
    }

    fn close_in_order(&mut self) -> Turned {
        let until = self.shared.now().plus(LINGER);
        let phase = std::mem::replace(&mut self.phase, Phase::Dialling(Box::new(Dial::new(until))));
        let server = match phase {
            Phase::Joined(server) => Some(server),
            Phase::Dialling(_) => None,
            Phase::Lingering { .. } => return Turned::Over,
        };
        self.up = Lane::new(Direction::Upstream);
        self.down = Lane::new(Direction::Downstream);
        self.client.shut_write();
        server.iter().for_each(Peer::shut_write);
        self.phase = Phase::Lingering { server, until };
        Turned::Again
    }

    /// Reads what peers still send, and throws it away, until both are through.
    fn linger(&mut self, until: Span, tools: &mut Tools) -> Turned {
        let Phase::Lingering { server, .. } = &mut self.phase else { return Turned::Over };
        let client = drain(&mut self.client, tools);
        let server = server.as_mut().is_none_or(|server| drain(server, tools));
        if client && server || self.shared.now() >= until {
            return Turned::Over;
        }
        Turned::Waits(Some(until))
    }

    /// Keeps the sum of what the link's ways keep.
    fn account(&mut self, kept: usize) {
        if kept > self.kept {
            self.shared.travelling.fetch_add(kept - self.kept, Relaxed);
        } else if kept < self.kept {
            self.shared.travelling.fetch_sub(self.kept - kept, Relaxed);
        }
        self.kept = kept;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.account(0);
        self.shared.unlist(&self.seen);
    }
}

/// Reads and forgets; says whether the peer is through.
fn drain(peer: &mut Peer, tools: &mut Tools) -> bool {
    const READS_A_TURN: usize = 16;
    for _ in 0..READS_A_TURN {
        if !peer.readable {
            return false;
        }
        match peer.read(&mut tools.scratch) {
            Moved::Some(_) => {}
            Moved::Blocked => return false,
            Moved::End | Moved::Broken => return true,
        }
    }
    // One that sends without end is not waited for.
    true
}

fn deadline(up: &Lane, down: &Lane) -> Option<Span> {
    let moment = |lane: &Lane| lane.pipe.deadline().map(|(moment, _)| moment);
    earlier(moment(up), moment(down))
}

fn earlier(one: Option<Span>, other: Option<Span>) -> Option<Span> {
    [one, other].into_iter().flatten().min()
}

/// A side that ended in order and then broke is not read any more, so its reset is put into its way here. It goes by
/// the rules like all else: a partition holds a reset back as it holds back bytes.
fn pass_on_break(peer: &mut Peer, lane: &mut Lane, now: Span) -> bool {
    let news = peer.broken && !peer.told && !lane.pipe.is_open();
    if news {
        peer.told = true;
        lane.pipe.take_end(End::Reset, now);
    }
    news
}
