//! Taking connections in, one task for each, as many as there may be.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::connection;
use super::shared::{RELIEF, Shared, count};
use crate::dns::evidence::DnsTally;
use crate::dns::fault::DnsFault;
use crate::injections::Eye;

/// Accepts until there is nobody to obey any more.
pub(super) async fn run(shared: Arc<Shared>, listener: TcpListener, mut eye: Eye<DnsFault, DnsTally>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            changed = eye.changed() => if !changed { break },
            Some(_) = connections.join_next() => {
                shared.counts.open.fetch_sub(1, Relaxed);
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => serve(&shared, &eye, stream, &mut connections),
                Err(error) if concerns_one_peer(&error) => {}
                Err(_) => shared.alarm.until(shared.clock.now().plus(RELIEF)).await,
            },
        }
    }
    connections.shutdown().await;
}

fn serve(
    shared: &Arc<Shared>,
    eye: &Eye<DnsFault, DnsTally>,
    stream: TcpStream,
    connections: &mut JoinSet<()>,
) {
    if connections.len() >= shared.limits.connections {
        count(&shared.counts.turned_away);
        return;
    }
    count(&shared.counts.connections);
    count(&shared.counts.open);
    connections.spawn(connection::run(Arc::clone(shared), stream, eye.clone()));
}

/// Whether only the connection that was about to be accepted is lost, so that the next one can be tried at once.
fn concerns_one_peer(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
