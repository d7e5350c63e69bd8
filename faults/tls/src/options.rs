//! Who a proxy is to its clients, and what it trusts of its upstream.

use std::fmt;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use shakedown_scenarios::units::Span;

/// How a proxy speaks TLS: to its clients, to its upstream, or to both (then it decrypts and encrypts again).
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsOptions {
    /// TLS with clients; `None`: they speak plainly. Faults need it.
    pub terminate: Option<Terminate>,
    /// TLS with the upstream; `None`: it is spoken to plainly.
    pub originate: Option<Originate>,
    /// How long the upstream may take to accept a TCP connection.
    pub dial_timeout: Span,
}

/// The side that clients see.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Terminate {
    /// The DNS names and addresses that certificates are made for.
    pub names: Vec<String>,
    /// A certificate to show instead of one of our own where no fault is about certificates; flawed ones are still signed
    /// by our own authority.
    pub given: Option<Given>,
    /// The protocols that are agreed to (ALPN), the preferred one first; empty: none are talked about.
    pub alpn: Vec<String>,
    /// How long a client may take to send its ClientHello, and again how long it may take for the rest. Stalls are not
    /// counted.
    pub handshake_timeout: Span,
}

/// A certificate with its chain, and its key, as PEM.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The certificate first, then those of its issuers.
    pub certificates: String,
    /// The private key: PKCS#8, PKCS#1 or SEC1.
    pub key: String,
}

/// The side that the upstream sees.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Originate {
    /// The name asked for (SNI) and verified. `None`: the one that the client asked for, or the upstream's address.
    #[serde(default)]
    pub name: Option<String>,
    /// Whose certificates are accepted.
    pub trust: Trust,
    /// The protocols offered where the client speaks plainly. Where it speaks TLS the one agreed to with it is offered,
    /// and no other.
    #[serde(default)]
    pub alpn: Vec<String>,
    /// How long the upstream may take for the handshake.
    #[serde(default = "timeout")]
    pub handshake_timeout: Span,
}

/// Whose certificates are accepted. The platform's own store is never asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Those that one of these authorities (PEM, at least one) vouches for.
    Roots(String),
    /// Insecure: anybody's, for any name, of any time.
    InsecureAnyCertificate,
}

/// Why options cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// There is no TLS on either side.
    #[error("expected `terminate`, `originate` or both, found neither; a proxy without TLS is not this one")]
    Neither,
    /// What should be PEM is not, or holds nothing of its kind.
    #[error("expected {expected} as PEM, found {found}")]
    Pem {
        /// What was looked for.
        expected: &'static str,
        /// What was there instead.
        found: String,
    },
    /// A certificate of our own cannot be made, as for something that is no name.
    #[error("cannot make a certificate for {names:?}; expected DNS names or addresses")]
    Certificate {
        /// The names.
        names: Vec<String>,
        /// Why.
        source: rcgen::Error,
    },
    /// The certificate and the key given are refused: they do not belong together, or are of a kind that is not known.
    #[error(
        "the certificate cannot be used; expected an ECDSA, Ed25519 or RSA key and the certificate for it"
    )]
    Refused {
        /// Why.
        source: rustls::Error,
    },
    /// There is no time for something.
    #[error("expected a {field} above 0s, found 0s; in no time nothing can be done")]
    NoTime {
        /// Which.
        field: &'static str,
    },
    /// What should be a protocol's name is none.
    #[error("expected protocol names of 1 to 255 bytes, found {found:?}")]
    Protocol {
        /// What was found.
        found: String,
    },
    /// What should be a server's name is none.
    #[error("expected a DNS name or an address of the upstream, found {found:?}")]
    Name {
        /// What was found.
        found: String,
    },
}

/// What clients of a local proxy connect to.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// As long as most servers and clients wait.
const TIMEOUT: Span = Span::secs(10);

const fn timeout() -> Span {
    TIMEOUT
}

// === impl TlsOptions ===

impl Default for TlsOptions {
    /// Neither side, and ten seconds for a dial.
    fn default() -> Self {
        Self { terminate: None, originate: None, dial_timeout: TIMEOUT }
    }
}

