//! A link of HTTP: a chain of TLS with clients, the HTTP proxy with WebSocket in its tunnels, and TLS with the server.
//! Links of the chain that are not asked for are not there.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use shakedown_http_faults::proxy::{HttpProxy, Limits};
use shakedown_tls_faults::{TlsOptions, TlsProxy};
use shakedown_websocket_faults::Control;

use crate::StartError;
use crate::link::started_tls;
use crate::tunnel::WebSockets;

/// The chain, from clients to the server.
#[derive(Debug)]
pub(crate) struct HttpChain {
    pub(crate) terminating: Option<TlsProxy>,
    pub(crate) proxy: HttpProxy,
    pub(crate) websockets: Arc<Control>,
    pub(crate) originating: Option<TlsProxy>,
}

// === impl HttpChain ===

impl HttpChain {
    /// Starts it from its end, since each needs to know where the next one listens.
    pub(crate) fn start(
        listen: SocketAddr,
        upstream: SocketAddr,
        tls: Option<TlsOptions>,
        seed: u64,
    ) -> Result<Self, StartError> {
        let inner = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (terminate, originate, dial_timeout) = match tls {
            Some(TlsOptions { terminate, originate, dial_timeout }) => (terminate, originate, dial_timeout),
            None => (None, None, TlsOptions::default().dial_timeout),
        };
        let side = |terminate, originate| TlsOptions { terminate, originate, dial_timeout };
        let originating = originate
            .map(|originate| started_tls(inner, upstream, side(None, Some(originate)), seed))
            .transpose()?;
        let upstream = originating.as_ref().map_or(upstream, TlsProxy::address);
        let websockets = Arc::new(Control::new());
        let tunnel = Arc::new(WebSockets::new(Arc::clone(&websockets), seed));
        let at = if terminate.is_some() { inner } else { listen };
        let proxy = HttpProxy::start_with(at, upstream, seed, Limits::default(), tunnel)
            .map_err(|source| StartError::Listen { address: at, source })?;
        let terminating = terminate
            .map(|terminate| started_tls(listen, proxy.address(), side(Some(terminate), None), seed))
            .transpose()?;
        Ok(Self { terminating, proxy, websockets, originating })
    }

    /// Where clients connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.terminating.as_ref().map_or(self.proxy.address(), TlsProxy::address)
    }

    pub(crate) async fn stop(self) {
        if let Some(terminating) = self.terminating {
            terminating.stop().await;
        }
        self.proxy.stop().await;
        if let Some(originating) = self.originating {
            originating.stop().await;
        }
    }
}
