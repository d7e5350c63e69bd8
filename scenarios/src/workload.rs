//! Workloads: who asks what of a target, and when.

use serde::{Deserialize, Serialize};

use crate::units::{Bandwidth, Size, Span};

mod arrivals;
mod outline;
mod words;

pub use arrivals::{Arrivals, Spacing, Stage, Think};

pub mod feeder;
pub mod grpc;
pub mod journey;
pub mod malformed;
pub mod operations;
pub mod phrase;
pub mod postgres;
pub mod redis;
pub mod tls;
pub mod udp;
pub mod websocket;

pub use outline::Endpoint;

use self::feeder::Feeder;

pub use grpc::GrpcWorkload;
pub use journey::JourneyWorkload;
pub use malformed::MalformedWorkload;
pub use operations::OperationsWorkload;
pub use postgres::PostgresWorkload;
pub use redis::RedisWorkload;
pub use tls::Tls;
pub use udp::UdpWorkload;
pub use websocket::WebSocketWorkload;

/// The least and the most bytes that may be on their way to a slow consumer.
const AHEAD_BYTES_MIN: u32 = 4 * 1024;
const AHEAD_BYTES_MAX: u32 = 64 * 1024;

/// Load of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Workload {
    /// HTTP requests.
    Http(HttpWorkload),
    /// Send some bytes, expect some bytes, on kept TCP connections.
    Tcp(TcpWorkload),
    /// Commands to a Redis, alone or in pipelines, on kept connections.
    Redis(RedisWorkload),
    /// SQL statements to a PostgreSQL, alone or in transactions, on kept connections.
    Postgres(PostgresWorkload),
    /// Messages on WebSockets that are all held open from the start.
    WebSocket(WebSocketWorkload),
    /// Operations on objects, whose history can be judged.
    Operations(OperationsWorkload),
    /// Several HTTP requests of one user, one after the other.
    Journey(JourneyWorkload),
    /// Hostile openings of a protocol, which are to be refused cleanly.
    Malformed(MalformedWorkload),
    /// Unary calls of gRPC.
    Grpc(GrpcWorkload),
    /// Send a datagram, expect a datagram.
    Udp(UdpWorkload),
}

/// HTTP requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpWorkload {
    /// Which HTTP is spoken.
    #[serde(default)]
    pub version: HttpVersion,
    /// The path the load takes.
    pub to: Destination,
    /// When requests are due.
    pub arrivals: Arrivals,
    /// A request that is not answered this long after it was sent is an error of class `timeout`.
    pub timeout: Span,
    /// How many connections may be open at once, 1 to 10,000. A request that is due while all are busy waits, and its
    /// wait counts as latency. In the closed model each user has one of its own: as many as there are users.
    pub connections: u32,
    /// How connections are used.
    #[serde(default)]
    pub habits: Habits,
    /// TLS on every connection; `None`: it is spoken in the clear.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// What every request logs in with; `None`: nothing.
    #[serde(default)]
    pub auth: Option<HttpAuth>,
    /// Rows of a file; each request has one, whose columns are names in its path, headers and body.
    #[serde(default)]
    pub data: Option<Feeder>,
    /// The mix; one is drawn for each arrival, by weight.
    pub requests: Vec<HttpRequest>,
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpVersion {
    /// HTTP/1.1: one request after the other on each connection.
    #[default]
    Http1,
    /// HTTP/2: requests side by side on each connection. In the clear the target must know it beforehand; over TLS it is agreed on (ALPN).
    Http2 {
        /// How many requests may be under way on one connection, 1 to 1,000. Another connection is opened only when the streams of
        /// the others are taken.
        streams: u32,
    },
}

/// How a workload's clients use their connections. By default they keep them, and read as fast as they can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Habits {
    /// A connection is closed by the client after so many requests, and the next request dials anew; 1 or more. `None`: it
    /// is kept.
    pub requests_per_connection: Option<u32>,
    /// The most bytes a second that each connection reads, over HTTP/2 each stream of the bodies that it is answered: a slow
    /// consumer. What the target can then not send backs up in it, and the time is part of latency and of the timeout. About a
    /// second's worth, 4 to 64 KiB, may be on its way unread: that is what the kernel's buffer of a connection is asked to have
    /// room for (it may take twice that), and the window of each stream over HTTP/2, in which what was read makes room for as much; all
    /// windows of a workload together are at most 1 GiB.
    /// `None`: as fast as they come.
    pub read_rate: Option<Bandwidth>,
}

