//! A certificate authority of our own, and the good and flawed certificates that it signs.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

use crate::Flaw;

/// Signs certificates. Its key is made when it is, and is gone with it.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    now: OffsetDateTime,
}

/// A certificate and the key to it.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// What a certificate for another host is for: a name that no host can have (RFC 6761, section 6.4).
const OTHER_HOST: &str = "another-host.invalid";
/// Far enough from now that clocks which are hours apart agree about it.
const A_DAY: Duration = Duration::days(1);
/// Longer than any run, and as long as the certificates that public authorities sign.
const A_YEAR: Duration = Duration::days(397);
const A_MONTH: Duration = Duration::days(30);

// === impl Authority ===

impl Authority {
    /// A new authority with a key of its own, which starts to be valid two months before `now`, so that what it signed
    /// may have expired, and ends after what it signs.
    pub(crate) fn new(now: OffsetDateTime) -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "shakedown proxy authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = (now - A_MONTH * 2, now + A_YEAR * 2);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem, now })
    }

    /// Its own certificate, which clients trust.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for these names (DNS names or addresses), with this flaw.
    pub(crate) fn leaf(&self, names: &[String], flaw: Option<Flaw>) -> Result<Pair, rcgen::Error> {
        let names = if flaw == Some(Flaw::WrongHost) { vec![OTHER_HOST.to_owned()] } else { names.to_vec() };
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "shakedown proxy");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = flaw != Some(Flaw::SelfSigned);
        // No two of one issuer may have the same number (RFC 5280, section 4.1.2.2).
        params.serial_number = Some(SerialNumber::from(flaw.map_or(1, |flaw| flaw as u64 + 2)));
        (params.not_before, params.not_after) = self.validity(flaw);
        let key = KeyPair::generate()?;
        let certificate = match flaw {
            Some(Flaw::SelfSigned) => params.self_signed(&key)?,
            _ => params.signed_by(&key, &self.issuer)?,
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(Pair { chain: vec![certificate.der().clone()], key })
    }

    fn validity(&self, flaw: Option<Flaw>) -> (OffsetDateTime, OffsetDateTime) {
        match flaw {
            Some(Flaw::Expired) => (self.now - A_MONTH, self.now - A_DAY),
            Some(Flaw::NotYetValid) => (self.now + A_DAY, self.now + A_YEAR),
            _ => (self.now - A_DAY, self.now + A_YEAR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_is_refused_and_addresses_are_names() {
        let authority = Authority::new(OffsetDateTime::UNIX_EPOCH + A_YEAR * 50).unwrap();
        assert!(authority.leaf(&["näher".to_owned()], None).is_err());
        assert!(authority.leaf(&["::1".to_owned(), "db.internal".to_owned()], None).is_ok());
    }

    #[test]
    fn no_two_authorities_and_no_two_certificates_are_the_same() {
        let now = OffsetDateTime::UNIX_EPOCH + A_YEAR * 50;
        let (one, other) = (Authority::new(now).unwrap(), Authority::new(now).unwrap());
        assert_ne!(one.pem(), other.pem());
        let names = ["localhost".to_owned()];
        let leaf = |flaw| one.leaf(&names, flaw).unwrap().chain;
        assert_ne!(leaf(None), leaf(Some(Flaw::Expired)));
    }
}
