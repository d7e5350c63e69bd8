//! The service under the faults: it asks the server what the client asked.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response, StatusCode, Version as HttpVersion};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::connection::{Open, Version};
use super::switch::Switch;
use super::tunnel::Switched;
use super::upstream::{AskError, Upstream};
use super::{Shared, hop};
use crate::wire::Interim;

/// One connection's way to the server. Clones are the same.
#[derive(Clone)]
pub(super) struct Relay(Arc<Way>);

struct Way {
    shared: Arc<Shared>,
    open: Arc<Open>,
    upstream: Upstream,
    /// Connections over HTTP/1 have one.
    client: Option<Client>,
}

/// A client over HTTP/1.
pub(super) struct Client {
    pub(super) switch: Arc<Switch>,
    /// Shared with what reads and writes for the HTTP library.
    pub(super) stream: Arc<TcpStream>,
}

/// What is needed of a request once the server agrees to switch.
struct Wish {
    protocol: HeaderValue,
    uri: http::Uri,
    request: http::HeaderMap,
    client: OnUpgrade,
}

// === impl Relay ===

impl Relay {
    pub(super) fn new(
        shared: Arc<Shared>,
        open: Arc<Open>,
        version: Version,
        client: Option<Client>,
    ) -> Self {
        let upstream = Upstream::new(Arc::clone(&shared), version);
        Self(Arc::new(Way { shared, open, upstream, client }))
    }
}

impl Service<Request<Incoming>> for Relay {
    type Response = Response<Incoming>;
    type Error = AskError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, AskError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AskError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let way = Arc::clone(&self.0);
        Box::pin(async move { way.relay(request).await })
    }
}

// === impl Way ===

impl Way {
    async fn relay(&self, mut request: Request<Incoming>) -> Result<Response<Incoming>, AskError> {
        let version = request.version();
        if let Some(wanted) = request.extensions_mut().remove::<Vec<Interim>>()
            && let Some(client) = self.client.as_ref().filter(|_| version == HttpVersion::HTTP_11)
        {
            client.send(&wanted).await;
        }
        let (request, wish) = prepare(request);
        let mut response = self.upstream.ask(request).await?;
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        match (switched, wish) {
            (true, Some(wish)) => self.switch(wish, &mut response),
            (true, None) => return Err(AskError::Switched),
            (false, _) => hop::strip(response.headers_mut()),
        }
        if version != HttpVersion::HTTP_2 {
            // A server of HTTP/1.0 does not make its client one.
            *response.version_mut() = HttpVersion::HTTP_11;
        }
        Ok(response)
    }

    /// Starts the tunnel, which waits for both ends to be free.
    fn switch(&self, wish: Wish, response: &mut Response<Incoming>) {
        let upstream = hyper::upgrade::on(&mut *response);
        let headers = response.headers().clone();
        let protocol = hop::upgrade(&headers).unwrap_or_else(|| wish.protocol.clone());
        hop::strip(response.headers_mut());
        hop::restore_upgrade(response.headers_mut(), protocol.clone());
        if let Some(client) = &self.client {
            client.switch.open();
        }
        self.shared.counters.tunnels.fetch_add(1, Relaxed);
        let (shared, open) = (Arc::clone(&self.shared), Arc::clone(&self.open));
        self.shared.spawn(async move {
            let (client, upstream) = tokio::try_join!(wish.client, upstream)?;
            let switched = Switched {
                protocol,
                uri: wish.uri,
                request: wish.request,
                response: headers,
                client: TokioIo::new(client),
                upstream: TokioIo::new(upstream),
            };
            // How it ended is known to both ends, and nobody else asks.
            let _ = shared.tunnel.run(switched).await;
            drop(open);
            Ok::<(), hyper::Error>(())
        });
    }
}

// === impl Client ===

impl Client {
    /// Sends answers before the answer. The HTTP library writes nothing meanwhile: all before is written, and it has nothing
    /// to answer this request with until the server is asked.
    async fn send(&self, wanted: &[Interim]) {
        self.switch.until_flushed().await;
        for interim in wanted {
            for _ in 0..interim.times {
                // A client that takes nothing more is found to be gone elsewhere.
                let Ok(()) = self.write(&interim.head).await else { return };
            }
            interim.mark.bit();
        }
    }

    async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => bytes = &bytes[written?..],
            }
        }
        Ok(())
    }
}

/// The request for the next hop, and what it wants to become.
fn prepare(mut request: Request<Incoming>) -> (Request<Incoming>, Option<Wish>) {
    let protocol = hop::upgrade(request.headers());
    let client = protocol.is_some().then(|| hyper::upgrade::on(&mut request));
    let (mut head, body) = request.into_parts();
    hop::strip(&mut head.headers);
    hop::target(&mut head.uri, &mut head.headers, head.version);
    if head.version != HttpVersion::HTTP_2 {
        head.version = HttpVersion::HTTP_11;
    }
    let wish = protocol.zip(client).map(|(protocol, client)| {
        hop::restore_upgrade(&mut head.headers, protocol.clone());
        Wish { protocol, uri: head.uri.clone(), request: head.headers.clone(), client }
    });
    (Request::from_parts(head, body), wish)
}
