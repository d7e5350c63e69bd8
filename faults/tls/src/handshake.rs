//! One handshake with a client, from its ClientHello on: what hits it is looked up as late as possible, so that the
//! newest faults count.

use std::io;
use std::sync::Arc;

use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::Span;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use crate::clock::Stopwatch;
use crate::configs::Configs;
use crate::part::part;
use crate::stream::Truncation;
use crate::{Fate, Faults, Injection, Moment, Stalled, TlsFault, TlsStream};

/// All that a handshake needs, so that it borrows nothing.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(crate) faults: watch::Receiver<Arc<Faults>>,
    pub(crate) configs: Arc<Configs>,
    pub(crate) streams: Streams,
    pub(crate) ordinal: u64,
    pub(crate) limit: Span,
}

/// Why there is no TLS with a client.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// It does not speak TLS that we speak, did not agree, or left; a [`rustls::Error`] within tells why.
    #[error("the TLS handshake with the client failed")]
    Handshake(#[source] io::Error),
    /// It took too long.
    #[error("the TLS handshake with the client took longer than {0}")]
    TimedOut(Span),
    /// It left while it was stalled.
    #[error("the client left while its handshake was stalled")]
    Left,
    /// A fault ended it.
    #[error("injection {id} ({fault}) ended the handshake")]
    Broken {
        /// The injection's number.
        id: u32,
        /// The fault's name.
        fault: &'static str,
    },
    /// The acceptor is gone.
    #[error("the acceptor was stopped during the handshake")]
    Stopped,
}

// === impl Handshake ===

impl Handshake {
    pub(crate) async fn run(mut self, tcp: TcpStream) -> Result<TlsStream, AcceptError> {
        // Nothing of ours may hold back what was written.
        let _ = tcp.set_nodelay(true);
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), tcp);
        let start = self.within(hello).await?;
        let fate = self.stall(&start.io).await?;
        match &fate.ending {
            Some(ending) => Err(self.end(start, &fate, ending).await),
            None => self.finish(start, fate).await,
        }
    }

    /// Waits while the ClientHello is not to be answered; the fate that holds after that.
    async fn stall(&mut self, tcp: &TcpStream) -> Result<Fate, AcceptError> {
        let waiting = Stopwatch::start();
        let mut counted_up_to = 0;
        loop {
            let fate = self.faults.borrow_and_update().fate(self.streams, self.ordinal);
            let stalled = fate.stalled(waiting.elapsed());
            if stalled == Stalled::No {
                return Ok(fate);
            }
            counted_up_to = count_new(&fate.stalls, counted_up_to);
            tokio::select! {
                biased;
                changed = self.faults.changed() => changed.map_err(|_| AcceptError::Stopped)?,
                () = left(tcp) => return Err(AcceptError::Left),
                () = passed(stalled) => {}
            }
        }
    }

    async fn finish(&self, start: StartHandshake<TcpStream>, fate: Fate) -> Result<TlsStream, AcceptError> {
        for injection in [&fate.certificate, &fate.capped].into_iter().flatten() {
            injection.tally.hit();
        }
        let config = self.configs.pick(fate.flaw(), fate.capped.is_some());
        let stream = self.within(start.into_stream(config)).await?;
        let truncation = fate.truncated.map(|injection| Truncation::new(injection, self.faults.clone()));
        Ok(TlsStream::new(stream, truncation))
    }

    /// Ends it as a fault says, which counts as a hit.
    async fn end(&self, start: StartHandshake<TcpStream>, fate: &Fate, ending: &Injection) -> AcceptError {
        ending.tally.hit();
        match ending.fault {
            TlsFault::Alert { description, .. } => part(start.io, &description.record()).await,
            TlsFault::Reset { at: Moment::ServerHello, .. } => reset(self.answer(start, fate).await),
            _ => reset(start.io),
        }
        AcceptError::Broken { id: ending.id, fault: ending.fault.name() }
    }

    /// Sends the first flight of an answer and no more.
    async fn answer(&self, start: StartHandshake<TcpStream>, fate: &Fate) -> TcpStream {
        let (config, mut tcp) = (self.configs.pick(fate.flaw(), fate.capped.is_some()), start.io);
        let mut flight = Vec::new();
        if let Ok(mut connection) = start.accepted.into_connection(config) {
            while connection.wants_write() && connection.write_tls(&mut flight).is_ok() {}
        }
        // A client that takes none of it is reset all the same.
        let _ = tokio::time::timeout(self.limit.duration(), tcp.write_all(&flight)).await;
        tcp
    }

    async fn within<T>(&self, step: impl Future<Output = io::Result<T>>) -> Result<T, AcceptError> {
        match tokio::time::timeout(self.limit.duration(), step).await {
            Ok(done) => done.map_err(AcceptError::Handshake),
            Err(_) => Err(AcceptError::TimedOut(self.limit)),
        }
    }
}

/// Counts a hit for each stall that came after those counted; the newest that is counted now.
fn count_new(stalls: &[Arc<Injection>], counted_up_to: u64) -> u64 {
    for stall in stalls.iter().filter(|stall| stall.since > counted_up_to) {
        stall.tally.hit();
    }
    stalls.iter().map(|stall| stall.since).fold(counted_up_to, u64::max)
}

fn reset(tcp: TcpStream) {
    // It fails for a socket that is none only; then there is nothing to reset.
    let _ = tcp.set_zero_linger();
}

/// Waits for as long as a stall lasts by itself.
async fn passed(stalled: Stalled) {
    match stalled {
        Stalled::No => {}
        Stalled::For(left) => {
            let _ = tokio::time::timeout(left.duration(), std::future::pending::<()>()).await;
        }
        Stalled::UntilHealed => std::future::pending().await,
    }
}

/// Waits until a client that nobody answers has left. One that sent more than its ClientHello and then left is noticed
/// only if it did so by a reset.
async fn left(tcp: &TcpStream) {
    let gone = matches!(tcp.peek(&mut [0]).await, Ok(0) | Err(_));
    if !gone {
        let _ = tcp.ready(Interest::ERROR).await;
    }
}
