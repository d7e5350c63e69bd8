//! What a connection becomes after `101 Switching Protocols`.
//!
//! By default it is two streams of bytes that are moved as they come. Something that knows the new protocol, such as a
//! relay of WebSocket frames, takes that place by implementing [`Tunnel`].

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;

use http::{HeaderMap, HeaderValue, Uri};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// One end of a tunnel. What the other side sent right behind its head is read first.
pub type TunnelIo = TokioIo<Upgraded>;

/// A tunnel under way; how many bytes went from client to server and back.
pub type Tunnelling = Pin<Box<dyn Future<Output = io::Result<(u64, u64)>> + Send>>;

/// A connection that switched to another protocol.
#[derive(Debug)]
pub struct Switched {
    /// What it switched to: `websocket`.
    pub protocol: HeaderValue,
    /// What was asked for.
    pub uri: Uri,
    /// The request's headers, as the server got them.
    pub request: HeaderMap,
    /// The response's headers, as the server sent them.
    pub response: HeaderMap,
    /// The client's end.
    pub client: TunnelIo,
    /// The server's end.
    pub upstream: TunnelIo,
}

/// What moves bytes once a connection has switched.
pub trait Tunnel: fmt::Debug + Send + Sync {
    /// Serves the connection to its end. Both ends close when what this returns is dropped, which is also what happens
    /// when the proxy is stopped.
    fn run(&self, switched: Switched) -> Tunnelling;
}

/// Moves bytes as they come.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawTunnel;

/// How much of each way is in hand at once.
const BUFFER: usize = 16 * 1024;

// === impl RawTunnel ===

impl Tunnel for RawTunnel {
    fn run(&self, switched: Switched) -> Tunnelling {
        Box::pin(tunnel(switched.client, switched.upstream))
    }
}

/// Moves bytes both ways until both have ended. An end of one way is passed on, and the other way goes on.
///
/// # Errors
/// If either end fails; the other one is closed then.
pub async fn tunnel<C, U>(mut client: C, mut upstream: U) -> io::Result<(u64, u64)>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    tokio::io::copy_bidirectional_with_sizes(&mut client, &mut upstream, BUFFER, BUFFER).await
}
