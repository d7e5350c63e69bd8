//! The connection to the server that belongs to one connection of a client.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::Shared;
use super::connection::Version;
use crate::clock::now;

/// Asks the server, in one version.
#[derive(Debug)]
pub(super) struct Upstream {
    shared: Arc<Shared>,
    version: Version,
    kept: Mutex<Option<Sender>>,
}

/// Why the server did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// It cannot be connected to.
    #[error("the server cannot be connected to")]
    Dial(#[source] std::io::Error),
    /// It did not accept in time.
    #[error("the server did not accept the connection in time")]
    DialTimeout,
    /// It did not answer as HTTP says.
    #[error("the server gave no answer that can be understood")]
    Answer(#[source] hyper::Error),
    /// It switched to another protocol unasked.
    #[error("the server switched protocols without having been asked to")]
    Switched,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Incoming>),
    Http2(http2::SendRequest<Incoming>),
}

/// Spawns what a connection over HTTP/2 consists of among the proxy's tasks.
#[derive(Clone, Debug)]
pub(super) struct Spawner(pub(super) Arc<Shared>);

/// The most that is read ahead of a client from a server over HTTP/1.
const BUFFER: usize = 128 * 1024;

/// The same over HTTP/2, for a stream and for all of them.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Answers have more headers than requests.
const LINES_MAX: usize = 256;

// === impl Upstream ===

impl Upstream {
    pub(super) fn new(shared: Arc<Shared>, version: Version) -> Self {
        Self { shared, version, kept: Mutex::default() }
    }

    /// Asks, over the connection that there is or over a new one. Where the server closed the connection before it saw
    /// any of the request, it is asked again.
    pub(super) async fn ask(&self, request: Request<Incoming>) -> Result<Response<Incoming>, AskError> {
        let request = match self.kept().await {
            Some(mut sender) => match sender.send(request).await {
                Ok(response) => return Ok(self.answered(sender, response)),
                Err(mut error) => error.take_message().ok_or_else(|| AskError::Answer(error.into_error()))?,
            },
            None => request,
        };
        let mut sender = self.dial().await?;
        match sender.send(request).await {
            Ok(response) => Ok(self.answered(sender, response)),
            Err(error) => Err(AskError::Answer(error.into_error())),
        }
    }

    /// The connection that there is, if it can be used. Over HTTP/2 it is shared from its first use on.
    async fn kept(&self) -> Option<Sender> {
        let mut sender = match self.version {
            Version::Http1 => self.lock().take()?,
            Version::Http2 => self.lock().as_ref()?.share()?,
        };
        sender.ready().await.then_some(sender)
    }

    fn answered(&self, sender: Sender, response: Response<Incoming>) -> Response<Incoming> {
        *self.lock() = Some(sender);
        response
    }

    async fn dial(&self) -> Result<Sender, AskError> {
        let give_up = now() + self.shared.limits.dial_within.duration();
        let dialled = tokio::time::timeout_at(give_up, TcpStream::connect(self.shared.upstream)).await;
        let stream = dialled.map_err(|_| AskError::DialTimeout)?.map_err(AskError::Dial)?;
        let _ = stream.set_nodelay(true);
        self.handshake(TokioIo::new(stream)).await.map_err(AskError::Answer)
    }

    async fn handshake(&self, io: TokioIo<TcpStream>) -> hyper::Result<Sender> {
        match self.version {
            Version::Http1 => {
                let mut builder = http1::Builder::new();
                builder.preserve_header_case(true).max_buf_size(BUFFER).max_headers(LINES_MAX);
                let (sender, connection) = builder.handshake(io).await?;
                self.shared.spawn(connection.with_upgrades());
                Ok(Sender::Http1(sender))
            }
            Version::Http2 => {
                let mut builder = http2::Builder::new(Spawner(Arc::clone(&self.shared)));
                builder
                    .timer(TokioTimer::new())
                    .initial_stream_window_size(STREAM_WINDOW)
                    .initial_connection_window_size(CONNECTION_WINDOW);
                let (sender, connection) = builder.handshake(io).await?;
                self.shared.spawn(connection);
                let sender = Sender::Http2(sender);
                *self.lock() = sender.share();
                Ok(sender)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Sender>> {
        // Nothing panics while it is held.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Sender ===

impl Sender {
    async fn ready(&mut self) -> bool {
        match self {
            Self::Http1(sender) => sender.ready().await.is_ok(),
            Self::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    async fn send(
        &mut self,
        request: Request<Incoming>,
    ) -> Result<Response<Incoming>, hyper::client::conn::TrySendError<Request<Incoming>>> {
        match self {
            Self::Http1(sender) => sender.try_send_request(request).await,
            Self::Http2(sender) => sender.try_send_request(request).await,
        }
    }

    fn share(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(sender) => Some(Self::Http2(sender.clone())),
        }
    }
}

// === impl Spawner ===

impl<F> Executor<F> for Spawner
where
    F: Future + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}
