//! What a proxy puts up with.

use std::time::Duration;

use shakedown_scenarios::units::{Size, Span};
use socket2::TcpKeepalive;

/// The bounds of a proxy. With the default ones a connection over HTTP/1 takes at most about 256 KiB of buffers, and one
/// over HTTP/2 as much as its windows (1 MiB a connection and way).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a client may take for the head of a request, and also how long a connection over HTTP/1 may be idle
    /// between requests. A connection that takes longer is closed.
    pub head_within: Span,
    /// How long a head may be; at least 1 KiB, at most 1 MiB. A longer one is answered 431.
    pub head_max: Size,
    /// How many lines of headers a head may have.
    pub lines_max: usize,
    /// How many connections there may be at once; more wait in the kernel's backlog.
    pub connections_max: usize,
    /// How long connecting to the server may take before the answer is 504.
    pub dial_within: Span,
    /// How long a client may be quiet on the wire before its kernel is asked whether it is still there, and again after as
    /// long; three unanswered times or one reset end its connection. From 1 s to 9 h, in whole seconds.
    pub probe_after: Span,
}

// === impl Limits ===

impl Limits {
    /// The longest head in bytes, within what is sensible.
    pub(super) fn head_bytes(&self) -> usize {
        usize::try_from(self.head_max.as_bytes()).unwrap_or(usize::MAX).clamp(1024, 1024 * 1024)
    }

    /// How a client's kernel is asked, within what Linux takes (32,767 s).
    pub(super) fn probes(&self) -> TcpKeepalive {
        let after = self.probe_after.duration().clamp(Duration::from_secs(1), Duration::from_secs(9 * 3600));
        TcpKeepalive::new().with_time(after).with_interval(after).with_retries(3)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_within: Span::secs(30),
            head_max: Size::bytes(64 * 1024),
            lines_max: 100,
            connections_max: 10_000,
            dial_within: Span::secs(10),
            probe_after: Span::secs(15),
        }
    }
}