// === impl Terminate ===

impl Default for Terminate {
    /// For `localhost`, `127.0.0.1` and `::1`, without ALPN, with ten seconds for a handshake.
    fn default() -> Self {
        let names = LOCAL.map(str::to_owned).to_vec();
        Self { names, given: None, alpn: Vec::new(), handshake_timeout: TIMEOUT }
    }
}

// === impl Originate ===

impl Originate {
    /// With this trust, the client's name or the upstream's address, without ALPN, with ten seconds for a handshake.
    #[must_use]
    pub const fn trusting(trust: Trust) -> Self {
        Self { name: None, trust, alpn: Vec::new(), handshake_timeout: TIMEOUT }
    }
}

// === impl Given ===

impl Given {
    pub(crate) fn chain(&self) -> Result<Vec<CertificateDer<'static>>, OptionsError> {
        certificates(&self.certificates)
    }

    pub(crate) fn private_key(&self) -> Result<PrivateKeyDer<'static>, OptionsError> {
        // What is found is not told: it may be part of a key.
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|_| OptionsError::Pem {
            expected: "a private key (PKCS#8, PKCS#1 or SEC1)",
            found: "none".to_owned(),
        })
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("certificates", &self.certificates).field("key", &"…").finish()
    }
}

/// A span in which something can be done.
pub(crate) const fn time(field: &'static str, span: Span) -> Result<Span, OptionsError> {
    if span.is_zero() { Err(OptionsError::NoTime { field }) } else { Ok(span) }
}

/// At least one certificate.
pub(crate) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, OptionsError> {
    let wrong = |found: String| OptionsError::Pem { expected: "at least one certificate", found };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(none) if none.is_empty() => Err(wrong("none".to_owned())),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Protocols as they go over the wire.
pub(crate) fn protocols(names: &[String]) -> Result<Vec<Vec<u8>>, OptionsError> {
    let wrong = names.iter().find(|name| name.is_empty() || name.len() > usize::from(u8::MAX));
    match wrong {
        Some(found) => Err(OptionsError::Protocol { found: found.chars().take(60).collect() }),
        None => Ok(names.iter().map(|name| name.clone().into_bytes()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed() {
        let given = Given { certificates: "public".to_owned(), key: "secret".to_owned() };
        let terminate = Terminate { given: Some(given.clone()), ..Terminate::default() };
        assert!(!format!("{terminate:?}").contains("secret"));
        assert!(!format!("{:?}", given.private_key().unwrap_err()).contains("secret"));
    }

    #[test]
    fn options_are_read_with_what_is_left_out_as_usual_and_nothing_unknown() {
        let text = r#"{"terminate":{"alpn":["h2"]},"originate":{"trust":"insecure_any_certificate"}}"#;
        let options: TlsOptions = serde_json::from_str(text).unwrap();
        let (terminate, originate) = (options.terminate.unwrap(), options.originate.unwrap());
        assert_eq!((terminate.names.len(), terminate.alpn[0].as_str()), (3, "h2"));
        assert!(matches!(originate.trust, Trust::InsecureAnyCertificate));
        assert_eq!([options.dial_timeout, originate.handshake_timeout], [TIMEOUT; 2]);
        let roots: Trust = serde_json::from_str(r#"{"roots":"PEM"}"#).unwrap();
        assert!(matches!(roots, Trust::Roots(pem) if pem == "PEM"));
        for wrong in [r#"{"verify":false}"#, r#"{"terminate":{"name":"x"}}"#, r#"{"originate":{}}"#] {
            assert!(serde_json::from_str::<TlsOptions>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_certificate_or_no_protocol_is_refused() {
        assert!(matches!(certificates("hello"), Err(OptionsError::Pem { found, .. }) if found == "none"));
        let torn = "-----BEGIN CERTIFICATE-----\nAA!!\n-----END CERTIFICATE-----\n";
        assert!(matches!(certificates(torn), Err(OptionsError::Pem { .. })));
        assert!(protocols(&["h2".to_owned(), String::new()]).is_err());
        assert!(protocols(&["x".repeat(256)]).is_err());
    }
}