/// One kind of request of a mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// What reports call it; `None`: its method and path. Requests of the same name are counted together.
    #[serde(default)]
    pub name: Option<String>,
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query. `{n}` becomes a number drawn below `keys`.
    ///
    /// In a workload with `data`, path, values of headers and body may hold `{n}` and the names of columns, see [`phrase`]. What of
    /// a row a path cannot hold (RFC 3986) is percent-encoded, and control characters in headers become spaces, so that no row
    /// writes a second header or request. Without `data`, headers and body are sent as they stand.
    pub path: String,
    /// Headers beside Host and Content-Length.
    pub headers: Vec<(String, String)>,
    /// Body; empty for none.
    pub body: String,
    /// What a right answer looks like.
    pub expect: HttpExpect,
    /// Share of the mix, relative to the others; 1 to 1,000,000.
    pub weight: u32,
    /// `{n}` is drawn from 0 to `keys - 1`.
    pub keys: u64,
}

/// What requests log in with. Secrets stand in environment variables of this program; only their names are ever written anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpAuth {
    /// `Authorization: Bearer …`.
    Bearer {
        /// The variable that holds the token.
        env: String,
    },
    /// `Authorization: Basic …`.
    Basic {
        /// The user.
        user: String,
        /// The variable that holds the password.
        password_env: String,
    },
    /// A header whose whole value is the secret.
    Header {
        /// The header's name.
        name: String,
        /// The variable that holds its value.
        env: String,
    },
}

/// What a right answer looks like; anything else is an error of class `status`, `check` or `slow`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpExpect {
    /// The status; `None`: 200 to 399.
    pub status: Option<u16>,
    /// A text that the first 64 KiB of the body must hold.
    pub body: Option<String>,
    /// Headers that must be there, and what the value of each must hold (nothing: any value).
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// A regular expression that must match within the first 64 KiB of the body.
    #[serde(default)]
    pub matches: Option<String>,
    /// JSON Pointers (RFC 6901), such as `/items/0/name`, and the values that must stand there. The body is JSON of at most
    /// 64 KiB then.
    #[serde(default)]
    pub json: Vec<(String, serde_json::Value)>,
    /// The least size of the body.
    #[serde(default)]
    pub at_least: Option<Size>,
    /// The largest size of the body.
    #[serde(default)]
    pub at_most: Option<Size>,
    /// How long the answer may take, counted from when the request was due.
    #[serde(default)]
    pub within: Option<Span>,
}

/// Send and expect on kept TCP connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpWorkload {
    /// The path the load takes.
    pub to: Destination,
    /// When exchanges are due.
    pub arrivals: Arrivals,
    /// An exchange that is not answered this long after it was sent is an error of class `timeout`.
    pub timeout: Span,
    /// How many connections may be open at once, 1 to 10,000; in the closed model as many as there are users.
    pub connections: u32,
    /// How connections are used.
    #[serde(default)]
    pub habits: Habits,
    /// TLS on every connection; `None`: it is spoken in the clear.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// The mix; one is drawn for each arrival, by weight.
    pub exchanges: Vec<TcpExchange>,
}

/// One kind of exchange of a mix: `send`, then read until what came starts with `expect` (and, where `until` is given,
/// ends with that).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpExchange {
    /// What reports call it; `None`: the first line of what is sent. Exchanges of the same name are counted together.
    #[serde(default)]
    pub name: Option<String>,
    /// Bytes to send. `{n}` becomes a number drawn below `keys`; `\r\n` as in any RON string.
    pub send: String,
    /// What the answer must start with; anything else is an error of class `check`.
    pub expect: String,
    /// The answer is whole once it ends with this; `None`: once `expect` has come.
    pub until: Option<String>,
    /// Share of the mix, relative to the others; 1 to 1,000,000.
    pub weight: u32,
    /// `{n}` is drawn from 0 to `keys - 1`.
    pub keys: u64,
}

/// Where load and probes go: through a link, or straight to a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Destination {
    /// Through the proxy of this link; faults on it are felt.
    Link(String),
    /// Straight to this target.
    Target(String),
}

// === impl Workload ===

impl Workload {
    /// Where it goes.
    #[must_use]
    pub const fn to(&self) -> &Destination {
        match self {
            Self::Http(workload) => &workload.to,
            Self::Tcp(workload) => &workload.to,
            Self::Redis(workload) => &workload.to,
            Self::Postgres(workload) => &workload.to,
            Self::WebSocket(workload) => &workload.to,
            Self::Operations(workload) => &workload.to,
            Self::Journey(workload) => &workload.to,
            Self::Malformed(workload) => &workload.to,
            Self::Grpc(workload) => &workload.to,
            Self::Udp(workload) => &workload.to,
        }
    }

