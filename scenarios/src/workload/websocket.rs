//! What is said on WebSockets, and what is to come back.

use serde::{Deserialize, Serialize};

use super::{Arrivals, Destination, Tls, begun};
use crate::units::Span;

/// Messages on WebSockets. All sockets are open from the start, opened again when they are lost, and used in turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebSocketWorkload {
    /// The path the load takes.
    pub to: Destination,
    /// When messages are due.
    pub arrivals: Arrivals,
    /// A message that is not answered this long after it was sent is an error of class `timeout`; so is a socket that is not
    /// open this long after a message wanted to use it.
    pub timeout: Span,
    /// How many sockets are held open, 1 to 10,000.
    pub sockets: u32,
    /// TLS on every socket; `None`: it is spoken in the clear.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Path and query of the upgrade.
    pub path: String,
    /// Headers of the upgrade beside those that make it one.
    pub headers: Vec<(String, String)>,
    /// The mix; one is drawn for each arrival, by weight.
    pub messages: Vec<WebSocketMessage>,
}

/// One kind of message of a mix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebSocketMessage {
    /// What is sent.
    pub send: Sending,
    /// The answer is the next message that holds this text in its first 64 KiB; others, which a server may send to everybody,
    /// pass by. `{n}` becomes the number that was drawn. `None`: nothing is waited for. A ping waits for its pong.
    pub expect: Option<String>,
    /// Share of the mix, relative to the others; 1 to 1,000,000.
    pub weight: u32,
    /// `{n}` is drawn from 0 to `keys - 1`.
    pub keys: u64,
}

/// What is sent. `{n}` becomes the number that was drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sending {
    /// A message of text.
    Text(String),
    /// A ping, the heartbeat of sockets, with at most 125 bytes.
    Ping(String),
}

// === impl WebSocketMessage ===

impl WebSocketMessage {
    /// What reports call it: `send hello {n}`, `ping {n}`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        match &self.send {
            Sending::Text(text) => begun(&format!("send {text}")),
            Sending::Ping(text) => begun(format!("ping {text}").trim_end()),
        }
    }
}
