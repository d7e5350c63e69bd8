//! The bytes of one connection, in the clear or over TLS.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::clock::Clock;
use crate::socket::Socket;

/// One connection. In the clear each call is the socket's own.
#[derive(Debug)]
pub(crate) enum Stream {
    /// In the clear.
    Plain(Socket),
    /// Over TLS. The state of a session is about a kilobyte, which connections without one need not carry.
    Tls(Box<TlsStream<Socket>>),
}

// === impl Stream ===

impl Stream {
    /// From now on it knows when bytes arrived.
    pub(crate) fn note_arrivals(&mut self, clock: Clock) {
        match self {
            Self::Plain(socket) => socket.note_arrivals(clock),
            Self::Tls(stream) => stream.get_mut().0.note_arrivals(clock),
        }
    }

    /// When the last bytes that were read had arrived, in nanoseconds since the start of the load; `None` where nobody knows.
    pub(crate) fn arrived(&self) -> Option<u64> {
        match self {
            Self::Plain(socket) => socket.arrived(),
            Self::Tls(stream) => stream.get_ref().0.arrived(),
        }
    }

    /// Writes what can be written without waiting. Over TLS nothing is taken here: records are sealed and sent when
    /// [`AsyncWrite::poll_write`] is asked.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.tcp().try_write(bytes),
            Self::Tls(_) => Err(ErrorKind::WouldBlock.into()),
        }
    }

    /// Whether this protocol may be spoken: over TLS it must have been agreed on.
    pub(crate) fn agreed_on(&self, protocol: &[u8]) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(protocol),
        }
    }

    /// Whether the socket has taken everything that was written.
    pub(crate) fn has_sent_all(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Tls(stream) => !stream.get_ref().1.wants_write(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
