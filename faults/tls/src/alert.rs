//! Alerts: what one side tells the other before it gives up (RFC 8446, section 6).

use serde::{Deserialize, Serialize};

/// A fatal alert by its name in the standard. The two that only close a connection (`close_notify`,
/// `user_canceled`) are not among them: no side takes them for an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the standard's, and say all there is to say")]
pub enum Alert {
    UnexpectedMessage = 10,
    BadRecordMac = 20,
    RecordOverflow = 22,
    HandshakeFailure = 40,
    BadCertificate = 42,
    UnsupportedCertificate = 43,
    CertificateRevoked = 44,
    CertificateExpired = 45,
    CertificateUnknown = 46,
    IllegalParameter = 47,
    UnknownCa = 48,
    AccessDenied = 49,
    DecodeError = 50,
    DecryptError = 51,
    ProtocolVersion = 70,
    InsufficientSecurity = 71,
    InternalError = 80,
    InappropriateFallback = 86,
    MissingExtension = 109,
    UnsupportedExtension = 110,
    UnrecognizedName = 112,
    BadCertificateStatusResponse = 113,
    UnknownPskIdentity = 115,
    CertificateRequired = 116,
    NoApplicationProtocol = 120,
}

/// The record layer's type for alerts.
const ALERT: u8 = 21;
/// What every version since 1.2 writes into a record.
const LEGACY_VERSION: [u8; 2] = [3, 3];
const FATAL: u8 = 2;

// === impl Alert ===

impl Alert {
    /// Its number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The whole record, as it goes over the wire while nothing is encrypted yet.
    #[must_use]
    pub const fn record(self) -> [u8; 7] {
        let [major, minor] = LEGACY_VERSION;
        [ALERT, major, minor, 0, 2, FATAL, self.code()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_the_record_that_the_standard_describes() {
        assert_eq!(Alert::HandshakeFailure.record(), [0x15, 3, 3, 0, 2, 2, 40]);
        assert_eq!(Alert::NoApplicationProtocol.record(), [0x15, 3, 3, 0, 2, 2, 120]);
    }

    #[test]
    fn an_alert_is_written_by_its_name_in_the_standard() {
        let alert: Alert = serde_json::from_str(r#""bad_record_mac""#).unwrap();
        assert_eq!((alert, alert.code()), (Alert::BadRecordMac, 20));
        assert!(serde_json::from_str::<Alert>(r#""close_notify""#).is_err());
    }
}
