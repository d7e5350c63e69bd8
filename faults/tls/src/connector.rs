//! A client's side of TLS: what is asked of an upstream, and whether it is believed.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use shakedown_scenarios::units::Span;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::configs::provider;
use crate::insecure::AnyCertificate;
use crate::{OptionsError, Originate, Trust, options};

/// Speaks TLS to upstreams.
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
    handshake_timeout: Span,
}

/// Why there is no TLS with an upstream.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The handshake failed; a [`rustls::Error`] within tells why.
    #[error("the TLS handshake with the upstream failed")]
    Handshake(#[source] io::Error),
    /// It took too long.
    #[error("the TLS handshake with the upstream took longer than {0}")]
    TimedOut(Span),
}

// === impl Connector ===

impl Connector {
    /// A connector with these options.
    ///
    /// # Errors
    /// If there is no certificate among the roots, the name or a protocol cannot be one, or there is no time for a handshake.
    pub fn new(originate: &Originate) -> Result<Self, OptionsError> {
        let mut config = trusting(&originate.trust)?;
        config.alpn_protocols = options::protocols(&originate.alpn)?;
        let name = originate.name.clone().map(name_from).transpose()?;
        let handshake_timeout = options::time("handshake_timeout", originate.handshake_timeout)?;
        Ok(Self { config: Arc::new(config), name, handshake_timeout })
    }

    /// Shakes hands over a connection to `address`. `asked` is the name that a client asked for, which is used where the
    /// options name none. Where a client was agreed with on a protocol, or on none, `agreed` is that, and it alone is
    /// offered; otherwise those of the options are.
    ///
    /// # Errors
    /// If the handshake fails or takes longer than the options allow.
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        tcp: S,
        address: IpAddr,
        asked: Option<&str>,
        agreed: Option<Option<Vec<u8>>>,
    ) -> Result<TlsStream<S>, ConnectError> {
        let connector = TlsConnector::from(self.offering(agreed));
        let handshake = Box::pin(connector.connect(self.name(address, asked), tcp));
        match tokio::time::timeout(self.handshake_timeout.duration(), handshake).await {
            Ok(connected) => connected.map_err(ConnectError::Handshake),
            Err(_) => Err(ConnectError::TimedOut(self.handshake_timeout)),
        }
    }

    fn offering(&self, agreed: Option<Option<Vec<u8>>>) -> Arc<ClientConfig> {
        let Some(agreed) = agreed else { return Arc::clone(&self.config) };
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = agreed.into_iter().collect();
        Arc::new(config)
    }

    fn name(&self, address: IpAddr, asked: Option<&str>) -> ServerName<'static> {
        let asked = || asked.and_then(|name| ServerName::try_from(name.to_owned()).ok());
        self.name.clone().or_else(asked).unwrap_or(ServerName::IpAddress(address.into()))
    }
}

fn trusting(trust: &Trust) -> Result<ClientConfig, OptionsError> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|source| OptionsError::Refused { source })?;
    let config = match trust {
        Trust::Roots(pem) => builder.with_root_certificates(roots(pem)?),
        Trust::InsecureAnyCertificate => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        }
    };
    Ok(config.with_no_client_auth())
}

fn roots(pem: &str) -> Result<RootCertStore, OptionsError> {
    let mut roots = RootCertStore::empty();
    for certificate in options::certificates(pem)? {
        roots.add(certificate).map_err(|source| OptionsError::Refused { source })?;
    }
    Ok(roots)
}

fn name_from(name: String) -> Result<ServerName<'static>, OptionsError> {
    ServerName::try_from(name.clone())
        .map_err(|_| OptionsError::Name { found: name.chars().take(60).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_given_is_asked_for_then_the_clients_then_the_address() {
        let mut originate = Originate::trusting(Trust::InsecureAnyCertificate);
        let address = IpAddr::from([127, 0, 0, 1]);
        let asks = |originate: &Originate, asked| {
            Connector::new(originate).unwrap().name(address, asked).to_str().into_owned()
        };
        assert_eq!(asks(&originate, None), "127.0.0.1");
        assert_eq!(asks(&originate, Some("shop.test")), "shop.test");
        originate.name = Some("db.test".to_owned());
        assert_eq!(asks(&originate, Some("shop.test")), "db.test");
        originate.name = Some("no name".to_owned());
        assert!(matches!(Connector::new(&originate), Err(OptionsError::Name { .. })));
    }

    #[test]
    fn trust_needs_at_least_one_root() {
        let originate = Originate::trusting(Trust::Roots(String::new()));
        assert!(matches!(Connector::new(&originate), Err(OptionsError::Pem { .. })));
    }
}
