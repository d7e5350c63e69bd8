//! An HTTP proxy for one server, and the faults on it.
//!
//! It speaks HTTP/1.1 and HTTP/2 with prior knowledge (gRPC without TLS among it) and asks the server in the version it
//! was asked in, over one connection of its own for each connection of a client. Without faults it changes as little as
//! a proxy may: headers that are for one hop only are taken out, trailers pass, the case of HTTP/1 header names is kept,
//! requests for an upgrade become a tunnel.
//!
//! It refuses what two servers could understand in two ways, before the server behind it sees any of it: no `Host` or
//! two, `Content-Length` beside `Transfer-Encoding`, bare line feeds, folded lines and the like ([`Refusal`]).
//!
//! Control never waits for requests: [`HttpProxy::inject`] and [`HttpProxy::heal`] publish a new set and return.
//!
//! A client that is gone ends what the server is asked for it. It is gone when it resets its connection, or when a write to it
//! fails: at once. One that closes as usual (FIN) while its request is under way looks on the wire like one that ends its own
//! way and still reads, which HTTP/1.1 allows, and which gets its answer here, as it does from HAProxy without `abortonclose`
//! (nginx gives up on both alike unless told to `proxy_ignore_client_abort`). So the server is told of a client that closed at
//! the first piece of an answer that nobody takes, or by the kernel's probes ([`Limits::probe_after`]): Linux remembers a
//! closed connection for a minute (`tcp_fin_timeout`), and resets it when it is asked after that. A host that vanished is
//! found by the same probes. Over HTTP/2 a stream has its own end, so that a client which closes is gone at once.
//!
//! Where the server cannot be asked it answers 502, or 504 if connecting took too long. What it does not know: TLS, HTTP/3,
//! `CONNECT`, extended `CONNECT` (WebSockets over HTTP/2), more than one server, and interim answers (1xx) of the server,
//! which it takes for itself as the HTTP library does.

mod accept;
mod admit;
mod connection;
mod gate;
mod head;
mod hop;
mod http1;
mod http2;
mod io;
mod limits;
mod raw;
mod refusal;
mod relay;
mod switch;
mod tunnel;
mod upstream;

use std::io as stdio;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shakedown_faults::proof::Healed;
use shakedown_scenarios::units::Span;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use admit::{Admitted, admit};
pub use limits::Limits;
pub use refusal::Refusal;
pub use tunnel::{RawTunnel, Switched, Tunnel, TunnelIo, Tunnelling, tunnel};

use crate::clock::now;
use crate::fault::HttpFault;
use crate::set::{Evidence, Faults, InjectError};

/// A running proxy. Dropping it ends it and its connections.
///
/// ```
/// use shakedown_http_faults::act::TooManyRequests;
/// use shakedown_http_faults::fault::HttpFault;
/// use shakedown_http_faults::proxy::HttpProxy;
/// use shakedown_scenarios::units::Span;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let upstream = "127.0.0.1:8080".parse()?; // need not be there yet
/// let proxy = HttpProxy::start("127.0.0.1:0".parse()?, upstream, 42)?;
/// println!("clients connect to {}", proxy.address());
///
/// let limit = TooManyRequests { retry_after: Span::secs(2), body: String::new() };
/// proxy.inject(1, HttpFault::always(limit))?;
/// println!("{}", proxy.heal(1));
/// proxy.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HttpProxy {
    shared: Arc<Shared>,
}

/// What passed through a proxy, cumulative but for `open`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HttpCounters {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections of clients open now, tunnels included.
    pub open: u64,
    /// Requests that were understood.
    pub requests: u64,
    /// Requests that were refused since they could be understood in two ways, or not at all.
    pub refused: u64,
    /// Requests that were answered 502 or 504.
    pub upstream_failures: u64,
    /// Connections that became tunnels.
    pub tunnels: u64,
}

/// What tasks of a proxy have in common.
#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    upstream: SocketAddr,
    faults: Faults,
    limits: Limits,
    tunnel: Arc<dyn Tunnel>,
    counters: Counters,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    open: AtomicU64,
    requests: AtomicU64,
    refused: AtomicU64,
    upstream_failures: AtomicU64,
    tunnels: AtomicU64,
}

/// How long `stop` waits for connections to end.
const STOP_WITHIN: Span = Span::secs(2);

// === impl HttpProxy ===

impl HttpProxy {
    /// Starts a proxy that listens on `listen` (port 0: a free one) and asks `upstream`. Chance comes from `seed`.
    ///
    /// It must be called within a tokio runtime that has IO and time enabled.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub fn start(listen: SocketAddr, upstream: SocketAddr, seed: u64) -> stdio::Result<Self> {
        Self::start_with(listen, upstream, seed, Limits::default(), Arc::new(RawTunnel))
    }

    /// The same with other limits, and with something else than raw bytes in its tunnels.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub fn start_with(
        listen: SocketAddr,
        upstream: SocketAddr,
        seed: u64,
        limits: Limits,
        tunnel: Arc<dyn Tunnel>,
    ) -> stdio::Result<Self> {
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let shared = Arc::new(Shared {
            address: listener.local_addr()?,
            upstream,
            faults: Faults::new(seed),
            limits,
            tunnel,
            counters: Counters::default(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        shared.spawn(accept::run(Arc::clone(&shared), listener));
        Ok(Self { shared })
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The server it asks.
    #[must_use]
    pub fn upstream(&self) -> SocketAddr {
        self.shared.upstream
    }

    /// Makes a fault hold, for every request that comes after this call returned.
    ///
    /// # Errors
    /// If the number names a fault that holds, or the fault cannot be done as it is written. Nothing is changed then.
    pub fn inject(&self, id: u32, fault: HttpFault) -> Result<(), InjectError> {
        self.shared.faults.inject(id, fault)
    }

    /// Ends a fault and says what is seen of it; what waits because of it goes on. Ending one that does not hold is no
    /// error: healing is idempotent.
    pub fn heal(&self, id: u32) -> Healed {
        self.shared.faults.heal(id)
    }

    /// What a fault did so far, or had done when it was healed; `None` for a number that was never used or is forgotten
    /// (of what was healed, at least the last [`KEPT`](crate::set::KEPT) less those that hold are remembered).
    #[must_use]
    pub fn evidence(&self, id: u32) -> Option<Evidence> {
        self.shared.faults.evidence(id)
    }

    /// What passed through so far.
    #[must_use]
    pub fn counters(&self) -> HttpCounters {
        let counters = &self.shared.counters;
        HttpCounters {
            accepted: counters.accepted.load(Relaxed),
            open: counters.open.load(Relaxed),
            requests: counters.requests.load(Relaxed),
            refused: counters.refused.load(Relaxed),
            upstream_failures: counters.upstream_failures.load(Relaxed),
            tunnels: counters.tunnels.load(Relaxed),
        }
    }

    /// Stops listening, ends all connections, and returns when they are gone (after two seconds at the latest).
    pub async fn stop(self) {
        self.shared.stopping.cancel();
        self.shared.tasks.close();
        let give_up = now() + STOP_WITHIN.duration();
        let _ = tokio::time::timeout_at(give_up, self.shared.tasks.wait()).await;
    }
}

impl Drop for HttpProxy {
    fn drop(&mut self) {
        self.shared.stopping.cancel();
    }
}

// === impl Shared ===

impl Shared {
    /// Runs a task of this proxy, until it is over or the proxy is stopped.
    fn spawn<F>(&self, task: F)
    where
        F: Future + Send + 'static,
    {
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = stopping.cancelled() => {}
                _ = task => {}
            }
        });
    }
}