    /// When its requests are due.
    #[must_use]
    pub const fn arrivals(&self) -> &Arrivals {
        match self {
            Self::Http(workload) => &workload.arrivals,
            Self::Tcp(workload) => &workload.arrivals,
            Self::Redis(workload) => &workload.arrivals,
            Self::Postgres(workload) => &workload.arrivals,
            Self::WebSocket(workload) => &workload.arrivals,
            Self::Operations(workload) => &workload.arrivals,
            Self::Journey(workload) => &workload.arrivals,
            Self::Malformed(workload) => &workload.arrivals,
            Self::Grpc(workload) => &workload.arrivals,
            Self::Udp(workload) => &workload.arrivals,
        }
    }

    /// TLS on its connections; `None`: it is spoken in the clear.
    #[must_use]
    pub const fn tls(&self) -> Option<&Tls> {
        match self {
            Self::Http(workload) => workload.tls.as_ref(),
            Self::Tcp(workload) => workload.tls.as_ref(),
            Self::Redis(workload) => workload.tls.as_ref(),
            Self::WebSocket(workload) => workload.tls.as_ref(),
            Self::Grpc(workload) => workload.tls.as_ref(),
            Self::Postgres(workload) => workload.tls.as_ref(),
            Self::Operations(workload) => workload.tls.as_ref(),
            Self::Journey(workload) => workload.tls.as_ref(),
            Self::Malformed(_) | Self::Udp(_) => None,
        }
    }

    /// The same, to be changed.
    #[must_use]
    pub const fn tls_mut(&mut self) -> Option<&mut Tls> {
        match self {
            Self::Http(workload) => workload.tls.as_mut(),
            Self::Tcp(workload) => workload.tls.as_mut(),
            Self::Redis(workload) => workload.tls.as_mut(),
            Self::WebSocket(workload) => workload.tls.as_mut(),
            Self::Grpc(workload) => workload.tls.as_mut(),
            Self::Postgres(workload) => workload.tls.as_mut(),
            Self::Operations(workload) => workload.tls.as_mut(),
            Self::Journey(workload) => workload.tls.as_mut(),
            Self::Malformed(_) | Self::Udp(_) => None,
        }
    }

