//! Taking datagrams from the server for one client.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use shakedown_faults::toxic::Direction;

use super::buffer;
use super::shared::{RELIEF, Session, Shared};
use crate::injections::Eye;
use crate::udp::evidence::UdpTally;
use crate::udp::fate::Journey;
use crate::udp::fault::UdpFault;
use crate::udp::flow::Flow;

/// So many datagrams are taken before others get their turn.
const BATCH: usize = 32;

/// One session's way down.
struct Downward {
    shared: Arc<Shared>,
    session: Arc<Session>,
    eye: Eye<UdpFault, UdpTally>,
    flow: Flow,
    journeys: Vec<Journey>,
}

/// Takes datagrams until it is aborted, which is how sessions end.
pub(super) async fn run(shared: Arc<Shared>, session: Arc<Session>, eye: Eye<UdpFault, UdpTally>) {
    let flow = Flow::new(shared.streams, session.number, Direction::Downstream);
    let mut downward = Downward { shared, session, eye, flow, journeys: Vec::new() };
    loop {
        let ready = downward.session.socket.readable().await;
        if ready.and_then(|()| downward.take_some()).is_err() {
            let relief = downward.shared.clock.now().plus(RELIEF);
            downward.shared.alarm.until(relief).await;
        }
        tokio::task::yield_now().await;
    }
}

// === impl Downward ===

impl Downward {
    fn take_some(&mut self) -> io::Result<()> {
        buffer::with(|bytes| {
            for _ in 0..BATCH {
                match self.session.socket.try_recv(bytes) {
                    Ok(len) => self.take(&mut bytes[..len]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                        self.shared.counts.unreachable.fetch_add(1, Relaxed);
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    fn take(&mut self, bytes: &mut [u8]) {
        self.shared.came(Direction::Downstream, bytes.len());
        self.session.used(self.shared.clock.now());
        self.flow.follow(self.eye.look());
        self.flow.decide(bytes.len(), &mut self.journeys);
        for journey in &self.journeys {
            self.shared.forward(&self.session, &self.flow, bytes, journey);
        }
    }
}
