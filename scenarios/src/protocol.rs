//! Protocols that faults can be about, and the kinds of links that speak them.
//!
//! What a fault on a protocol may say is that protocol's own vocabulary (`shakedown-http-faults` and its neighbours);
//! here it is a value with the same words in it, see [`words`](crate::words). An experiment's reader turns the one into
//! the other, and asks a [`Dictionary`](crate::words::Dictionary) from a higher floor whether the words mean something.

use serde::{Deserialize, Serialize};

/// A protocol whose faults have words of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1, HTTP/2 and gRPC.
    Http,
    /// WebSocket, after its upgrade.
    WebSocket,
    /// TLS with clients.
    Tls,
    /// Datagrams.
    Udp,
    /// Answers of a name server.
    Dns,
}

/// What a link speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkKind {
    /// Bytes, as they are.
    Tcp,
    /// HTTP, and WebSocket after an upgrade.
    Http,
    /// TLS on one side or both.
    Tls,
    /// Datagrams.
    Udp,
    /// Questions about names: nothing stands behind it.
    Dns,
}

// === impl Protocol ===

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Http, Self::WebSocket, Self::Tls, Self::Udp, Self::Dns];

    /// The name of its acts in an experiment: `HttpFault`.
    #[must_use]
    pub const fn act(self) -> &'static str {
        match self {
            Self::Http => "HttpFault",
            Self::WebSocket => "WebSocketFault",
            Self::Tls => "TlsFault",
            Self::Udp => "UdpFault",
            Self::Dns => "DnsFault",
        }
    }

    /// The kind of links that faults on it need; for TLS the first of two.
    #[must_use]
    pub const fn link(self) -> LinkKind {
        match self {
            Self::Http | Self::WebSocket => LinkKind::Http,
            Self::Tls => LinkKind::Tls,
            Self::Udp => LinkKind::Udp,
            Self::Dns => LinkKind::Dns,
        }
    }

    /// Its name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::WebSocket => "WebSocket",
            Self::Tls => "TLS",
            Self::Udp => "UDP",
            Self::Dns => "DNS",
        }
    }

    /// The fields that its acts have beside `link` and `act`. Without any, what stands after `act:` is the whole fault.
    #[must_use]
    pub const fn details(self) -> &'static [&'static str] {
        match self {
            Self::Http => &["matches"],
            Self::Dns => &["name", "qtype", "every", "probability"],
            Self::WebSocket | Self::Tls | Self::Udp => &[],
        }
    }
}

// === impl LinkKind ===

impl LinkKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Tcp, Self::Http, Self::Tls, Self::Udp, Self::Dns];

    /// Its name in an experiment: `Http`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "Tcp",
            Self::Http => "Http",
            Self::Tls => "Tls",
            Self::Udp => "Udp",
            Self::Dns => "Dns",
        }
    }

    /// Whether its connections are TCP's, so that they take toxics.
    #[must_use]
    pub const fn is_tcp(self) -> bool {
        matches!(self, Self::Tcp | Self::Http | Self::Tls)
    }

    /// The fields that it has beside those of every link, in the words of its protocol.
    #[must_use]
    pub const fn details(self) -> &'static [&'static str] {
        match self {
            Self::Tcp | Self::Udp => &[],
            Self::Http => &["tls"],
            Self::Tls => &["terminate", "originate", "dial_timeout"],
            Self::Dns => &["names", "ttl", "elsewhere"],
        }
    }
}
