//! Taking connections in, one task for each.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use shakedown_scenarios::units::Span;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Shared;
use super::connection::Connection;
use crate::toxic::Rules;

/// How long to wait after the machine had no descriptor or memory for a connection: long enough that trying costs
/// nothing, short enough that service is back well within a second of relief.
const RELIEF: Span = Span::millis(50);

/// Accepts until it is aborted.
#[derive(Debug)]
pub(super) struct Acceptor {
    shared: Arc<Shared>,
    rules: watch::Receiver<Arc<Rules>>,
    listener: Option<(TcpListener, u64)>,
}

impl Acceptor {
    pub(super) const fn new(shared: Arc<Shared>, rules: watch::Receiver<Arc<Rules>>) -> Self {
        Self { shared, rules, listener: None }
    }

    pub(super) async fn run(mut self) {
        loop {
            if self.renew_listener().is_err() {
                self.wait_for_relief().await;
                continue;
            }
            let arrived = tokio::select! {
                biased;
                changed = self.rules.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                arrived = accept(self.listener.as_ref()) => arrived,
            };
            match arrived {
                Ok(client) => self.serve(client),
                Err(error) if concerns_one_peer(&error) => {}
                Err(_) => self.wait_for_relief().await,
            }
        }
    }

    /// Listens by the newest opening of the door, or not at all while it is shut.
    fn renew_listener(&mut self) -> io::Result<()> {
        let refuses = self.rules.borrow_and_update().refuses();
        let opening = self.shared.door.opening();
        match &self.listener {
            _ if refuses => self.listener = None,
            Some((_, of)) if *of == opening => {}
            _ => self.listener = Some((self.shared.door.listener()?, opening)),
        }
        Ok(())
    }

    fn serve(&self, client: TcpStream) {
        let number = self.shared.counters.accepted.fetch_add(1, Relaxed);
        let connection = Connection::new(Arc::clone(&self.shared), self.rules.clone(), number);
        tokio::spawn(connection.run(client));
    }

    /// Waits a little, or until the rules change, whichever comes first.
    async fn wait_for_relief(&mut self) {
        let until = self.shared.clock.now().plus(RELIEF);
        tokio::select! {
            _ = self.rules.changed() => {}
            () = self.shared.alarm.until(until) => {}
        }
    }
}

async fn accept(listener: Option<&(TcpListener, u64)>) -> io::Result<TcpStream> {
    match listener {
        Some((listener, _)) => listener.accept().await.map(|(client, _)| client),
        None => std::future::pending().await,
    }
}

/// Whether only the connection that was about to be accepted is lost, so that the next one can be tried at once.
fn concerns_one_peer(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
