//! A client's connection over HTTP/1, between the socket and the HTTP library.
//!
//! On the way in only what the gate lets pass is read. On the way out the head of a response can be held back, so that
//! bytes of our own take its place.

mod skipper;

use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use shakedown_scenarios::units::Span;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until};

use skipper::Skipper;

use super::gate::{Gate, Verdict};
use super::refusal::Refusal;
use super::switch::Switch;
use crate::clock::now;

/// A socket whose bytes are watched.
pub(super) struct ClientIo {
    /// Shared with what looks out for a reset, since the HTTP library reads nothing while a server takes its time.
    stream: Arc<TcpStream>,
    gate: Gate,
    switch: Arc<Switch>,
    /// What was read and has not gone on.
    input: BytesMut,
    /// So much of it may go on.
    passed: usize,
    /// What goes on in the place of a request that was refused.
    stand_in: &'static [u8],
    refused: bool,
    skipping: Option<Skipper>,
    lingering: Option<Pin<Box<Sleep>>>,
}

/// The HTTP library must be given something to answer, so that the answer comes after those of earlier requests.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n";

/// How much is read at once.
const READ: usize = 16 * 1024;

/// How long a client may go on sending after an answer that it does not expect.
const LINGER: Span = Span::secs(1);

// === impl ClientIo ===

impl ClientIo {
    pub(super) fn new(stream: Arc<TcpStream>, input: BytesMut, gate: Gate, switch: Arc<Switch>) -> Self {
        Self {
            stream,
            gate,
            switch,
            input,
            passed: 0,
            stand_in: b"",
            refused: false,
            skipping: None,
            lingering: None,
        }
    }

    /// Hands on what may go on; whether there was anything.
    fn hand_on(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        if self.passed > 0 {
            let count = self.passed.min(buf.remaining());
            buf.put_slice(&self.input[..count]);
            self.input.advance(count);
            self.passed -= count;
            return true;
        }
        let count = self.stand_in.len().min(buf.remaining());
        let (now, later) = self.stand_in.split_at(count);
        buf.put_slice(now);
        self.stand_in = later;
        count > 0
    }

    /// Looks at what is in hand; whether something may go on now.
    fn judge(&mut self) -> io::Result<bool> {
        if self.switch.is_open() {
            self.passed = self.input.len();
            return Ok(self.passed > 0);
        }
        match self.gate.judge(&self.input) {
            Verdict::Pass(count) => self.passed = count,
            Verdict::More => return Ok(false),
            Verdict::Refuse(refusal) => self.refuse(refusal)?,
        }
        Ok(true)
    }

    fn refuse(&mut self, refusal: Refusal) -> io::Result<()> {
        self.refused = true;
        self.input.clear();
        if refusal == Refusal::Chunk {
            self.switch.refuse(refusal, None);
            return Err(io::Error::new(io::ErrorKind::InvalidData, refusal));
        }
        self.switch.refuse(refusal, Some(self.gate.heads()));
        self.stand_in = STAND_IN;
        Ok(())
    }

    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            self.input.reserve(READ);
            match self.stream.try_read_buf(&mut self.input) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
        }
    }

    /// Writes in one of two ways, as soon as there is room.
    fn poll_put(
        &self,
        cx: &mut Context<'_>,
        put: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match put(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    /// Reads and forgets until the client ends, or for so long; without this, what it sent too much would make the
    /// kernel answer with a RST that overtakes our answer.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sleep = self.lingering.get_or_insert_with(|| Box::pin(sleep_until(now() + LINGER.duration())));
        if sleep.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        loop {
            self.input.clear();
            match ready!(self.poll_more(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(Ok(())),
                Ok(_) => {}
            }
        }
    }

    /// How many of these bytes are not to be written.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        if self.switch.take_skip() {
            self.skipping = Some(Skipper::default());
        }
        let Some(skipper) = &mut self.skipping else { return 0 };
        let (count, over) = skipper.skip(bytes);
        if over {
            self.skipping = None;
        }
        count
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.hand_on(buf) {
                return Poll::Ready(Ok(()));
            }
            if this.refused {
                // The answer is on its way, and the connection ends with it.
                return Poll::Pending;
            }
            if !this.judge()? && ready!(this.poll_more(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.switch.writing();
        match self.skip(buf) {
            0 => self.poll_put(cx, |stream| stream.try_write(buf)),
            skipped => Poll::Ready(Ok(skipped)),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        self.switch.writing();
        match self.skip(first) {
            0 => self.poll_put(cx, |stream| stream.try_write_vectored(bufs)),
            skipped => Poll::Ready(Ok(skipped)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket holds nothing back: what was written is the kernel's.
        self.switch.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            match SockRef::from(&*self.stream).shutdown(Shutdown::Write) {
                // The client is gone already.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
                ended => ended?,
            }
        }
        if self.switch.lingers() { self.poll_linger(cx) } else { Poll::Ready(Ok(())) }
    }
}

impl Drop for ClientIo {
    fn drop(&mut self) {
        if self.switch.resets() {
            // At the moment of the reset: a lingering time of zero makes the close that follows a RST.
            let _ = SockRef::from(&*self.stream).set_linger(Some(Span::ZERO.duration()));
        }
    }
}
