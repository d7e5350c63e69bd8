//! Hostile openings: what no well-formed client says, and what a target refuses and then goes on.

use serde::{Deserialize, Serialize};

use super::{Arrivals, Destination};
use crate::units::Span;

/// A stream of hostile openings, each on a connection of its own.
///
/// Right is a clean refusal: an error of the protocol, or an end of the connection (orderly or reset), and after it a
/// well-formed opening on another connection that is answered. Wrong is an answer of success (class `status`), silence
/// until the timeout (`timeout`), something that is not the protocol (`protocol`), and a target that does not take or
/// answer the well-formed one any more (`refused`, `reset`, `closed`, `timeout`, `status`). Latency counts both
/// connections. Openings come in turn, so that each is sent equally often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MalformedWorkload {
    /// The path the load takes.
    pub to: Destination,
    /// When openings are due; a few a second say as much as many.
    pub arrivals: Arrivals,
    /// An opening that is not refused, and the well-formed one after it answered, this long after it was sent, is an error
    /// of class `timeout`.
    pub timeout: Span,
    /// How many may be under way at once, 1 to 10,000; in the closed model as many as there are users.
    pub connections: u32,
    /// What the target speaks.
    pub protocol: Spoken,
    /// Path and query of HTTP requests and of upgrades; `None`: `/`.
    pub path: Option<String>,
    /// Names of openings that are not sent: what a target is known to take otherwise.
    pub leave_out: Vec<String>,
}

/// A protocol that has hostile openings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spoken {
    /// HTTP/1.1.
    Http,
    /// RESP, before and without a login.
    Redis,
    /// PostgreSQL's protocol 3, before the login.
    Postgres,
    /// WebSocket: upgrades, and frames behind a right one.
    WebSocket,
}

// === impl MalformedWorkload ===

impl MalformedWorkload {
    /// The names of the openings that are sent, in their order; reports have a row for each.
    pub fn openings(&self) -> impl Iterator<Item = &'static str> + '_ {
        let is_sent = |name: &&str| !self.leave_out.iter().any(|left_out| left_out == name);
        self.protocol.openings().iter().copied().filter(is_sent)
    }
}

// === impl Spoken ===

impl Spoken {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Http, Self::Redis, Self::Postgres, Self::WebSocket];

    /// Its name in an experiment.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "Http",
            Self::Redis => "Redis",
            Self::Postgres => "Postgres",
            Self::WebSocket => "WebSocket",
        }
    }

    /// What is said with it, for people.
    #[must_use]
    pub const fn described(self) -> &'static str {
        match self {
            Self::Http => "malformed HTTP",
            Self::Redis => "malformed Redis",
            Self::Postgres => "malformed PostgreSQL",
            Self::WebSocket => "malformed WebSocket",
        }
    }

    /// Whether its openings have a path.
    #[must_use]
    pub const fn has_path(self) -> bool {
        matches!(self, Self::Http | Self::WebSocket)
    }

    /// The names of its hostile openings. What each sends is the load generator's business.
    #[must_use]
    pub const fn openings(self) -> &'static [&'static str] {
        match self {
            Self::Http => &HTTP,
            Self::Redis => &REDIS,
            Self::Postgres => &POSTGRES,
            Self::WebSocket => &WEBSOCKET,
        }
    }
}

/// Each must be refused by RFC 9112 or 9110, or passes what servers bound.
const HTTP: [&str; 21] = [
    "no host",
    "two hosts",
    "brackets in the method",
    "version of letters",
    "version 9.9",
    "nul in the path",
    "percent without digits",
    "space before a colon",
    "negative length",
    "length of letters",
    "length beyond 64 bits",
    "two lengths",
    "unknown coding",
    "chunk size of letters",
    "chunk size beyond 64 bits",
    "path of 70,000 bytes",
    "header of 512 KiB",
    "20,000 headers",
    "cut request line",
    "a TLS hello",
    "noise",
];

const REDIS: [&str; 14] = [
    "array length of letters",
    "array length of 2^63",
    "bulk length of letters",
    "bulk length of 2^63",
    "negative bulk length",
    "number for a name",
    "nested arrays",
    "endless array length",
    "inline of 128 KiB",
    "quote not closed",
    "name of no UTF-8",
    "an HTTP request",
    "cut command",
    "noise",
];

const POSTGRES: [&str; 12] = [
    "length of zero",
    "length of three",
    "length of -1",
    "length of 2^31 - 1",
    "startup of 64 KiB",
    "version 9.9",
    "no user",
    "no end of the parameters",
    "query before the login",
    "an HTTP request",
    "cut startup",
    "noise",
];

const WEBSOCKET: [&str; 14] = [
    "upgrade without a key",
    "upgrade of version 99",
    "frame without a mask",
    "reserved kind of frame",
    "reserved bits",
    "ping of 126 bytes",
    "ping in pieces",
    "text of no UTF-8",
    "continuation of nothing",
    "length of 2^63",
    "length of 2^62",
    "close of one byte",
    "close code 999",
    "cut frame",
];
