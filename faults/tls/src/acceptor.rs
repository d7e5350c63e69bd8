//! A server's side of TLS with faults on it, for whatever protocol runs over it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::Span;
use tokio::net::TcpStream;

use crate::authority::Authority;
use crate::clock::today;
use crate::configs::Configs;
use crate::control::Control;
use crate::handshake::Handshake;
use crate::{AcceptError, Evidence, InjectError, OptionsError, Terminate, TlsFault, TlsStream, options};

/// Shakes hands with clients, and breaks what it was told to. Handshakes under way end when it is dropped; streams that
/// it has handed out do not.
#[derive(Debug)]
pub struct Acceptor {
    control: Control,
    configs: Arc<Configs>,
    ca_pem: String,
    streams: Streams,
    handshake_timeout: Span,
    accepted: AtomicU64,
}

// === impl Acceptor ===

impl Acceptor {
    /// An acceptor with a certificate authority of its own, made now. Chance comes from `seed`, with a stream for each
    /// fault and connection.
    ///
    /// # Errors
    /// If a certificate cannot be made for the names, the one given cannot be used, or there is no time for a handshake.
    pub fn new(terminate: Terminate, seed: u64) -> Result<Self, OptionsError> {
        let handshake_timeout = options::time("handshake_timeout", terminate.handshake_timeout)?;
        let failed = |source| OptionsError::Certificate { names: Vec::new(), source };
        let authority = Authority::new(today()).map_err(failed)?;
        let configs = Arc::new(Configs::new(&authority, &terminate)?);
        let ca_pem = authority.pem().to_owned();
        let (control, streams) = (Control::new(), Streams::new(seed));
        Ok(Self { control, configs, ca_pem, streams, handshake_timeout, accepted: AtomicU64::new(0) })
    }

    /// The certificate (PEM) of the authority that signed those shown, which clients should trust. A certificate that was
    /// given is not signed by it; the flawed ones are.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Shakes hands with the next client. Its place in the order of acceptance, which its fate depends on, is taken by
    /// this call and not when the future is first polled.
    ///
    /// The future ends after the handshake timeout at the latest where nothing stalls it; a stall ends when it heals, when
    /// its time has passed or when the client leaves. An alert may take a second longer, so that it arrives.
    ///
    /// # Errors
    /// If the client does not speak TLS that we speak, does not agree, takes too long or leaves, or if a fault ended the
    /// handshake.
    pub fn accept(
        &self,
        tcp: TcpStream,
    ) -> impl Future<Output = Result<TlsStream, AcceptError>> + Send + use<> {
        let handshake = Handshake {
            faults: self.control.watch(),
            configs: Arc::clone(&self.configs),
            streams: self.streams,
            ordinal: self.accepted.fetch_add(1, Relaxed),
            limit: self.handshake_timeout,
        };
        // A handshake's state is some kilobytes, and callers should not have to carry that in their own futures.
        Box::pin(handshake.run(tcp))
    }

    /// Makes a fault hold for every handshake that has not got past it when this returns. It never waits.
    ///
    /// # Errors
    /// If the fault cannot be meant like that, the number names one that holds, or too many hold. Nothing is changed then.
    pub fn inject(&self, id: u32, fault: TlsFault) -> Result<(), InjectError> {
        self.control.inject(id, fault)
    }

    /// Ends a fault and says what it did; `None` if it does not hold, which is no error. Stalls end at once, and
    /// connections that were to be truncated and are not yet end in order. It never waits.
    pub fn heal(&self, id: u32) -> Option<Evidence> {
        self.control.heal(id)
    }

    /// What a fault did so far, or had done when it was healed; `None` for a number that was never used or is forgotten
    /// (of what has healed, at least the last [`KEPT`](crate::KEPT) less those that hold are remembered).
    #[must_use]
    pub fn evidence(&self, id: u32) -> Option<Evidence> {
        self.control.evidence(id)
    }
}
