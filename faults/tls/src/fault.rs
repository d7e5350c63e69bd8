//! Faults on a TLS handshake and on its end, as they are described.

use serde::{Deserialize, Serialize};
use shakedown_scenarios::units::{Ratio, Size, Span};

use crate::Alert;

/// A fault on the connections of clients whose TLS is terminated. `probability` is the share of connections that it
/// hits (above 0 %, at most 100 %; left out: all). Which ones those are is drawn for each connection by its place in the
/// order of acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TlsFault {
    /// The certificate's time ended yesterday.
    ExpiredCertificate {
        /// The share of connections.
        #[serde(default = "always")]
        probability: Ratio,
    },
    /// The certificate's time starts tomorrow.
    NotYetValid {
        /// The share of connections.
        #[serde(default = "always")]
        probability: Ratio,
    },
    /// The certificate is signed by nobody but itself.
    SelfSigned {
        /// The share of connections.
        #[serde(default = "always")]
        probability: Ratio,
    },
    /// The certificate is good, and for another host.
    WrongHost {
        /// The share of connections.
        #[serde(default = "always")]
        probability: Ratio,
    },
    /// The ClientHello is read and nothing is answered until the fault heals, or for a while; then the handshake goes on.
    HandshakeStall {
        /// For how long at the most; left out: until it heals.
        #[serde(default)]
        length: Option<Span>,
        /// The share of connections.
        #[serde(default = "always")]
        probability: Ratio,
    },
    /// The ClientHello is answered by a fatal alert and the end of the connection.
    Alert {
        /// Which alert.
        description: Alert,
        /// The share of connections.
        #[serde(default = "always")]
        probability: Ratio,
    },
    /// Nothing newer than TLS 1.2 is offered.
    VersionCap {
        /// The share of connections.
        #[serde(default = "always")]
        probability: Ratio,
    },
    /// The connection is reset (RST) in the middle of the handshake.
    Reset {
        /// When.
        #[serde(default)]
        at: Moment,
        /// The share of connections.
        #[serde(default = "always")]
        probability: Ratio,
    },
    /// The connection is closed without a close_notify, which a client must not take for the end of what was sent.
    Truncate {
        /// After so many bytes of plain text to the client; left out: at the regular end, where only the close_notify is
        /// left out.
        #[serde(default)]
        after: Option<Size>,
        /// The share of connections.
        #[serde(default = "always")]
        probability: Ratio,
    },
}

/// When a handshake is reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// After the ClientHello, with nothing answered.
    #[default]
    ClientHello,
    /// After the server's first flight: its ServerHello and, depending on the version, all up to its certificate.
    ServerHello,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// It ended yesterday.
    Expired,
    /// It starts tomorrow.
    NotYetValid,
    /// It is signed by nobody but itself.
    SelfSigned,
    /// It is for another host.
    WrongHost,
}

/// Why a fault cannot be meant as it is described.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// A share of connections that is none, or more than all.
    #[error(
        "{fault}: expected a probability above 0% and at most 100%, found {found}; leave it out to hit every connection"
    )]
    Probability {
        /// The fault's name.
        fault: &'static str,
        /// What was found.
        found: Ratio,
    },
    /// A stall that is none.
    #[error(
        "handshake_stall: expected a length above 0s, found 0s; leave it out to stall until the fault heals"
    )]
    NoLength,
}

/// The share that is meant where none is given.
fn always() -> Ratio {
    Ratio::new(1.0).expect("1 is a ratio")
}

// === impl TlsFault ===

impl TlsFault {
    /// Its name, as it is written.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ExpiredCertificate { .. } => "expired_certificate",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::SelfSigned { .. } => "self_signed",
            Self::WrongHost { .. } => "wrong_host",
            Self::HandshakeStall { .. } => "handshake_stall",
            Self::Alert { .. } => "alert",
            Self::VersionCap { .. } => "version_cap",
            Self::Reset { .. } => "reset",
            Self::Truncate { .. } => "truncate",
        }
    }

    /// The share of connections that it hits.
    #[must_use]
    pub const fn probability(&self) -> Ratio {
        match self {
            Self::ExpiredCertificate { probability }
            | Self::NotYetValid { probability }
            | Self::SelfSigned { probability }
            | Self::WrongHost { probability }
            | Self::HandshakeStall { probability, .. }
            | Self::Alert { probability, .. }
            | Self::VersionCap { probability }
            | Self::Reset { probability, .. }
            | Self::Truncate { probability, .. } => *probability,
        }
    }

    /// The flaw of the certificate that it shows, if it is about certificates.
    #[must_use]
    pub const fn flaw(&self) -> Option<Flaw> {
        match self {
            Self::ExpiredCertificate { .. } => Some(Flaw::Expired),
            Self::NotYetValid { .. } => Some(Flaw::NotYetValid),
            Self::SelfSigned { .. } => Some(Flaw::SelfSigned),
            Self::WrongHost { .. } => Some(Flaw::WrongHost),
            _ => None,
        }
    }

    /// Everything that is wrong with the description; nothing where it can be injected.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let found = self.probability();
        let mut problems = Vec::new();
        if found.value() <= 0.0 || found.value() > 1.0 {
            problems.push(Problem::Probability { fault: self.name(), found });
        }
        if matches!(self, Self::HandshakeStall { length: Some(length), .. } if length.is_zero()) {
            problems.push(Problem::NoLength);
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_written_in_snake_case_under_its_name() {
        let cases = [
            r#"{"expired_certificate":{"probability":"100%"}}"#,
            r#"{"not_yet_valid":{"probability":"5%"}}"#,
            r#"{"self_signed":{"probability":"100%"}}"#,
            r#"{"wrong_host":{"probability":"100%"}}"#,
            r#"{"handshake_stall":{"length":"2s","probability":"100%"}}"#,
            r#"{"alert":{"description":"unknown_ca","probability":"100%"}}"#,
            r#"{"version_cap":{"probability":"100%"}}"#,
            r#"{"reset":{"at":"server_hello","probability":"100%"}}"#,
            r#"{"truncate":{"after":"1KiB","probability":"100%"}}"#,
        ];
        for case in cases {
            let fault: TlsFault = serde_json::from_str(case).unwrap();
            assert_eq!(serde_json::to_string(&fault).unwrap(), case);
            assert!(case[2..].starts_with(fault.name()), "{case}");
            assert_eq!(fault.check(), [], "{case}");
        }
    }

    #[test]
    fn what_is_left_out_is_the_whole_fault_and_what_is_unknown_is_refused() {
        let stall: TlsFault = serde_json::from_str(r#"{"handshake_stall":{}}"#).unwrap();
        assert_eq!(stall, TlsFault::HandshakeStall { length: None, probability: always() });
        let reset: TlsFault = serde_json::from_str(r#"{"reset":{}}"#).unwrap();
        assert_eq!(reset, TlsFault::Reset { at: Moment::ClientHello, probability: always() });
        for wrong in [
            r#"{"handshake_stall":{"len":"1s"}}"#,
            r#"{"expired":{}}"#,
            r#"{"alert":{}}"#,
            r#"{"alert":{"description":"oops"}}"#,
        ] {
            assert!(serde_json::from_str::<TlsFault>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let fault: TlsFault =
            serde_json::from_str(r#"{"handshake_stall":{"length":"0s","probability":"150%"}}"#).unwrap();
        let problems: Vec<String> = fault.check().iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 2);
        assert!(problems[0].contains("at most 100%, found 150%"), "{problems:?}");
        assert!(problems[1].contains("leave it out to stall until the fault heals"), "{problems:?}");
    }
}
