//! One connection from its acceptance to its end: hands are shaken, the upstream is dialled, then both ways are moved by
//! one task.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use tokio::net::TcpStream;

use super::pump::Pump;
use super::side::Side;
use super::{Counters, Shared};
use crate::{AcceptError, TlsStream};

/// An accepted connection. It counts as open until it is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    shared: Arc<Shared>,
}

// === impl Connection ===

impl Connection {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        shared.counters.open.fetch_add(1, Relaxed);
        Self { shared }
    }

    pub(super) async fn shake(self, handshake: impl Future<Output = Result<TlsStream, AcceptError>>) {
        let counters = &self.shared.counters;
        match handshake.await {
            Ok(client) => {
                counters.handshakes.fetch_add(1, Relaxed);
                self.run(client.into()).await;
            }
            Err(_) => {
                counters.handshake_failures.fetch_add(1, Relaxed);
            }
        }
    }

    pub(super) async fn run(self, mut client: Side) {
        let Some(mut server) = self.reach(&client).await else {
            self.shared.counters.dial_failures.fetch_add(1, Relaxed);
            return client.reset();
        };
        let relayed = relay(&mut client, &mut server, &self.shared.counters).await;
        if relayed.is_ok() {
            return;
        }
        match client.cut() {
            Ok(parting) => parting.await,
            Err(client) => {
                client.reset();
                server.reset();
            }
        }
    }

    /// Connects to the upstream, with TLS if it speaks that.
    async fn reach(&self, client: &Side) -> Option<Side> {
        let shared = &self.shared;
        let dialling = TcpStream::connect(shared.upstream);
        let tcp = tokio::time::timeout(shared.dial_timeout.duration(), dialling).await.ok()?.ok()?;
        let _ = tcp.set_nodelay(true);
        let Some(connector) = &shared.connector else { return Some(tcp.into()) };
        let (asked, agreed) = client.talked_about();
        connector.connect(tcp, shared.upstream.ip(), asked, agreed).await.ok().map(Side::from)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.counters.open.fetch_sub(1, Relaxed);
    }
}

/// Moves bytes both ways until both have ended, or until one is broken.
async fn relay(client: &mut Side, server: &mut Side, counters: &Counters) -> io::Result<()> {
    let mut up = Pump::new(&counters.up, &counters.truncated);
    let mut down = Pump::new(&counters.down, &counters.truncated);
    poll_fn(|cx| {
        let up = broken(up.poll(cx, client, server))?;
        let down = broken(down.poll(cx, server, client))?;
        if up && down { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

/// Whether a way has ended; an error ends both.
fn broken(polled: Poll<io::Result<()>>) -> io::Result<bool> {
    match polled {
        Poll::Ready(ended) => ended.map(|()| true),
        Poll::Pending => Ok(false),
    }
}
