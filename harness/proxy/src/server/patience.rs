//! How long a client of the control plane may take: to send a request, to read an answer, and in between.
//!
//! hyper has a time limit for heads only, and counts the pause between two requests as one. This stands between it and
//! the socket instead, and knows what is going on from the service.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::task::{Context, Poll};

use shakedown_scenarios::units::Span;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long clients may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// To send a request, from its first byte to its last; and to send the first byte of the first one.
    pub request: Span,
    /// To take a part of an answer.
    pub answer: Span,
    /// Between an answer and the next request.
    pub idle: Span,
}

/// What a connection is doing.
#[derive(Clone, Debug, Default)]
pub struct Stage(Arc<AtomicU8>);

const BEGINS: u8 = 0;
const ASKS: u8 = 1;
const IS_ANSWERED: u8 = 2;
const IDLE: u8 = 3;

/// A socket that is given up when its client takes too long.
#[derive(Debug)]
pub struct Patient<S> {
    socket: S,
    patience: Patience,
    stage: Stage,
    /// The stage that the deadline is of.
    armed: Option<u8>,
    deadline: Pin<Box<Sleep>>,
    writing: Option<Pin<Box<Sleep>>>,
}

// === impl Patience ===

impl Default for Patience {
    /// Toxiproxy's own: 15 s to ask, 30 s to take the answer, 60 s in between.
    fn default() -> Self {
        Self { request: Span::secs(15), answer: Span::secs(30), idle: Span::secs(60) }
    }
}

// === impl Stage ===

impl Stage {
    /// The whole request is there.
    pub fn asked(&self) {
        self.0.store(IS_ANSWERED, Relaxed);
    }

    /// Its answer is.
    pub fn answered(&self) {
        self.0.store(IDLE, Relaxed);
    }
}

// === impl Patient ===

impl<S> Patient<S> {
    /// This socket, with its stage.
    pub fn new(socket: S, patience: Patience, stage: Stage) -> Self {
        let deadline = Box::pin(sleep_until(Instant::now() + patience.request.duration()));
        Self { socket, patience, stage, armed: Some(BEGINS), deadline, writing: None }
    }

    /// Whether its client took too long to say something.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let stage = self.stage.0.load(Relaxed);
        if stage == IS_ANSWERED {
            self.armed = None;
            return false;
        }
        if self.armed != Some(stage) {
            let length = if stage == IDLE { self.patience.idle } else { self.patience.request };
            self.deadline.as_mut().reset(Instant::now() + length.duration());
            self.armed = Some(stage);
        }
        self.deadline.as_mut().poll(context).is_ready()
    }

    /// Whether its client took too long to take something.
    fn is_deaf(&mut self, context: &mut Context<'_>) -> bool {
        let length = self.patience.answer.duration();
        let writing = self.writing.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + length)));
        writing.as_mut().poll(context).is_ready()
    }

    fn wrote<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Pending if self.is_deaf(context) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
            ready => {
                self.writing = None;
                ready
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.socket).poll_read(context, buffer);
        let stage = self.stage.0.load(Relaxed);
        if buffer.filled().len() > before && (stage == BEGINS || stage == IDLE) {
            self.stage.0.store(ASKS, Relaxed);
        }
        // Late is late, though a byte a second keeps coming.
        if self.is_late(context) { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { outcome }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.wrote(context, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.socket).poll_flush(context);
        self.wrote(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.socket).poll_shutdown(context);
        self.wrote(context, outcome)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    fn patience() -> Patience {
        Patience { request: Span::secs(15), answer: Span::secs(30), idle: Span::secs(60) }
    }

    async fn waited(deed: impl Future<Output = io::Result<usize>>) -> (io::Result<usize>, u64) {
        let start = Instant::now();
        (deed.await, start.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_is_given_up() {
        let (_client, server) = duplex(64);
        let mut patient = Patient::new(server, patience(), Stage::default());
        let (outcome, seconds) = waited(patient.read(&mut [0; 8])).await;
        assert_eq!((outcome.unwrap_err().kind(), seconds), (io::ErrorKind::TimedOut, 15));
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_buys_no_time() {
        let (mut client, server) = duplex(64);
        let mut patient = Patient::new(server, patience(), Stage::default());
        let slow = async move {
            for _ in 0..100 {
                sleep_until(Instant::now() + Span::secs(1).duration()).await;
                let _ = client.write_all(b"x").await;
            }
        };
        tokio::spawn(slow);
        let all = async { patient.read_to_end(&mut Vec::new()).await };
        let (outcome, seconds) = waited(all).await;
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!((15..=17).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_there_is_more_time() {
        let (mut client, server) = duplex(64);
        let stage = Stage::default();
        let mut patient = Patient::new(server, patience(), stage.clone());
        client.write_all(b"GET").await.unwrap();
        assert_eq!(patient.read(&mut [0; 8]).await.unwrap(), 3);
        stage.asked();
        stage.answered();
        let (outcome, seconds) = waited(patient.read(&mut [0; 8])).await;
        assert_eq!((outcome.unwrap_err().kind(), seconds), (io::ErrorKind::TimedOut, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (_client, server) = duplex(4);
        let mut patient = Patient::new(server, patience(), Stage::default());
        let all = async { patient.write_all(b"more than fits").await.map(|()| 0) };
        let (outcome, seconds) = waited(all).await;
        assert_eq!((outcome.unwrap_err().kind(), seconds), (io::ErrorKind::TimedOut, 30));
    }
}
