//! The shop's connections to its store: never more than a set number, each question under a time limit.
//!
//! Nothing is retried. A connection on which a question failed is closed, for its answer might still come and would be
//! taken for another's; one that the store closed while it idled is noticed and passed over; the next question that
//! finds no idle connection dials a new one.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::resolver::{self, ResolveError};
use super::store::{LINE_MAX, Line, read_line};

/// The bounds of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at the most, 1 or more.
    pub connections: usize,
    /// From the moment of the question to its answer, the wait for a free connection included.
    pub patience: Duration,
}

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// At this address.
    At(SocketAddr),
    /// Where a name server says, asked for each connection. A connection is kept for a second then, so that a store that
    /// moves is found.
    Named {
        /// The store's name.
        name: String,
        /// The store's port.
        port: u16,
        /// The name server.
        resolver: SocketAddr,
    },
}

/// Connections to one store.
#[derive(Debug)]
pub struct Pool {
    upstream: Upstream,
    limits: Limits,
    places: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

#[derive(Debug)]
struct Connection {
    stream: BufReader<TcpStream>,
    since: Instant,
}

/// How long a connection is kept that was found by name.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// All connections were busy all the time.
    #[error("all {connections} connections to the store were busy for {patience:?}")]
    Busy {
        /// How many there are.
        connections: usize,
        /// How long it was waited.
        patience: Duration,
    },
    /// The store did not answer in time.
    #[error("the store did not answer within {patience:?}")]
    Late {
        /// How long it was waited.
        patience: Duration,
    },
    /// The store was not found.
    #[error("the store cannot be found: {0}")]
    Unknown(#[from] ResolveError),
    /// No connection, or a lost one.
    #[error("the store cannot be reached: {0}")]
    Lost(#[from] io::Error),
    /// The store said what is not in its protocol.
    #[error("expected `VALUE …` or `NONE` from the store, found `{found}`")]
    Protocol {
        /// The first bytes of what it said.
        found: String,
    },
}

impl Pool {
    /// A pool without connections; they are made when they are needed.
    #[must_use]
    pub fn new(upstream: Upstream, limits: Limits) -> Self {
        Self { upstream, limits, places: Semaphore::new(limits.connections), idle: Mutex::default() }
    }

    /// The value of a key; `None`: the store has none.
    ///
    /// # Errors
    /// When no connection is free in time, the store cannot be reached, is late, or speaks another protocol.
    pub async fn get(&self, key: &str) -> Result<Option<String>, PoolError> {
        let Limits { connections, patience } = self.limits;
        let deadline = Instant::now() + patience;
        let place = timeout_at(deadline, self.places.acquire()).await;
        // A place that comes with the deadline is of no use: there is no time left to ask in.
        if place.is_err() || Instant::now() >= deadline {
            return Err(PoolError::Busy { connections, patience });
        }
        let answer = timeout_at(deadline, self.ask(key)).await.unwrap_or(Err(PoolError::Late { patience }));
        drop(place);
        answer
    }

    async fn ask(&self, key: &str) -> Result<Option<String>, PoolError> {
        let mut connection = match self.take_idle() {
            Some(connection) => connection,
            None => self.dial().await?,
        };
        connection.stream.get_mut().write_all(format!("GET {key}\n").as_bytes()).await?;
        let mut line = Vec::new();
        let answer = match read_line(&mut connection.stream, &mut line).await? {
            Line::Whole => parse(&line)?,
            Line::TooLong => {
                return Err(PoolError::Protocol { found: format!("more than {LINE_MAX} bytes") });
            }
            Line::End => {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection").into());
            }
        };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(answer)
    }

    /// The connection that was used last and is still good; the others before it are closed.
    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if is_quiet(&connection.stream) && !self.is_old(&connection) {
                return Some(connection);
            }
        }
        None
    }

    fn is_old(&self, connection: &Connection) -> bool {
        matches!(self.upstream, Upstream::Named { .. }) && connection.since.elapsed() > KEPT_FOR
    }

    async fn dial(&self) -> Result<Connection, PoolError> {
        let address = match &self.upstream {
            Upstream::At(address) => *address,
            Upstream::Named { name, port, resolver } => {
                SocketAddr::new(resolver::ask(*resolver, name).await?.into(), *port)
            }
        };
        let since = Instant::now();
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream: BufReader::with_capacity(LINE_MAX, stream), since })
    }
}

/// Whether an idle connection is open and nothing came on it that nobody asked for.
fn is_quiet(connection: &BufReader<TcpStream>) -> bool {
    let nothing_yet = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
    connection.buffer().is_empty() && connection.get_ref().try_read(&mut [0]).is_err_and(nothing_yet)
}

fn parse(line: &[u8]) -> Result<Option<String>, PoolError> {
    let text = String::from_utf8_lossy(line);
    match text.split_once(' ') {
        Some(("VALUE", value)) => Ok(Some(value.to_owned())),
        None if text == "NONE" => Ok(None),
        _ => Err(PoolError::Protocol { found: text.chars().take(60).collect() }),
    }
}
