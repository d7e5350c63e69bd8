//! One side of a connection, with TLS or without.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client;

use crate::TlsStream;
use crate::part::part;

/// A client or an upstream.
#[derive(Debug)]
pub(super) enum Side {
    /// Either, without TLS.
    Plain(TcpStream),
    /// A client whose TLS is terminated.
    Client(TlsStream),
    /// An upstream that is spoken to in TLS.
    Upstream(Box<client::TlsStream<TcpStream>>),
}

// === impl Side ===

impl Side {
    /// Ends it by a reset.
    pub(super) fn reset(self) {
        let tcp = match &self {
            Self::Plain(tcp) => tcp,
            Self::Client(tls) => tls.get_ref().0,
            Self::Upstream(tls) => tls.get_ref().0,
        };
        // It fails for a socket that is none only; then there is nothing to reset.
        let _ = tcp.set_zero_linger();
    }

    /// The name that a client asked for, and the protocol agreed on with it; the latter only if it speaks TLS.
    pub(super) fn talked_about(&self) -> (Option<&str>, Option<Option<Vec<u8>>>) {
        match self {
            Self::Client(tls) => (tls.asked(), Some(tls.agreed().map(<[u8]>::to_vec))),
            Self::Plain(_) | Self::Upstream(_) => (None, None),
        }
    }

    /// How to part from a client that a fault has cut; itself, if none has.
    pub(super) fn cut(self) -> Result<impl Future<Output = ()>, Self> {
        match self {
            Self::Client(tls) if tls.is_cut() => Ok(part(tls.into_tcp(), &[])),
            other => Err(other),
        }
    }

    /// Ends the sending side as one that was truncated: without a close_notify, if it speaks TLS.
    pub(super) fn poll_truncate(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Client(tls) => tls.poll_truncate(cx),
            Self::Upstream(tls) => Pin::new(tls.get_mut().0).poll_shutdown(cx),
        }
    }
}

impl From<TcpStream> for Side {
    fn from(tcp: TcpStream) -> Self {
        Self::Plain(tcp)
    }
}

impl From<TlsStream> for Side {
    fn from(tls: TlsStream) -> Self {
        Self::Client(tls)
    }
}

impl From<client::TlsStream<TcpStream>> for Side {
    fn from(tls: client::TlsStream<TcpStream>) -> Self {
        Self::Upstream(Box::new(tls))
    }
}

impl AsyncRead for Side {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Self::Client(tls) => Pin::new(tls).poll_read(cx, buffer),
            Self::Upstream(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Side {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Client(tls) => Pin::new(tls).poll_write(cx, bytes),
            Self::Upstream(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Client(tls) => Pin::new(tls).poll_flush(cx),
            Self::Upstream(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Client(tls) => Pin::new(tls).poll_shutdown(cx),
            Self::Upstream(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
