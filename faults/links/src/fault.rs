//! A fault on whatever a link speaks.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shakedown_datagram_faults::dns::DnsFault;
use shakedown_datagram_faults::udp::UdpFault;
use shakedown_http_faults::fault::HttpFault;
use shakedown_scenarios::protocol::Protocol;
use shakedown_scenarios::words::{self, Spelling, Wrong};
use shakedown_tls_faults::TlsFault;
use shakedown_websocket_faults::WebSocketFault;

use crate::problems;

/// A fault on a link. As JSON it stands under the name of its protocol: `{"udp": {"loss": {"probability": "5%"}}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum LinkFault {
    /// On requests and answers.
    Http(Box<HttpFault>),
    /// On frames, after an upgrade.
    WebSocket(WebSocketFault),
    /// On handshakes with clients.
    Tls(TlsFault),
    /// On datagrams.
    Udp(UdpFault),
    /// On answers about names.
    Dns(DnsFault),
}

/// Everything that is wrong with a fault or with options; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrongs(pub Vec<Wrong>);

// === impl LinkFault ===

impl LinkFault {
    /// The fault that is written in a protocol's own words, and can be done as it is written.
    ///
    /// # Errors
    /// The first word that is not known; or else all that cannot be meant.
    pub fn read(protocol: Protocol, words: &Value) -> Result<Self, Wrongs> {
        Self::read_spelled(protocol, words, Spelling::Snake)
    }

    /// The same, with its errors in another spelling.
    ///
    /// # Errors
    /// As of [`LinkFault::read`].
    pub fn read_spelled(protocol: Protocol, words: &Value, spelling: Spelling) -> Result<Self, Wrongs> {
        let read = match protocol {
            Protocol::Http => words::read(words, spelling).map(Self::Http),
            Protocol::WebSocket => words::read(words, spelling).map(Self::WebSocket),
            Protocol::Tls => words::read(words, spelling).map(Self::Tls),
            Protocol::Udp => words::read(words, spelling).map(Self::Udp),
            Protocol::Dns => words::read(words, spelling).map(Self::Dns),
        };
        let fault = read.map_err(|wrong| Wrongs(vec![wrong]))?;
        let problems = fault.problems();
        if problems.is_empty() { Ok(fault) } else { Err(Wrongs(problems)) }
    }

    /// The protocol that it is about.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        match self {
            Self::Http(_) => Protocol::Http,
            Self::WebSocket(_) => Protocol::WebSocket,
            Self::Tls(_) => Protocol::Tls,
            Self::Udp(_) => Protocol::Udp,
            Self::Dns(_) => Protocol::Dns,
        }
    }

    /// Everything that cannot be meant; nothing where it can be injected.
    #[must_use]
    pub fn problems(&self) -> Vec<Wrong> {
        match self {
            Self::Http(fault) => problems::http(fault),
            Self::WebSocket(fault) => problems::websocket(fault),
            Self::Tls(fault) => problems::tls(fault),
            Self::Udp(fault) => problems::udp(fault),
            Self::Dns(fault) => problems::dns(fault),
        }
    }
}

// === impl Wrongs ===

impl fmt::Display for Wrongs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, wrong) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { "; " };
            write!(f, "{gap}{wrong}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Wrongs {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(protocol: Protocol, words: Value) -> String {
        LinkFault::read(protocol, &words).unwrap_err().to_string()
    }

    #[test]
    fn a_fault_is_read_in_its_protocols_words_and_stands_under_its_name() {
        let cases = [
            (Protocol::Http, json!({"act": "go_away", "matches": {"path": "/items/*"}}), "http"),
            (Protocol::WebSocket, json!({"drop": {}}), "websocket"),
            (Protocol::Tls, json!("self_signed"), "tls"),
            (Protocol::Udp, json!({"loss": {"probability": "5%"}}), "udp"),
            (Protocol::Dns, json!({"act": "nxdomain", "name": "*.test"}), "dns"),
        ];
        for (protocol, words, name) in cases {
            let fault =
                LinkFault::read(protocol, &words).unwrap_or_else(|wrongs| panic!("{words}: {wrongs}"));
            assert_eq!(fault.protocol(), protocol);
            let json = serde_json::to_value(&fault).unwrap();
            assert!(json.get(name).is_some(), "{json}");
            assert_eq!(serde_json::from_value::<LinkFault>(json).unwrap(), fault);
        }
    }

    #[test]
    fn each_protocol_tells_what_is_wrong_with_its_field() {
        let cases = [
            (
                Protocol::Http,
                json!({"matches": {"every": 0}, "act": {"answer": {"status": 9}}}),
                "matches.every: expected a number from 1, found `0`; act.answer.status: expected a status from 200 to 599, found `9`",
            ),
            (Protocol::WebSocket, json!({"close": {"code": 1006}}), "close.code: expected code to be"),
            (Protocol::Tls, json!({"handshake_stall": {"length": "0s"}}), "handshake_stall.length: "),
            (
                Protocol::Udp,
                json!({"duplicate": {"probability": "200%", "copies": 0}}),
                "duplicate.probability: expected 0% to 100%, found 200%; duplicate.copies: expected 1 to 16, found 0",
            ),
            (
                Protocol::Dns,
                json!({"act": {"slow": {"delay": "2h"}}, "every": 0}),
                "act.slow.delay: expected at most 1h, found 2h; every: expected 1 (each) or more, found 0",
            ),
            (
                Protocol::Dns,
                json!({"act": "nxdomian"}),
                "act: unknown word `nxdomian`; did you mean `nxdomain`?",
            ),
        ];
        for (protocol, words, expected) in cases {
            let told = wrong(protocol, words.clone());
            assert!(told.starts_with(expected), "{words}: {told}");
        }
    }
}
