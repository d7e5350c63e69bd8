//! The service under the faults: it asks the server what the client asked.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response, StatusCode, Version as HttpVersion};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::connection::{Open, Version};
use super::switch::Switch;
use super::tunnel::Switched;
use super::upstream::{AskError, Upstream};
use super::{Shared, hop};

/// One connection's way to the server. Clones are the same.
#[derive(Clone)]
pub(super) struct Relay(Arc<Way>);

struct Way {
    shared: Arc<Shared>,
    open: Arc<Open>,
    upstream: Upstream,
    /// Connections over HTTP/1 have one.
    switch: Option<Arc<Switch>>,
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
        switch: Option<Arc<Switch>>,
    ) -> Self {
        let upstream = Upstream::new(Arc::clone(&shared), version);
        Self(Arc::new(Way { shared, open, upstream, switch }))
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
    async fn relay(&self, request: Request<Incoming>) -> Result<Response<Incoming>, AskError> {
        let version = request.version();
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
        if let Some(switch) = &self.switch {
            switch.open();
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
