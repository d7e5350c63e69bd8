//! A proxy that speaks TLS on one side or both, and the faults on it.
//!
//! Without faults it is faithful: a close_notify on one side ends the sending side of the other, a reset on one
//! side arrives as a reset on the other, an end without a close_notify arrives as one where the other side speaks TLS too,
//! and what one side does not read slows the other down. Where it cannot be faithful it says so here: it accepts and shakes
//! hands before the upstream does, so an upstream that cannot be reached shows as a connection that is reset after its
//! handshake, and to a side without TLS an end without a close_notify looks like any other end.
//!
//! Bounds: for each connection two buffers of 16 KiB while bytes pass, and the state of TLS with rustls' own bounds of
//! 64 KiB each way; an idle connection takes about 12 KiB. There may be as many connections as the process may have
//! descriptors, two for each.

mod accept;
mod connection;
mod pump;
mod side;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shakedown_scenarios::units::Span;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::{Acceptor, Connector, Evidence, InjectError, OptionsError, TlsFault, TlsOptions, options};

/// A running proxy. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct TlsProxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    accepting: JoinHandle<()>,
}

/// What passed through a proxy, cumulative but for `open`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsCounters {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Handshakes with clients that came to their end.
    pub handshakes: u64,
    /// Handshakes with clients that did not, for whatever reason, faults included.
    pub handshake_failures: u64,
    /// Connections that were reset because the upstream could not be reached, or would not shake hands.
    pub dial_failures: u64,
    /// Bytes of plain text handed on from clients to the upstream.
    pub up: u64,
    /// Bytes of plain text handed on from the upstream to clients.
    pub down: u64,
    /// Ends without a close_notify that came from clients or the upstream; what faults do is not among them.
    pub truncated: u64,
}

/// Why a proxy could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The options cannot be used.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; expected a free port on an address of this machine")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// What tasks of a proxy have in common.
#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    acceptor: Option<Acceptor>,
    connector: Option<Connector>,
    dial_timeout: Span,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    open: AtomicU64,
    handshakes: AtomicU64,
    handshake_failures: AtomicU64,
    dial_failures: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
    truncated: AtomicU64,
}

/// How long `stop` waits for connections to end.
const STOP_WITHIN: Span = Span::secs(2);
/// How many connections the kernel keeps until they are accepted.
const BACKLOG: u32 = 1_024;

// === impl TlsProxy ===

impl TlsProxy {
    /// Starts a proxy that listens on `listen` (port 0: a free one) and connects to `upstream` for each connection whose
    /// handshake succeeded. Chance comes from `seed`, with a stream for each fault and connection, by its place in the
    /// order of acceptance.
    ///
    /// It must be called within a tokio runtime that has IO and time enabled.
    ///
    /// # Errors
    /// If the options cannot be used, or the address cannot be listened on.
    pub fn start(
        listen: SocketAddr,
        upstream: SocketAddr,
        options: TlsOptions,
        seed: u64,
    ) -> Result<Self, StartError> {
        if options.terminate.is_none() && options.originate.is_none() {
            return Err(OptionsError::Neither.into());
        }
        let dial_timeout = options::time("dial_timeout", options.dial_timeout)?;
        let acceptor = options.terminate.map(|terminate| Acceptor::new(terminate, seed)).transpose()?;
        let connector = options.originate.as_ref().map(Connector::new).transpose()?;
        let failed = |source| StartError::Listen { address: listen, source };
        let listener = listen_on(listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let counters = Counters::default();
        let shared = Arc::new(Shared { upstream, acceptor, connector, dial_timeout, counters });
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept::run(Arc::clone(&shared), listener, stopped));
        Ok(Self { shared, address, stop, accepting })
    }

    /// Where clients connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it connects to.
    #[must_use]
    pub fn upstream(&self) -> SocketAddr {
        self.shared.upstream
    }

    /// The certificate (PEM) that clients should trust; `None` where they speak plainly.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.shared.acceptor.as_ref().map(Acceptor::ca_pem)
    }

    /// Makes a fault hold for every handshake that has not got past it when this returns. It never waits.
    ///
    /// # Errors
    /// If clients speak plainly, the fault cannot be meant like that, the number names one that holds, or too many hold.
    /// Nothing is changed then.
    pub fn inject(&self, id: u32, fault: TlsFault) -> Result<(), InjectError> {
        self.shared.acceptor.as_ref().ok_or(InjectError::NotTerminated)?.inject(id, fault)
    }

    /// Ends a fault and says what it did; `None` if it does not hold, which is no error. See [`Acceptor::heal`].
    pub fn heal(&self, id: u32) -> Option<Evidence> {
        self.shared.acceptor.as_ref()?.heal(id)
    }

    /// What a fault did so far, or had done when it was healed. See [`Acceptor::evidence`].
    #[must_use]
    pub fn evidence(&self, id: u32) -> Option<Evidence> {
        self.shared.acceptor.as_ref()?.evidence(id)
    }

    /// What passed through so far.
    #[must_use]
    pub fn counters(&self) -> TlsCounters {
        let counters = &self.shared.counters;
        TlsCounters {
            accepted: counters.accepted.load(Relaxed),
            open: counters.open.load(Relaxed),
            handshakes: counters.handshakes.load(Relaxed),
            handshake_failures: counters.handshake_failures.load(Relaxed),
            dial_failures: counters.dial_failures.load(Relaxed),
            up: counters.up.load(Relaxed),
            down: counters.down.load(Relaxed),
            truncated: counters.truncated.load(Relaxed),
        }
    }

    /// Stops listening, ends all connections, and returns when they are gone (after two seconds at the latest).
    pub async fn stop(self) {
        drop(self.stop);
        let _ = tokio::time::timeout(STOP_WITHIN.duration(), self.accepting).await;
    }
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port that was just left can be taken again, as a restarted proxy wants to.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
