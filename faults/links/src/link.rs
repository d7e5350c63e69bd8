//! A link that runs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shakedown_datagram_faults::dns::{DnsResponder, Zone};
use shakedown_datagram_faults::injections::InjectError as DatagramError;
use shakedown_datagram_faults::udp::UdpProxy;
use shakedown_faults::proof::Healed;
use shakedown_http_faults::set::InjectError as HttpError;
use shakedown_scenarios::protocol::{LinkKind, Protocol};
use shakedown_tls_faults::{InjectError as TlsError, StartError as TlsStartError, TlsOptions, TlsProxy};
use shakedown_websocket_faults::InjectError as WebSocketError;

use crate::http::HttpChain;
use crate::{Counters, Ending, Evidence, LinkFault, LinkSpec, StartError, Wrongs};

/// A link that runs. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct Link {
    speaks: Speaks,
    takes: Vec<Protocol>,
    /// The injections that hold, and what each is about.
    holding: Mutex<BTreeMap<u32, Protocol>>,
}

#[derive(Debug)]
enum Speaks {
    Http(HttpChain),
    Tls(TlsProxy),
    Udp(UdpProxy),
    Dns(DnsResponder),
}

/// Why a fault could not be injected. Nothing is changed then.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InjectError {
    /// The number is in use.
    #[error("injection {0} holds already; heal it first or use another number")]
    Taken(u32),
    /// The link does not speak that.
    #[error("a fault on {} cannot be done here; this link takes faults on {}", .fault.name(), names(.takes))]
    Foreign {
        /// What the fault is about.
        fault: Protocol,
        /// What the link takes.
        takes: Vec<Protocol>,
    },
    /// HTTP does not take it.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// WebSocket does not take it.
    #[error(transparent)]
    WebSocket(#[from] WebSocketError),
    /// TLS does not take it.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// UDP or DNS does not take it.
    #[error(transparent)]
    Datagram(#[from] DatagramError),
}

fn names(protocols: &[Protocol]) -> String {
    if protocols.is_empty() {
        return "nothing: it terminates no TLS".to_owned();
    }
    protocols.iter().map(|protocol| protocol.name()).collect::<Vec<_>>().join(", ")
}

// === impl Link ===

impl Link {
    /// Starts a link that listens on `listen` (port 0: a free one). Chance comes from `seed`.
    ///
    /// It must be called within a tokio runtime that has IO and time enabled.
    ///
    /// # Errors
    /// If the address cannot be listened on, or what the link is to be cannot be meant.
    pub fn start(listen: SocketAddr, spec: LinkSpec, seed: u64) -> Result<Self, StartError> {
        let problems = spec.problems();
        if !problems.is_empty() {
            return Err(Wrongs(problems).into());
        }
        let takes = spec.takes();
        let refused = |source| StartError::Listen { address: listen, source };
        let speaks = match spec {
            LinkSpec::Http { upstream, tls } => Speaks::Http(HttpChain::start(listen, upstream, tls, seed)?),
            LinkSpec::Tls { upstream, options } => Speaks::Tls(started_tls(listen, upstream, options, seed)?),
            LinkSpec::Udp { upstream } => {
                Speaks::Udp(UdpProxy::start(listen, upstream, seed).map_err(refused)?)
            }
            LinkSpec::Dns { zone } => {
                let zone = Zone::new(&zone).expect("it has just been found to be without problems");
                Speaks::Dns(DnsResponder::start(listen, zone, seed).map_err(refused)?)
            }
        };
        Ok(Self { speaks, takes, holding: Mutex::default() })
    }

    /// Where clients connect or send to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match &self.speaks {
            Speaks::Http(chain) => chain.address(),
            Speaks::Tls(proxy) => proxy.address(),
            Speaks::Udp(proxy) => proxy.address(),
            Speaks::Dns(responder) => responder.address(),
        }
    }

    /// What it speaks.
    #[must_use]
    pub const fn kind(&self) -> LinkKind {
        match &self.speaks {
            Speaks::Http(_) => LinkKind::Http,
            Speaks::Tls(_) => LinkKind::Tls,
            Speaks::Udp(_) => LinkKind::Udp,
            Speaks::Dns(_) => LinkKind::Dns,
        }
    }

    /// The protocols that faults on it may be about.
    #[must_use]
    pub fn takes(&self) -> &[Protocol] {
        &self.takes
    }

    /// The certificate (PEM) that clients should trust; `None` where they do not speak TLS.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.tls().and_then(TlsProxy::ca_pem)
    }

    /// Makes a fault hold. It never waits for clients.
    ///
    /// # Errors
    /// If the link does not speak what the fault is about, the number names one that holds, too many hold, or the fault
    /// cannot be meant. Nothing is changed then.
    pub fn inject(&self, id: u32, fault: LinkFault) -> Result<(), InjectError> {
        let protocol = fault.protocol();
        let mut holding = self.holding();
        if holding.contains_key(&id) {
            return Err(InjectError::Taken(id));
        }
        let foreign = || InjectError::Foreign { fault: protocol, takes: self.takes.clone() };
        match (&self.speaks, fault) {
            (Speaks::Http(chain), LinkFault::Http(fault)) => chain.proxy.inject(id, *fault)?,
            (Speaks::Http(chain), LinkFault::WebSocket(fault)) => chain.websockets.inject(id, fault)?,
            (Speaks::Udp(proxy), LinkFault::Udp(fault)) => proxy.inject(id, fault)?,
            (Speaks::Dns(responder), LinkFault::Dns(fault)) => responder.inject(id, fault)?,
            (_, LinkFault::Tls(fault)) => self.tls().ok_or_else(foreign)?.inject(id, fault)?,
            _ => return Err(foreign()),
        }
        holding.insert(id, protocol);
        Ok(())
    }

    /// Ends a fault and says what it did; `None` if it does not hold, which is no error. What waits because of it goes on.
    pub fn heal(&self, id: u32) -> Option<Ending> {
        let protocol = self.holding().remove(&id)?;
        let healed = match (&self.speaks, protocol) {
            (Speaks::Http(chain), Protocol::Http) => chain.proxy.heal(id),
            (Speaks::Udp(proxy), _) => proxy.heal(id),
            (Speaks::Dns(responder), _) => responder.heal(id),
            (Speaks::Http(chain), Protocol::WebSocket) => {
                gone(chain.websockets.heal(id).is_some(), "frames pass", id)
            }
            _ => gone(self.tls().and_then(|tls| tls.heal(id)).is_some(), "hands are shaken", id),
        };
        Some(Ending { did: self.did(protocol, id).unwrap_or_else(Evidence::nothing), healed })
    }

    /// What a fault that holds did so far; `None` if it does not hold.
    #[must_use]
    pub fn evidence(&self, id: u32) -> Option<Evidence> {
        let protocol = self.holding().get(&id).copied()?;
        self.did(protocol, id)
    }

    /// What passed through so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        match &self.speaks {
            Speaks::Http(chain) => chain.proxy.counters().into(),
            Speaks::Tls(proxy) => proxy.counters().into(),
            Speaks::Udp(proxy) => proxy.counters().into(),
            Speaks::Dns(responder) => responder.counters().into(),
        }
    }

    /// Stops listening, ends all connections, and returns when they are gone (after some seconds at the latest).
    pub async fn stop(self) {
        match self.speaks {
            Speaks::Http(chain) => chain.stop().await,
            Speaks::Tls(proxy) => proxy.stop().await,
            Speaks::Udp(proxy) => proxy.stop().await,
            Speaks::Dns(responder) => responder.stop().await,
        }
    }

    /// Who shakes hands with clients.
    const fn tls(&self) -> Option<&TlsProxy> {
        match &self.speaks {
            Speaks::Http(chain) => chain.terminating.as_ref(),
            Speaks::Tls(proxy) => Some(proxy),
            Speaks::Udp(_) | Speaks::Dns(_) => None,
        }
    }

    fn did(&self, protocol: Protocol, id: u32) -> Option<Evidence> {
        match (&self.speaks, protocol) {
            (Speaks::Http(chain), Protocol::Http) => {
                chain.proxy.evidence(id).map(|seen| Evidence::new(seen.bit(), seen))
            }
            (Speaks::Http(chain), Protocol::WebSocket) => {
                chain.websockets.evidence(id).map(|seen| Evidence::new(seen.bit(), seen))
            }
            (Speaks::Udp(proxy), _) => proxy.evidence(id).map(|seen| Evidence::new(seen.bit(), seen)),
            (Speaks::Dns(responder), _) => responder.evidence(id).map(|seen| Evidence::new(seen.bit(), seen)),
            _ => self.tls()?.evidence(id).map(|seen| Evidence::new(seen.bit(), seen)),
        }
    }

    fn holding(&self) -> MutexGuard<'_, BTreeMap<u32, Protocol>> {
        // Nothing panics while it is held; if something did, the map would still be whole.
        self.holding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gone(held: bool, what: &str, id: u32) -> Healed {
    match held {
        true => Healed::proven(format!("{what} without injection {id}")),
        false => Healed::proven(format!("injection {id} does not hold on this link")),
    }
}

pub(crate) fn started_tls(
    listen: SocketAddr,
    upstream: SocketAddr,
    options: TlsOptions,
    seed: u64,
) -> Result<TlsProxy, StartError> {
    TlsProxy::start(listen, upstream, options, seed).map_err(|error| match error {
        TlsStartError::Listen { address, source } => StartError::Listen { address, source },
        TlsStartError::Options(error) => {
            Wrongs(vec![shakedown_scenarios::words::Wrong::new("", error.to_string())]).into()
        }
    })
}
