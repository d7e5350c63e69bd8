//! The thin shell: a listener, HTTP/1, and who may ask.
//!
//! On loopback the request must be meant for this machine and come from no web page; anywhere else it needs a token as
//! well. What the answer is, is [`crate::handle`]'s part.

mod connection;
mod gate;
mod patience;
mod runtime;
mod token;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use hyper_util::server::graceful::GracefulShutdown;
use shakedown_scenarios::units::Span;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::address::{self, AddressError};
use crate::collection::{Collection, Exposed};
use crate::engine::{Engine, Plane};
use crate::news::Log;
use crate::toxiproxy::{self, json};
use gate::Gate;
use token::Token;

pub use patience::Patience;
pub use token::TokenError;

/// What a server is asked to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// The host to listen on.
    pub host: String,
    /// The port; 0: a free one.
    pub port: u16,
    /// The proxies to begin with: a file in the form of `/populate`'s body.
    pub config: Option<PathBuf>,
    /// Everything random comes from it.
    pub seed: u64,
    /// Whether `/metrics` tells about proxies.
    pub proxy_metrics: bool,
    /// Whether `/metrics` tells about this process.
    pub runtime_metrics: bool,
    /// Where the token is that requests must carry.
    pub token_file: Option<PathBuf>,
    /// How long clients may take.
    pub patience: Patience,
    /// Whom to tell what happens.
    pub log: Log,
}

/// A control plane that listens, and its proxies.
#[derive(Debug)]
pub struct Server<E: Engine> {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared<E>>,
    patience: Patience,
}

/// What connections have in common.
#[derive(Debug)]
struct Shared<E: Engine> {
    collection: Mutex<Collection<E>>,
    gate: Gate,
}

/// Why a control plane could not begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The host is none.
    #[error("listen on the host `{host}`; write one such as `localhost`")]
    Host {
        /// What was said.
        host: String,
        /// What is wrong.
        source: AddressError,
    },
    /// Others could reach it.
    #[error("listen on {0}, which others can reach, without a token; add `--token-file FILE`")]
    NoToken(SocketAddr),
    /// The token's file is no good.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The port could not be had.
    #[error("listen on {address}; name a free port with `--port`, or 0 for any")]
    Listen {
        /// Where it should have listened.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The config could not be read.
    #[error("read the config {path}")]
    Config {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The config's proxies could not be made.
    #[error("make the proxies of {path}: {why}")]
    Populate {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

/// The most connections to the control plane at once; more wait until one ends.
const MOST_CONNECTIONS: usize = 512;
/// How long to wait after an `accept` that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Span = Span::millis(50);
/// How long what is being answered may take once the end was asked for.
const FAREWELL: Span = Span::secs(2);
/// The largest config, in bytes.
const LARGEST_CONFIG: u64 = 16 << 20;

// === impl Server ===

impl<E> Server<E>
where
    E: Engine + Send + 'static,
    E::Proxy: Plane + Send,
    E::Link: Send,
{
    /// Listens, and makes the config's proxies.
    ///
    /// It must be called within a tokio runtime that has IO and time enabled.
    ///
    /// # Errors
    /// If the address cannot be had, others could reach it without a token, or the config is no good.
    pub async fn open(engine: E, options: &Options) -> Result<Self, OpenError> {
        let wanted = address::resolve(&with_port(&options.host, options.port));
        let wanted = wanted.map_err(|source| OpenError::Host { host: options.host.clone(), source })?;
        if !wanted.ip().is_loopback() && options.token_file.is_none() {
            return Err(OpenError::NoToken(wanted));
        }
        let token = options.token_file.as_deref().map(Token::from_file).transpose()?;
        let failed = |source| OpenError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = options.runtime_metrics.then_some(runtime::figures as fn() -> _);
        let exposed = Exposed { proxies: options.proxy_metrics, runtime };
        let mut collection = Collection::new(engine, options.seed, exposed).telling(options.log.clone());
        configure(&mut collection, options)?;
        let gate = Gate::new(&options.host, address, token);
        let shared = Arc::new(Shared { collection: Mutex::new(collection), gate });
        Ok(Self { listener, address, shared, patience: options.patience })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The names and addresses of the proxies that run.
    #[must_use]
    pub fn proxies(&self) -> Vec<(String, String)> {
        let collection = self.shared.collection.lock().unwrap_or_else(PoisonError::into_inner);
        collection.entries().map(|entry| (entry.name().to_owned(), entry.listen().to_owned())).collect()
    }

    /// Answers until `stop` is done, then finishes what is being answered and ends all proxies.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let graceful = GracefulShutdown::new();
        tokio::pin!(stop);
        loop {
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (accept(&self.listener).await, place)
            };
            let (stream, place) = tokio::select! {
                () = &mut stop => break,
                next = next => next,
            };
            let connection = connection::serve(stream, Arc::clone(&self.shared), self.patience, &graceful);
            tokio::spawn(async move {
                connection.await;
                drop(place);
            });
        }
        drop(self.listener);
        let _ = tokio::time::timeout(FAREWELL.duration(), graceful.shutdown()).await;
        self.shared.collection.lock().unwrap_or_else(PoisonError::into_inner).close();
    }
}

fn configure<E: Engine>(collection: &mut Collection<E>, options: &Options) -> Result<(), OpenError> {
    use std::io::Read as _;

    let Some(path) = options.config.clone() else { return Ok(()) };
    let mut body = Vec::new();
    let file = std::fs::File::open(&path);
    match file.and_then(|file| file.take(LARGEST_CONFIG + 1).read_to_end(&mut body)) {
        Err(source) => return Err(OpenError::Config { path, source }),
        Ok(_) if body.len() as u64 > LARGEST_CONFIG => {
            return Err(OpenError::Populate {
                path,
                why: format!("it is larger than {LARGEST_CONFIG} bytes"),
            });
        }
        Ok(_) => {}
    }
    let outcome = toxiproxy::populate(collection, &json::text(&body));
    outcome.map(drop).map_err(|stopped| OpenError::Populate { path, why: stopped.error.to_string() })
}

/// The next client. A failed `accept` is never the end.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            // Answers are small and written at once.
            let _ = stream.set_nodelay(true);
            return stream;
        }
        tokio::time::sleep_until(tokio::time::Instant::now() + ACCEPT_PAUSE.duration()).await;
    }
}

fn with_port(host: &str, port: u16) -> String {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.contains(':') { format!("[{bare}]:{port}") } else { format!("{bare}:{port}") }
}
