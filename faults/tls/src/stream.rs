//! TLS with a client, after its handshake.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ServerConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::server;

use crate::{Faults, Injection, TlsFault};

/// A connection with a client, decrypted. `shutdown` sends a close_notify and ends the sending side, unless a fault leaves
/// the close_notify out; dropping it without a shutdown leaves it out always.
#[derive(Debug)]
pub struct TlsStream {
    // Boxed, for the state of TLS is more than a kilobyte and streams are moved about.
    inner: Box<server::TlsStream<TcpStream>>,
    truncation: Option<Truncation>,
    cut: bool,
}

/// A fault that may still end this connection before its time.
#[derive(Debug)]
pub(crate) struct Truncation {
    injection: Arc<Injection>,
    faults: watch::Receiver<Arc<Faults>>,
    /// How many bytes may still pass; `None`: all.
    left: Option<u64>,
}

// === impl TlsStream ===

impl TlsStream {
    pub(crate) fn new(inner: server::TlsStream<TcpStream>, truncation: Option<Truncation>) -> Self {
        Self { inner: Box::new(inner), truncation, cut: false }
    }

    /// What lies below: the connection, and the state of TLS (its protocol by ALPN, version, server name).
    #[must_use]
    pub fn get_ref(&self) -> (&TcpStream, &ServerConnection) {
        self.inner.get_ref()
    }

    /// The connection below. What TLS has not sent yet is lost.
    #[must_use]
    pub fn into_tcp(self) -> TcpStream {
        self.inner.into_inner().0
    }

    /// The protocol that was agreed on by ALPN.
    #[must_use]
    pub fn agreed(&self) -> Option<&[u8]> {
        self.get_ref().1.alpn_protocol()
    }

    /// The name that the client asked for (SNI).
    #[must_use]
    pub fn asked(&self) -> Option<&str> {
        self.get_ref().1.server_name()
    }

    /// Whether a fault has cut it: the client was sent an end without a close_notify.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.cut
    }

    /// Sends what is to be sent and ends the sending side, without a close_notify.
    ///
    /// # Errors
    /// If the connection below is broken.
    pub fn poll_truncate(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut *self.inner).poll_flush(cx))?;
        Pin::new(self.inner.get_mut().0).poll_shutdown(cx)
    }

    /// Cuts it, and tells so by an error.
    fn poll_cut<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.poll_truncate(cx))?;
        self.mark_cut();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "truncated by a fault")))
    }

    fn mark_cut(&mut self) {
        if let (false, Some(truncation)) = (self.cut, &self.truncation) {
            truncation.injection.tally.hit();
        }
        self.cut = true;
    }

    /// How many bytes may still be written before it is cut; `None`: it is not cut.
    fn room(&self) -> Option<u64> {
        self.truncation
            .as_ref()
            .filter(|truncation| truncation.holds())
            .and_then(|truncation| truncation.left)
    }

    fn ends_without_notice(&self) -> bool {
        self.truncation.as_ref().is_some_and(|truncation| truncation.left.is_none() && truncation.holds())
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let room = this.room();
        if this.cut || room == Some(0) {
            return this.poll_cut(cx);
        }
        let most = room.map_or(bytes.len(), |room| usize::try_from(room).unwrap_or(usize::MAX));
        let part = &bytes[..most.min(bytes.len())];
        let written = ready!(Pin::new(&mut *this.inner).poll_write(cx, part))?;
        if let Some(left) = this.truncation.as_mut().and_then(|truncation| truncation.left.as_mut()) {
            *left = left.saturating_sub(written as u64);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.cut || this.room() == Some(0) {
            return this.poll_cut(cx);
        }
        Pin::new(&mut *this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.cut && !this.ends_without_notice() && this.room() != Some(0) {
            return Pin::new(&mut *this.inner).poll_shutdown(cx);
        }
        ready!(this.poll_truncate(cx))?;
        this.mark_cut();
        Poll::Ready(Ok(()))
    }
}

// === impl Truncation ===

impl Truncation {
    pub(crate) fn new(injection: Arc<Injection>, faults: watch::Receiver<Arc<Faults>>) -> Self {
        let left = match injection.fault {
            TlsFault::Truncate { after, .. } => after.map(|size| size.as_bytes()),
            _ => None,
        };
        Self { injection, faults, left }
    }

    fn holds(&self) -> bool {
        self.faults.borrow().holds(&self.injection)
    }
}
