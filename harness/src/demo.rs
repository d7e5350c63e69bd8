//! The demonstration target: a small shop and its store, so that the first experiment needs no server installed.
//!
//! Two roles of one program. The *store* keeps key-value pairs in memory and speaks lines over TCP ([`store`]). The
//! *shop* serves HTTP/1.1 and asks the store for what it sells ([`shop`]) over a bounded pool of connections
//! ([`pool`]) with a time limit, remembering a few answers for a second ([`cache`]). It may find its store by name
//! ([`resolver`]). It behaves like an honest small
//! system: nothing is retried, nothing is hidden, a lost connection is replaced by the next request that needs one.
//!
//! A third role stands by itself: the *chat* ([`chat`]) sends to all WebSockets what is said on one. A fourth one, the
//! *primary* ([`primary`]), keeps registers on a store that is its replica, and may be told to acknowledge writes too early.
//!
//! It knows nothing of experiments, links or faults, has no defects planted (those are in `fixtures`), and listens on
//! 127.0.0.1 only.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use shakedown_scenarios::units::Span;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use self::primary::Acknowledge;
use crate::console;

pub mod cache;
pub mod chat;
pub mod pool;
pub mod primary;
pub mod resolver;
pub mod shop;
pub mod store;

/// What the demonstration target is asked to be.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Which part of the demonstration system to be
    #[arg(long, value_enum, default_value_t = Role::Shop)]
    pub role: Role,
    /// The port on 127.0.0.1 to listen on; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub port: u16,
    /// Where the shop finds its store, and the primary its replica; must be a loopback address
    #[arg(long, value_name = "HOST:PORT", value_parser = loopback, required_if_eq_any([("role", "shop"), ("role", "primary")]))]
    pub db: Option<SocketAddr>,
    /// Where the primary reads from its replica [default: as --db]; must be a loopback address
    #[arg(long, value_name = "HOST:PORT", value_parser = loopback)]
    pub reads: Option<SocketAddr>,
    /// When the primary acknowledges a write
    #[arg(long, value_enum, default_value_t = Acknowledge::Late)]
    pub acknowledge: Acknowledge,
    /// The name under which the shop asks `--resolver` for its store; the port is that of `--db`
    #[arg(long, value_name = "NAME", requires = "resolver")]
    pub db_name: Option<String>,
    /// The name server (UDP) that the shop asks before each connection to its store; must be a loopback address
    #[arg(long, value_name = "HOST:PORT", value_parser = loopback, requires = "db_name")]
    pub resolver: Option<SocketAddr>,
    /// How many connections the shop opens to its store at the most
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub connections: u16,
    /// How long the shop waits for its store before it answers 503
    #[arg(long, value_name = "SPAN", default_value = "500ms")]
    pub timeout: Span,
}

/// A part of the demonstration system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// An HTTP server: `/healthz` and `/items/N`
    Shop,
    /// A key-value server: `GET key`, `SET key value`, one line each
    Store,
    /// WebSockets: what one says, all hear
    Chat,
    /// Registers, in Redis's protocol: `GET key`, `SET key value`; kept on a store
    Primary,
}

/// Why the demonstration target could not serve.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The port could not be had.
    #[error("listen on {address}; name a free port with `--port`, or 0 for any")]
    Listen {
        /// Where it should have listened.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The shop, or the primary, was given no store.
    #[error("serve the shop or the primary without a store; name one with `--db 127.0.0.1:PORT`")]
    NoStore,
    /// The process could not be told to listen to SIGTERM.
    #[error("listen to SIGTERM and SIGINT")]
    Signals(#[source] io::Error),
}

/// How long connections may take to finish what they do once the end was asked for.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long to wait after an `accept` that failed for want of descriptors or memory: trying again at once would burn a
/// core without any hope.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until SIGTERM or SIGINT, then ends cleanly: what is being answered is finished, at most two seconds long.
///
/// # Errors
/// When the port is taken, when a shop was given no store, or when signals cannot be heard.
pub async fn serve(options: Options) -> Result<(), DemoError> {
    // Before the port opens: whoever sees it open may send SIGTERM at once.
    let mut terminate = signal(SignalKind::terminate()).map_err(DemoError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DemoError::Signals)?;
    let listener = listen(options.port).await?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    announce(&options, &listener);
    serve_on(listener, &options, stop).await
}

/// Serves on a listener that is open already, until `stop` is done.
///
/// # Errors
/// When a shop or a primary was given no store.
pub async fn serve_on(
    listener: TcpListener,
    options: &Options,
    stop: impl Future<Output = ()>,
) -> Result<(), DemoError> {
    match options.role {
        Role::Store => store::serve(listener, stop).await,
        Role::Chat => chat::serve(listener, stop).await,
        Role::Primary => {
            let copies = options.db.ok_or(DemoError::NoStore)?;
            let (reads, acknowledge) = (options.reads.unwrap_or(copies), options.acknowledge);
            primary::serve(listener, primary::Replica { copies, reads, acknowledge }, stop).await;
        }
        Role::Shop => {
            let address = options.db.ok_or(DemoError::NoStore)?;
            let upstream = match options.db_name.clone().zip(options.resolver) {
                Some((name, resolver)) => pool::Upstream::Named { name, port: address.port(), resolver },
                None => pool::Upstream::At(address),
            };
            let limits = pool::Limits {
                connections: usize::from(options.connections),
                patience: options.timeout.duration(),
            };
            shop::serve(listener, pool::Pool::new(upstream, limits), stop).await;
        }
    }
    Ok(())
}

/// Opens a port on 127.0.0.1.
///
/// # Errors
/// When it is taken or may not be had.
pub async fn listen(port: u16) -> Result<TcpListener, DemoError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.map_err(|source| DemoError::Listen { address, source })
}

/// The next client, once there is a place for it.
async fn next_client(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (Result<OwnedSemaphorePermit, AcquireError>, TcpStream) {
    let place = Arc::clone(places).acquire_owned().await;
    (place, accept(listener).await)
}

/// The next client. A failed `accept` (no descriptors left, a client that gave up) is never the end: it is tried
/// again after a pause.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            // Answers are small and written at once; waiting to fill a segment would only add to the latency.
            let _ = stream.set_nodelay(true);
            return stream;
        }
        tokio::time::sleep_until(tokio::time::Instant::now() + ACCEPT_PAUSE).await;
    }
}

fn announce(options: &Options, listener: &TcpListener) {
    let address = listener.local_addr().map_or_else(|_| "an unknown address".to_owned(), |it| it.to_string());
    match (options.role, options.db) {
        (Role::Primary, Some(db)) => {
            console::say(&format!("the primary listens on {address}; its replica is {db}"))
        }
        (Role::Shop, Some(db)) => console::say(&format!("the shop listens on {address}; its store is {db}")),
        (role, _) => console::say(&format!("the {role:?} listens on {address}").to_lowercase()),
    }
}

/// Reads `host:port` and takes it only if every address behind it is this machine's loopback.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let expected = "expected a loopback address such as `127.0.0.1:6400`";
    let addresses: Vec<SocketAddr> =
        text.to_socket_addrs().map_err(|error| format!("{expected}, found `{text}` ({error})"))?.collect();
    match addresses.first() {
        // `localhost` may name ::1 first, where nothing of ours listens.
        Some(first) if addresses.iter().all(|it| it.ip().is_loopback()) => {
            Ok(addresses.iter().find(|it| it.is_ipv4()).copied().unwrap_or(*first))
        }
        _ => Err(format!("{expected}, found `{text}`")),
    }
}

#[cfg(test)]
mod tests;
