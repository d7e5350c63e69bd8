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

use super::store::{LINE_MAX, Line, read_line};

/// The bounds of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at the most, 1 or more.
    pub connections: usize,
    /// From the moment of the question to its answer, the wait for a free connection included.
    pub patience: Duration,
}

/// Connections to one store.
#[derive(Debug)]
pub struct Pool {
    upstream: SocketAddr,
    limits: Limits,
    places: Semaphore,
    idle: Mutex<Vec<BufReader<TcpStream>>>,
}

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
    pub fn new(upstream: SocketAddr, limits: Limits) -> Self {
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
        connection.get_mut().write_all(format!("GET {key}\n").as_bytes()).await?;
        let mut line = Vec::new();
        let answer = match read_line(&mut connection, &mut line).await? {
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
    fn take_idle(&self) -> Option<BufReader<TcpStream>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if is_quiet(&connection) {
                return Some(connection);
            }
        }
        None
    }

    async fn dial(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        Ok(BufReader::with_capacity(LINE_MAX, stream))
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
