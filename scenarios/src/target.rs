//! Targets (what is tested) and links (the paths to them that can be broken).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use serde_json::Value;

use crate::export::Export;
use crate::protocol::{LinkKind, Protocol};
use crate::units::{Ratio, Span};

/// What is tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// A process that the run starts, watches and ends.
    Process(Process),
    /// A process that runs already; it is sampled and may be stopped, but is never ended by the run's end.
    Pid(Attached),
    /// Something that only has an address: no samples, no process faults.
    Address(Address),
}

/// A process that the run starts.
///
/// In `argv`, `env`, `dir` and `files` these placeholders are put in at the start: `{port}` (this target's own port),
/// `{dir}` (its temporary directory, removed after the run), `{link:NAME}` and `{target:NAME}` (`host:port`),
/// `{link-port:NAME}` and `{target-port:NAME}` (the port alone), `{link-ca:NAME}` (the file of the certificate to trust on
/// a link that speaks TLS with clients), `{shakedown}` (this program).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// The program and its arguments; never a shell string.
    pub argv: Vec<String>,
    /// Variables added to the environment.
    pub env: BTreeMap<String, String>,
    /// Working directory, relative to the experiment's file; `None`: the target's temporary directory.
    pub dir: Option<String>,
    /// Files written into the temporary directory before the start: relative path → contents.
    pub files: BTreeMap<String, String>,
    /// The port it is told to listen on.
    pub port: Port,
    /// How to tell that it serves.
    pub ready: Readiness,
    /// How long it may take to become ready; longer is an error (at start) or a failed recovery (later).
    pub ready_within: Span,
    /// What to do when it ends by itself or by a fault.
    pub restart: Restart,
    /// Between SIGTERM and SIGKILL at the end of the run and in `Restart`.
    pub grace: Span,
    /// Pages with figures of its own, sampled beside what the kernel tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<Export>,
}

/// A process that runs already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attached {
    /// Its process id; not 1, not the harness or an ancestor of it.
    pub pid: i32,
    /// Where it serves, if a link, workload or probe goes there.
    pub address: Option<String>,
    /// Pages with figures of its own, sampled beside what the kernel tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<Export>,
}

/// Something that only has an address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// `host:port`. Anything but loopback must stand in `guard.allow` too.
    pub address: String,
}

/// A TCP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Port {
    /// Any free port, chosen at the start.
    Auto,
    /// This one, 1 to 65535.
    Fixed(u16),
}

/// How to tell that a process serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Readiness {
    /// It accepts a TCP connection on its port.
    Tcp,
    /// `GET` of this path on its port answers 200 to 299.
    Http(String),
    /// This argv exits 0.
    Exec(Vec<String>),
    /// It is taken as ready as soon as it runs.
    Started,
}

/// What to do when a process ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Restart {
    /// It stays down.
    Never,
    /// Start it again after a delay that doubles from `from` up to `to` and falls back after a stable minute.
    OnExit {
        /// First delay.
        from: Span,
        /// Longest delay.
        to: Span,
    },
}

/// A path from clients to a target through a fault proxy, on 127.0.0.1.
///
/// Whatever runs over TCP takes toxics too. `Http` and `Tls` get them from a TCP proxy before their own, which costs
/// each byte one more hop over loopback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Link {
    /// Bytes pass as they are.
    Tcp(TcpLink),
    /// HTTP/1.1 and HTTP/2 (gRPC among it), with WebSocket after an upgrade. Its `tls` says whether TLS is spoken with
    /// clients, with the target, or with both.
    Http(ProtocolLink),
    /// TLS with clients (`terminate`), with the target (`originate`), or with both.
    Tls(ProtocolLink),
    /// Datagrams. A link keeps 1,024 clients (addresses) at a time, each for a minute after its last datagram; where another comes
    /// the one that was heard of longest ago makes room, and what the target answers to that one later is lost. A run says so where
    /// somebody had to go within a second.
    Udp(ProtocolLink),
    /// A name server of its own, over UDP and TCP. There is no target behind it.
    Dns(DnsLink),
}

