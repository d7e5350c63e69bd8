//! The two sides of a connection and the two ways between them.

use std::sync::Arc;

use shakedown_scenarios::units::Span;
use tokio::net::TcpStream;

use super::Shared;
use super::connection::Over;
use super::flow::{Flow, Peer, ResetNow, Wants};
use crate::toxic::{Chance, Direction, End, Pipe, Rules, Settled};

/// A connection whose two sides are there.
#[derive(Debug)]
pub(super) struct Joined {
    shared: Arc<Shared>,
    pub(super) client: Peer,
    pub(super) server: Peer,
    up: Pipe,
    down: Pipe,
}

// === impl Joined ===

impl Joined {
    pub(super) fn new(shared: Arc<Shared>, number: u64, client: TcpStream, server: TcpStream) -> Self {
        let pipe = |direction| Pipe::new(direction, Chance::new(shared.streams, number, direction));
        let (up, down) = (pipe(Direction::Upstream), pipe(Direction::Downstream));
        Self { shared, client: Peer::new(client), server: Peer::new(server), up, down }
    }

    /// Moves all that can be moved under these rules without waiting, and says what to wait for, upstream first.
    pub(super) fn turn(&mut self, rules: &Rules) -> Result<[Wants; 2], Over> {
        let now = self.shared.clock.now();
        settle(&mut self.up, now, rules)?;
        settle(&mut self.down, now, rules)?;
        let mut up = self.flow_up(rules).turn()?;
        let mut down = self.flow_down(rules).turn()?;
        self.server.broken |= up.sink_broke;
        self.client.broken |= down.sink_broke;
        up.again |= pass_on_break(&mut self.client, &mut self.up, now, rules);
        down.again |= pass_on_break(&mut self.server, &mut self.down, now, rules);
        // A side that broke while it was written to has its own way back, which did not know yet.
        up.again |= up.sink_broke || down.sink_broke;
        if self.up.is_done() && self.down.is_done() { Err(Over::Orderly) } else { Ok([up, down]) }
    }

    /// Ends both sides: with a RST, or as the kernel closes sockets.
    pub(super) fn end(self, over: Over) {
        if over == Over::Reset {
            let _ = self.client.stream.set_zero_linger();
            let _ = self.server.stream.set_zero_linger();
        }
    }

    fn flow_up<'a>(&'a mut self, rules: &'a Rules) -> Flow<'a> {
        let (clock, moved) = (self.shared.clock, &self.shared.counters.up);
        Flow { pipe: &mut self.up, from: &self.client, to: &self.server, moved, rules, clock }
    }

    fn flow_down<'a>(&'a mut self, rules: &'a Rules) -> Flow<'a> {
        let (clock, moved) = (self.shared.clock, &self.shared.counters.down);
        Flow { pipe: &mut self.down, from: &self.server, to: &self.client, moved, rules, clock }
    }
}

fn settle(pipe: &mut Pipe, now: Span, rules: &Rules) -> Result<(), Over> {
    match pipe.settle(now, rules) {
        Settled::Goes => Ok(()),
        Settled::Reset(tally) => {
            tally.connection_reset();
            Err(Over::Reset)
        }
    }
}

/// A side that ended in order and then broke is not read any more, so its reset is put into its way here. It goes by
/// the rules like all else: a partition holds a reset back as it holds back bytes.
fn pass_on_break(peer: &mut Peer, pipe: &mut Pipe, now: Span, rules: &Rules) -> bool {
    let news = peer.broken && !peer.told && !pipe.is_open();
    if news {
        peer.told = true;
        pipe.take_end(End::Reset, now, rules);
    }
    news
}

impl From<ResetNow> for Over {
    fn from(_: ResetNow) -> Self {
        Self::Reset
    }
}
