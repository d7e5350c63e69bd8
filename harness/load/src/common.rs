//! What every load is made of, whatever its client.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use nix::sys::resource::{Resource, getrlimit};
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{Arrivals, Workload};
use shakedown_tls_faults::Connector;

use crate::client::ClientError;
use crate::history::HistoryPlace;
use crate::lane::Lane;
use crate::tls;

/// A load that is to be started.
#[derive(Clone, Debug)]
pub struct Start {
    /// The workload's name: it names the streams of chance, the windows and the thread.
    pub name: String,
    /// What is asked, and when.
    pub workload: Workload,
    /// Where it goes.
    pub address: SocketAddr,
    /// The Host header of HTTP requests (HTTP/2's `:authority`).
    pub host: String,
    /// The run's seed.
    pub seed: u64,
    /// The zero of the load: due times and windows count from here. It may lie ahead; what is due before the thread
    /// runs is late, and counted as such.
    pub start: Instant,
    /// How long requests become due.
    pub duration: Span,
    /// Where the history of its operations is kept; `None`: nowhere. Only workloads of operations have one.
    pub history: Option<HistoryPlace>,
}

/// One kind of request of a mix.
pub(crate) struct Kind {
    pub weight: u32,
    /// The bound of its keys where there is a place for one.
    pub keys: Option<u64>,
    /// What reports call it.
    pub name: String,
}

/// What is common to the workloads of all clients.
pub(crate) struct Common {
    pub timeout: Span,
    pub tls: Option<Connector>,
    /// Sockets that may be open at once.
    pub connections: usize,
    /// Requests that may be under way at once.
    pub seats: usize,
    pub kinds: Vec<Kind>,
}

// === impl Common ===

impl Common {
    /// Of a workload, and the bound of the keys of each of its kinds.
    pub(crate) fn new(
        start: &Start,
        client: &impl Lane,
        timeout: Span,
        keys: impl Iterator<Item = u64>,
    ) -> io::Result<Self> {
        let workload = &start.workload;
        let tls = workload.tls().map(|tls| tls::connector(tls, timeout, alpn(workload)));
        let tls = tls.transpose().map_err(invalid)?;
        let streams = workload.streams().max(1) as usize;
        let users = workload.arrivals().users().map(|users| users as usize);
        let seats = users.unwrap_or(workload.connections() as usize * streams);
        let connections = seats.div_ceil(streams);
        let endpoints = workload.endpoints().into_iter().zip(keys).enumerate();
        let kinds = endpoints.map(|(kind, (endpoint, keys))| Kind {
            weight: endpoint.weight.unwrap_or(0),
            keys: client.has_key(kind).then_some(keys),
            name: endpoint.name,
        });
        Ok(Self { timeout, tls, connections, seats, kinds: kinds.collect() })
    }
}

/// That there is something to ask, and room for the sockets.
///
/// # Errors
///
/// What is missing (`InvalidInput`).
pub(crate) fn check(start: &Start, common: &Common) -> io::Result<()> {
    if let Arrivals::Replay { file, trace, .. } = start.workload.arrivals()
        && trace.is_empty()
    {
        return Err(invalid(ClientError::Trace(file.clone())));
    }
    let Common { connections, kinds, .. } = common;
    if kinds.is_empty() {
        return Err(invalid(ClientError::Empty));
    }
    if kinds.iter().all(|kind| kind.weight == 0) {
        return Err(invalid(ClientError::Weights(kinds.len())));
    }
    let (allowed, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if *connections as u64 >= allowed {
        return Err(invalid(ClientError::Descriptors { connections: *connections, allowed }));
    }
    Ok(())
}

/// What is offered to be spoken over TLS (ALPN, RFC 7301).
const fn alpn(workload: &Workload) -> &'static [&'static str] {
    match workload {
        _ if workload.is_in_streams() => &["h2"],
        Workload::Http(_) | Workload::Journey(_) | Workload::WebSocket(_) => &["http/1.1"],
        Workload::Tcp(_) | Workload::Redis(_) | Workload::Postgres(_) => &[],
        Workload::Operations(_) | Workload::Malformed(_) | Workload::Udp(_) | Workload::Grpc(_) => &[],
    }
}

/// A workload that cannot be sent as it stands.
pub(crate) fn invalid(error: ClientError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}
