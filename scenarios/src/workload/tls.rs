//! TLS between a workload's clients and what they ask.

use serde::{Deserialize, Serialize};

/// Clients shake hands by TLS 1.2 or 1.3 before anything else is said, and believe only what they verify. A connection on which that
/// fails is an error of class `tls`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// A file of certificates (PEM) whose holders are believed when they vouch for the target; relative to the experiment's
    /// file. `{link-ca:NAME}` is that of a link which speaks TLS with its clients. The system's own store is never asked.
    /// `None`: only where nothing is verified.
    pub ca: Option<String>,
    /// The name asked for (SNI) and verified; HTTP and WebSocket name it as their host, too. `None`: the address that the load
    /// connects to.
    pub name: Option<String>,
    /// Whether the certificate is looked at. False takes anybody's, for any name and of any time.
    pub verify: bool,
}

// === impl Tls ===

impl Tls {
    /// What it does, in words behind others: `over TLS`.
    #[must_use]
    pub const fn describe(&self) -> &'static str {
        if self.verify { " over TLS" } else { " over TLS (certificates are not verified)" }
    }
}