/// A TCP proxy in front of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpLink {
    /// The target behind it.
    pub to: String,
    /// The port to listen on.
    pub listen: Port,
    /// Who stands on the client's side, for partitions between groups: a target, or any name.
    #[serde(default)]
    pub from: Option<String>,
}

/// A proxy in front of a target that knows a protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtocolLink {
    /// The target behind it.
    pub to: String,
    /// The port to listen on.
    pub listen: Port,
    /// Who stands on the client's side, for partitions between groups: a target, or any name.
    #[serde(default)]
    pub from: Option<String>,
    /// Its other fields, in the words of its protocol; an object.
    #[serde(default)]
    pub options: Value,
}

/// A name server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsLink {
    /// The port to listen on, of UDP and TCP.
    pub listen: Port,
    /// What it says of which names, in its own words; an object.
    pub zone: Value,
}

/// Which way of a link: upstream is from client to target, downstream from target to client (Toxiproxy's words).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Way {
    /// From client to target.
    Upstream,
    /// From target to client.
    Downstream,
    /// Either way.
    Both,
}

/// Memory asked for as a size or as a share of what is available when the pressure starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Amount {
    /// So many bytes.
    Size(crate::units::Size),
    /// This share of `MemAvailable`.
    Share(Ratio),
}

// === impl Target ===

impl Target {
    /// Its pages with figures of its own.
    #[must_use]
    pub fn exports(&self) -> &[Export] {
        match self {
            Self::Process(process) => &process.exports,
            Self::Pid(attached) => &attached.exports,
            Self::Address(_) => &[],
        }
    }
}

// === impl Link ===

impl Link {
    /// What it speaks.
    #[must_use]
    pub const fn kind(&self) -> LinkKind {
        match self {
            Self::Tcp(_) => LinkKind::Tcp,
            Self::Http(_) => LinkKind::Http,
            Self::Tls(_) => LinkKind::Tls,
            Self::Udp(_) => LinkKind::Udp,
            Self::Dns(_) => LinkKind::Dns,
        }
    }

    /// The target behind it; `None` for what answers itself.
    #[must_use]
    pub fn to(&self) -> Option<&String> {
        match self {
            Self::Tcp(link) => Some(&link.to),
            Self::Http(link) | Self::Tls(link) | Self::Udp(link) => Some(&link.to),
            Self::Dns(_) => None,
        }
    }

    /// Who stands on the client's side, where that is said.
    #[must_use]
    pub fn from(&self) -> Option<&String> {
        match self {
            Self::Tcp(link) => link.from.as_ref(),
            Self::Http(link) | Self::Tls(link) | Self::Udp(link) => link.from.as_ref(),
            Self::Dns(_) => None,
        }
    }

    /// The port to listen on.
    #[must_use]
    pub const fn listen(&self) -> Port {
        match self {
            Self::Tcp(link) => link.listen,
            Self::Http(link) | Self::Tls(link) | Self::Udp(link) => link.listen,
            Self::Dns(link) => link.listen,
        }
    }

    /// Its fields in the words of its protocol.
    #[must_use]
    pub const fn options(&self) -> &Value {
        match self {
            Self::Tcp(_) => &Value::Null,
            Self::Http(link) | Self::Tls(link) | Self::Udp(link) => &link.options,
            Self::Dns(link) => &link.zone,
        }
    }

    /// Whether clients speak TLS with it.
    #[must_use]
    pub fn terminates_tls(&self) -> bool {
        let options = match self {
            Self::Http(link) => link.options.get("tls"),
            Self::Tls(link) => Some(&link.options),
            Self::Tcp(_) | Self::Udp(_) | Self::Dns(_) => None,
        };
        options.and_then(|options| options.get("terminate")).is_some_and(|terminate| !terminate.is_null())
    }

    /// Whether faults on it may be about this.
    #[must_use]
    pub fn takes(&self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::Http | Protocol::WebSocket => self.kind() == LinkKind::Http,
            Protocol::Tls => self.terminates_tls(),
            Protocol::Udp => self.kind() == LinkKind::Udp,
            Protocol::Dns => self.kind() == LinkKind::Dns,
        }
    }
}
