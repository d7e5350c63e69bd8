//! What a server says in a handshake: one configuration for each flaw of its certificate and each range of versions.
//!
//! All are made when the proxy starts, so that a fault costs nothing while it holds. Each has a session store of its own
//! (256 sessions, rustls' default): a client that resumed a session would not look at the certificate, and so a fault must
//! not find a session of the time before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};

use crate::authority::{Authority, Pair};
use crate::{Flaw, OptionsError, Terminate, options};

/// All configurations of one acceptor.
#[derive(Debug)]
pub(crate) struct Configs {
    configs: BTreeMap<(Option<Flaw>, bool), Arc<ServerConfig>>,
}

const LOOKS: [Option<Flaw>; 5] =
    [None, Some(Flaw::Expired), Some(Flaw::NotYetValid), Some(Flaw::SelfSigned), Some(Flaw::WrongHost)];

/// The provider of all cryptography here. It is handed on and never installed for the process, which is not ours.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

// === impl Configs ===

impl Configs {
    pub(crate) fn new(authority: &Authority, terminate: &Terminate) -> Result<Self, OptionsError> {
        let protocols = options::protocols(&terminate.alpn)?;
        let mut configs = BTreeMap::new();
        for flaw in LOOKS {
            let pair = pair(authority, terminate, flaw)?;
            for capped in [false, true] {
                configs.insert((flaw, capped), Arc::new(config(&pair, capped, &protocols)?));
            }
        }
        Ok(Self { configs })
    }

    /// The one with this flaw of the certificate, `capped` at TLS 1.2 or not.
    pub(crate) fn pick(&self, flaw: Option<Flaw>, capped: bool) -> Arc<ServerConfig> {
        Arc::clone(self.configs.get(&(flaw, capped)).expect("one is made for every flaw and both ranges"))
    }
}

fn pair(authority: &Authority, terminate: &Terminate, flaw: Option<Flaw>) -> Result<Pair, OptionsError> {
    match (&terminate.given, flaw) {
        (Some(given), None) => Ok(Pair { chain: given.chain()?, key: given.private_key()? }),
        _ => authority
            .leaf(&terminate.names, flaw)
            .map_err(|source| OptionsError::Certificate { names: terminate.names.clone(), source }),
    }
}

fn config(pair: &Pair, capped: bool, protocols: &[Vec<u8>]) -> Result<ServerConfig, OptionsError> {
    let versions = if capped { &[&TLS12][..] } else { &[&TLS13, &TLS12][..] };
    let refused = |source| OptionsError::Refused { source };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .map_err(refused)?
        .with_no_client_auth()
        .with_single_cert(pair.chain.clone(), pair.key.clone_key())
        .map_err(refused)?;
    config.alpn_protocols = protocols.to_vec();
    Ok(config)
}
