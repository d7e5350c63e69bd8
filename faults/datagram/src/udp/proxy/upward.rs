//! Taking datagrams from clients: which session is theirs, and what becomes of them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use shakedown_faults::toxic::Direction;
use shakedown_scenarios::units::Span;
use tokio::task::{AbortHandle, JoinSet};

use super::shared::{RELIEF, Session, Shared};
use super::{buffer, downward};
use crate::injections::Eye;
use crate::udp::evidence::UdpTally;
use crate::udp::fate::Journey;
use crate::udp::fault::UdpFault;
use crate::udp::flow::Flow;
use crate::udp::sessions::{Seat, Sessions};

/// So many datagrams are taken before others get their turn.
const BATCH: usize = 64;

/// Takes datagrams from clients until there is nobody to obey any more.
#[derive(Debug)]
pub(super) struct Upward {
    shared: Arc<Shared>,
    eye: Eye<UdpFault, UdpTally>,
    sessions: Sessions<Open>,
    tasks: JoinSet<()>,
    journeys: Vec<Journey>,
}

/// A session that is open. Its other way ends with this.
#[derive(Debug)]
struct Open {
    session: Arc<Session>,
    flow: Flow,
    downward: AbortHandle,
}

// === impl Upward ===

impl Upward {
    pub(super) fn new(shared: Arc<Shared>, eye: Eye<UdpFault, UdpTally>) -> Self {
        let sessions = Sessions::new(shared.limits.sessions, shared.limits.idle);
        Self { shared, eye, sessions, tasks: JoinSet::new(), journeys: Vec::new() }
    }

    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            tokio::select! {
                biased;
                changed = self.eye.changed() => if !changed { break },
                () = shared.until(self.sessions.look_at()) => self.expire(),
                ready = shared.socket.readable() => {
                    if ready.and_then(|()| self.take_some()).is_err() {
                        shared.alarm.until(shared.clock.now().plus(RELIEF)).await;
                    }
                }
            }
            // Those that ended leave their result behind.
            while self.tasks.try_join_next().is_some() {}
            tokio::task::yield_now().await;
        }
        self.tasks.shutdown().await;
    }

    fn take_some(&mut self) -> io::Result<()> {
        buffer::with(|bytes| {
            for _ in 0..BATCH {
                match self.shared.socket.try_recv_from(bytes) {
                    Ok((len, client)) => self.take(client, &mut bytes[..len]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    fn take(&mut self, client: SocketAddr, bytes: &mut [u8]) {
        self.shared.came(Direction::Upstream, bytes.len());
        let now = self.shared.clock.now();
        if self.sessions.get(client).is_none() && self.open(client, now).is_err() {
            self.shared.counts.refused.fetch_add(1, Relaxed);
            return;
        }
        let Some(open) = self.sessions.get(client) else { return };
        open.session.used(now);
        open.flow.follow(self.eye.look());
        open.flow.decide(bytes.len(), &mut self.journeys);
        for journey in &self.journeys {
            self.shared.forward(&open.session, &open.flow, bytes, journey);
        }
    }

    fn open(&mut self, client: SocketAddr, now: Span) -> io::Result<()> {
        let number = self.shared.counts.sessions.load(Relaxed);
        let session = Arc::new(Session::open(number, client, self.shared.upstream, now)?);
        self.shared.counts.sessions.fetch_add(1, Relaxed);
        self.shared.counts.open.fetch_add(1, Relaxed);
        let downward = downward::run(Arc::clone(&self.shared), Arc::clone(&session), self.eye.clone());
        let downward = self.tasks.spawn(downward);
        let flow = Flow::new(self.shared.streams, number, Direction::Upstream);
        if let Some(gone) = self.sessions.seat(client, Open { session, flow, downward }) {
            self.end(&gone);
            self.shared.counts.evicted.fetch_add(1, Relaxed);
            if gone.is_hurried(now) {
                self.shared.counts.hurried.fetch_add(1, Relaxed);
            }
        }
        Ok(())
    }

    fn expire(&mut self) {
        for gone in self.sessions.ended(self.shared.clock.now()) {
            self.end(&gone);
            self.shared.counts.expired.fetch_add(1, Relaxed);
        }
    }

    fn end(&self, gone: &Open) {
        gone.downward.abort();
        self.shared.counts.open.fetch_sub(1, Relaxed);
    }
}

// === impl Open ===

impl Seat for Open {
    fn last_used(&self) -> Span {
        self.session.last_used()
    }

    fn is_busy(&self) -> bool {
        self.session.is_busy()
    }
}
