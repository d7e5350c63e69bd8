//! What a link is to be, and why it could not become that.

use std::io;
use std::net::SocketAddr;

use shakedown_datagram_faults::dns::{Zone, ZoneDescription};
use shakedown_scenarios::protocol::{LinkKind, Protocol};
use shakedown_scenarios::words::Wrong;
use shakedown_tls_faults::{Acceptor, Connector, OptionsError, TlsOptions};

use crate::Wrongs;

/// What a link is to be.
#[derive(Clone, Debug)]
pub enum LinkSpec {
    /// A proxy for HTTP/1.1 and HTTP/2, with WebSocket after an upgrade.
    Http {
        /// The server behind it.
        upstream: SocketAddr,
        /// TLS with clients, with the server, or with both; `None`: HTTP is spoken plainly.
        tls: Option<TlsOptions>,
    },
    /// A proxy that speaks TLS with clients, with the server, or with both.
    Tls {
        /// The server behind it.
        upstream: SocketAddr,
        /// With whom, and how.
        options: TlsOptions,
    },
    /// A proxy for datagrams.
    Udp {
        /// The server behind it.
        upstream: SocketAddr,
    },
    /// A name server, over UDP and TCP.
    Dns {
        /// What it says of which names.
        zone: ZoneDescription,
    },
}

/// Why a link could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What it is to be cannot be meant.
    #[error(transparent)]
    Wrong(#[from] Wrongs),
    /// Its address cannot be listened on.
    #[error("cannot listen on {address}; expected a free port on an address of this machine")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

// === impl LinkSpec ===

impl LinkSpec {
    /// Plain HTTP.
    #[must_use]
    pub const fn http(upstream: SocketAddr) -> Self {
        Self::Http { upstream, tls: None }
    }

    /// What it speaks.
    #[must_use]
    pub const fn kind(&self) -> LinkKind {
        match self {
            Self::Http { .. } => LinkKind::Http,
            Self::Tls { .. } => LinkKind::Tls,
            Self::Udp { .. } => LinkKind::Udp,
            Self::Dns { .. } => LinkKind::Dns,
        }
    }

    /// The protocols that faults on it may be about.
    #[must_use]
    pub fn takes(&self) -> Vec<Protocol> {
        match self {
            Self::Http { tls, .. } => {
                let mut protocols = vec![Protocol::Http, Protocol::WebSocket];
                protocols.extend(tls.as_ref().filter(|tls| tls.terminate.is_some()).map(|_| Protocol::Tls));
                protocols
            }
            Self::Tls { options, .. } => options.terminate.iter().map(|_| Protocol::Tls).collect(),
            Self::Udp { .. } => vec![Protocol::Udp],
            Self::Dns { .. } => vec![Protocol::Dns],
        }
    }

    /// Everything that cannot be meant, with the fields of `tls`, of the TLS options or of the zone. Certificates are made
    /// to see whether they can be.
    #[must_use]
    pub fn problems(&self) -> Vec<Wrong> {
        match self {
            Self::Http { tls: None, .. } | Self::Udp { .. } => Vec::new(),
            Self::Http { tls: Some(options), .. } => {
                tls_problems(options).into_iter().map(|wrong| wrong.within("tls")).collect()
            }
            Self::Tls { options, .. } => tls_problems(options),
            Self::Dns { zone } => {
                let problems = Zone::new(zone).err().unwrap_or_default();
                problems.into_iter().map(|problem| Wrong::new(problem.field, problem.message)).collect()
            }
        }
    }
}

fn tls_problems(options: &TlsOptions) -> Vec<Wrong> {
    let mut wrongs = Vec::new();
    if options.terminate.is_none() && options.originate.is_none() {
        wrongs.push(Wrong::new("", OptionsError::Neither.to_string()));
    }
    if options.dial_timeout.is_zero() {
        wrongs.push(Wrong::new("dial_timeout", OptionsError::NoTime { field: "dial_timeout" }.to_string()));
    }
    let terminate = options.terminate.clone().map(|terminate| Acceptor::new(terminate, 0));
    if let Some(Err(error)) = terminate {
        wrongs.push(option(&error).within("terminate"));
    }
    if let Some(Err(error)) = options.originate.as_ref().map(Connector::new) {
        wrongs.push(option(&error).within("originate"));
    }
    wrongs
}

/// With the field that an error is about.
fn option(error: &OptionsError) -> Wrong {
    let field = match error {
        OptionsError::Certificate { .. } => "names",
        OptionsError::NoTime { field } => field,
        OptionsError::Protocol { .. } => "alpn",
        OptionsError::Name { .. } => "name",
        OptionsError::Neither | OptionsError::Pem { .. } | OptionsError::Refused { .. } => "",
    };
    Wrong::new(field, error.to_string())
}
