//! Taking connections in, one task for each, until the proxy stops.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use shakedown_scenarios::units::Span;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Shared;
use super::connection::Connection;

/// How long to wait after the machine had no descriptor or memory for a connection: long enough that trying costs
/// nothing, short enough that service is back well within a second of relief.
const RELIEF: Span = Span::millis(50);

/// Accepts until `stop` is dropped, then ends all connections.
pub(super) async fn run(shared: Arc<Shared>, listener: TcpListener, mut stop: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = &mut stop => break,
            Some(_) = connections.join_next() => {}
            arrived = take(&listener) => if let Some(client) = arrived {
                serve(&shared, client, &mut connections);
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// The next connection; `None` where there was one and it is lost, or nothing could be accepted for a while.
async fn take(listener: &TcpListener) -> Option<TcpStream> {
    match listener.accept().await {
        Ok((client, _)) => Some(client),
        Err(error) if concerns_one_peer(&error) => None,
        Err(_) => {
            let _ = tokio::time::timeout(RELIEF.duration(), std::future::pending::<()>()).await;
            None
        }
    }
}

/// Everything that depends on the order of acceptance happens here and not in the task.
fn serve(shared: &Arc<Shared>, client: TcpStream, connections: &mut JoinSet<()>) {
    shared.counters.accepted.fetch_add(1, Relaxed);
    let connection = Connection::new(Arc::clone(shared));
    match &shared.acceptor {
        Some(acceptor) => connections.spawn(connection.shake(acceptor.accept(client))),
        None => connections.spawn(connection.run(client.into())),
    };
}

/// Whether only the connection that was about to be accepted is lost, so that the next one can be tried at once.
fn concerns_one_peer(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
