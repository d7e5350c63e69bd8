//! What can be broken about TLS, and the proxy that breaks it.
//!
//! Read in this order: [`TlsFault`] and [`Alert`] (what can be broken), [`Faults`] and [`Fate`] (what hits which
//! connection: decided purely, from a seed and the order of connections), [`Terminate`] and [`Originate`] (who the
//! proxy is to its clients, and what it trusts), [`Acceptor`] (a server's side of a handshake with faults on it, for
//! any protocol on top), [`Connector`] (a client's side), [`TlsProxy`] (both and a relay between them).
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use shakedown_tls_faults::{Terminate, TlsFault, TlsOptions, TlsProxy};
//!
//! let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
//! let upstream = tokio::net::TcpListener::bind(any).await?;
//! let options = TlsOptions { terminate: Some(Terminate::default()), ..TlsOptions::default() };
//! let proxy = TlsProxy::start(any, upstream.local_addr()?, options, 42)?;
//!
//! // Clients trust this; from now on half of them are shown a certificate that has expired.
//! assert!(proxy.ca_pem().is_some_and(|pem| pem.starts_with("-----BEGIN CERTIFICATE-----")));
//! let fault: TlsFault = serde_json::from_str(r#"{"expired_certificate": {"probability": "50%"}}"#)?;
//! proxy.inject(1, fault)?;
//! let evidence = proxy.heal(1);
//! assert!(evidence.is_some_and(|evidence| evidence.hits == 0));
//! proxy.stop().await;
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! What it does not do: faults on the upstream's side of a proxy, client certificates, certificates made for the name
//! that a client asks for, QUIC.

mod acceptor;
mod alert;
mod authority;
mod clock;
mod configs;
mod connector;
mod control;
mod evidence;
mod fate;
mod fault;
mod faults;
mod handshake;
mod insecure;
mod options;
mod part;
mod proxy;
mod stream;

pub use acceptor::Acceptor;
pub use alert::Alert;
pub use connector::{ConnectError, Connector};
pub use control::{InjectError, KEPT};
pub use evidence::Evidence;
pub use fate::{Fate, Stalled};
pub use fault::{Flaw, Moment, Problem, TlsFault};
pub use faults::{Faults, FaultsError, Injection, MOST};
pub use handshake::AcceptError;
pub use options::{Given, OptionsError, Originate, Terminate, TlsOptions, Trust};
pub use proxy::{StartError, TlsCounters, TlsProxy};
pub use stream::TlsStream;