    /// The environment variable that holds what it logs in with.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::Http(_) | Self::Journey(_) | Self::Grpc(_) => self.auth().map(HttpAuth::env),
            Self::Redis(workload) => workload.password_env.as_deref(),
            Self::Postgres(workload) => workload.password_env.as_deref(),
            Self::Operations(workload) => workload.sql.as_ref().and_then(|sql| sql.password_env.as_deref()),
            Self::Tcp(_) | Self::WebSocket(_) | Self::Malformed(_) | Self::Udp(_) => None,
        }
    }

    /// Its login, where that is a header of HTTP.
    #[must_use]
    pub const fn auth(&self) -> Option<&HttpAuth> {
        match self {
            Self::Http(workload) => workload.auth.as_ref(),
            Self::Journey(workload) => workload.auth.as_ref(),
            Self::Grpc(workload) => workload.auth.as_ref(),
            _ => None,
        }
    }

    /// The protocol it speaks, for people.
    #[must_use]
    pub const fn protocol(&self) -> &'static str {
        match self {
            Self::Http(workload) => workload.version.name(),
            Self::Tcp(_) => "TCP",
            Self::Redis(_) => "Redis",
            Self::Postgres(_) => "PostgreSQL",
            Self::WebSocket(_) => "WebSocket",
            Self::Operations(OperationsWorkload { sql: Some(_), .. }) => "transactions on a PostgreSQL",
            Self::Operations(_) => "operations on a Redis",
            Self::Journey(workload) => workload.version.name(),
            Self::Malformed(workload) => workload.protocol.described(),
            Self::Grpc(_) => "gRPC",
            Self::Udp(_) => "UDP",
        }
    }

    /// The same, to be changed.
    #[must_use]
    pub const fn arrivals_mut(&mut self) -> &mut Arrivals {
        match self {
            Self::Http(workload) => &mut workload.arrivals,
            Self::Tcp(workload) => &mut workload.arrivals,
            Self::Redis(workload) => &mut workload.arrivals,
            Self::Postgres(workload) => &mut workload.arrivals,
            Self::WebSocket(workload) => &mut workload.arrivals,
            Self::Operations(workload) => &mut workload.arrivals,
            Self::Journey(workload) => &mut workload.arrivals,
            Self::Malformed(workload) => &mut workload.arrivals,
            Self::Grpc(workload) => &mut workload.arrivals,
            Self::Udp(workload) => &mut workload.arrivals,
        }
    }

    /// Whether its requests are streams of HTTP/2.
    #[must_use]
    pub const fn is_in_streams(&self) -> bool {
        match self {
            Self::Http(workload) => matches!(workload.version, HttpVersion::Http2 { .. }),
            Self::Journey(workload) => matches!(workload.version, HttpVersion::Http2 { .. }),
            Self::Grpc(_) => true,
            _ => false,
        }
    }

    /// How many requests may be under way on one connection.
    #[must_use]
    pub const fn streams(&self) -> u32 {
        match self {
            Self::Http(HttpWorkload { version: HttpVersion::Http2 { streams }, .. })
            | Self::Journey(JourneyWorkload { version: HttpVersion::Http2 { streams }, .. }) => *streams,
            Self::Grpc(workload) => workload.streams,
            _ => 1,
        }
    }

    /// How connections are used.
    #[must_use]
    pub const fn habits(&self) -> Habits {
        match self {
            Self::Http(workload) => workload.habits,
            Self::Tcp(workload) => workload.habits,
            Self::Redis(workload) => workload.habits,
            Self::Postgres(workload) => workload.habits,
            Self::Grpc(workload) => workload.habits,
            Self::Journey(workload) => workload.habits,
            Self::WebSocket(_) | Self::Operations(_) | Self::Malformed(_) | Self::Udp(_) => {
                Habits { requests_per_connection: None, read_rate: None }
            }
        }
    }

    /// How many connections may be open at once.
    #[must_use]
    pub const fn connections(&self) -> u32 {
        match self {
            Self::Http(workload) => workload.connections,
            Self::Tcp(workload) => workload.connections,
            Self::Redis(workload) => workload.connections,
            Self::Postgres(workload) => workload.connections,
            Self::WebSocket(workload) => workload.sockets,
            Self::Operations(workload) => workload.connections,
            Self::Journey(workload) => workload.connections,
            Self::Malformed(workload) => workload.connections,
            Self::Grpc(workload) => workload.connections,
            Self::Udp(workload) => workload.sockets,
        }
    }

    /// The field that says so.
    #[must_use]
    pub const fn connections_field(&self) -> &'static str {
        match self {
            Self::WebSocket(_) | Self::Udp(_) => "sockets",
            _ => "connections",
        }
    }
}

// === impl Habits ===

impl Habits {
    /// How many bytes a target may send a slow consumer before they are read, 4,096 to 65,536: about a second's worth, so that it feels
    /// the rate soon, and not so little that the way there and back would count more than the rate. `None`: nobody reads slowly.
    #[must_use]
    pub fn ahead(self) -> Option<u32> {
        let second = self.read_rate?.as_bytes_per_second();
        Some(u32::try_from(second).unwrap_or(u32::MAX).clamp(AHEAD_BYTES_MIN, AHEAD_BYTES_MAX))
    }
}

// === impl HttpAuth ===

impl HttpAuth {
    /// The environment variable that holds the secret.
    #[must_use]
    pub fn env(&self) -> &str {
        match self {
            Self::Bearer { env } | Self::Header { env, .. } => env,
            Self::Basic { password_env, .. } => password_env,
        }
    }

    /// Whether a header can hold a secret.
    #[must_use]
    pub fn can_hold(secret: &[u8]) -> bool {
        !secret.iter().any(u8::is_ascii_control)
    }
}

// === impl HttpVersion ===

impl HttpVersion {
    /// Its name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP",
            Self::Http2 { .. } => "HTTP/2",
        }
    }
}

// === impl HttpRequest ===

impl HttpRequest {
    /// What reports call it: its name, or `GET /items/{n}`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let usual = || begun(&format!("{} {}", self.method, self.path));
        self.name.clone().unwrap_or_else(usual)
    }
}

/// A name stands in each second of a journal: of what was not named, this much.
fn begun(text: &str) -> String {
    text.chars().take(200).collect()
}

// === impl TcpExchange ===

impl TcpExchange {
    /// What reports call it: its name, or the first line of what is sent: `GET key:{n}`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let usual = || begun(self.send.lines().next().unwrap_or_default());
        self.name.clone().unwrap_or_else(usual)
    }
}

// === impl Destination ===

impl Destination {
    /// The name of the link or target.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Link(name) | Self::Target(name) => name,
        }
    }
}
