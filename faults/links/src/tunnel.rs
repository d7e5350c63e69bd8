//! WebSocket in the tunnels of an HTTP proxy: frames, once a connection has switched to them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shakedown_http_faults::proxy::{RawTunnel, Switched, Tunnel, Tunnelling};
use shakedown_scenarios::seed::Streams;
use shakedown_websocket_faults::{Connection, Control, relay};

/// Breaks frames where a connection switched to WebSocket. What else it may switch to passes as it is.
pub(crate) struct WebSockets {
    control: Arc<Control>,
    streams: Streams,
    switched: AtomicU64,
}

// === impl WebSockets ===

impl WebSockets {
    /// Under the faults of this control. Each connection has chance of its own, by its place in their order.
    pub(crate) fn new(control: Arc<Control>, seed: u64) -> Self {
        Self { control, streams: Streams::new(seed), switched: AtomicU64::new(0) }
    }
}

impl Tunnel for WebSockets {
    fn run(&self, switched: Switched) -> Tunnelling {
        if !switched.protocol.as_bytes().eq_ignore_ascii_case(b"websocket") {
            return RawTunnel.run(switched);
        }
        let ordinal = self.switched.fetch_add(1, Relaxed);
        // A proxy in the middle does not end connections because of flaws that their ends may live with.
        let connection = Connection { streams: self.streams, ordinal, lenient: true };
        let relaying = relay(switched.client, switched.upstream, self.control.watch(), connection);
        Box::pin(async move {
            let passed = Box::pin(relaying).await?;
            Ok((passed.up.sent, passed.down.sent))
        })
    }
}

impl fmt::Debug for WebSockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSockets").field("switched", &self.switched).finish_non_exhaustive()
    }
}
