//! A client's connection over HTTP/1.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tower_layer::Layer;
use tower_service::Service;

use super::Shared;
use super::connection::{Open, Version};
use super::gate::Gate;
use super::io::ClientIo;
use super::raw::{AnswerBody, take_over};
use super::relay::{Client, Relay};
use super::switch::Switch;
use super::upstream::AskError;
use crate::act::AbortHow;
use crate::body::FaultBody;
use crate::error::CallError;
use crate::layer::FaultService;

/// What answers the requests of one connection.
struct Desk {
    shared: Arc<Shared>,
    switch: Arc<Switch>,
    service: FaultService<Relay>,
    /// How many requests there were.
    count: AtomicU64,
}

/// The most that is held of what a client does not take.
const BUFFER: usize = 128 * 1024;

pub(super) async fn run(shared: Arc<Shared>, open: Arc<Open>, stream: TcpStream, input: BytesMut) {
    let (limits, switch) = (shared.limits, Arc::new(Switch::default()));
    let gate = Gate::new(limits.head_bytes(), limits.lines_max);
    let stream = Arc::new(stream);
    let io = ClientIo::new(Arc::clone(&stream), input, gate, Arc::clone(&switch));
    let client = Client { switch: Arc::clone(&switch), stream: Arc::clone(&stream) };
    let relay = Relay::new(Arc::clone(&shared), open, Version::Http1, Some(client));
    let service = shared.faults.layer().layer(relay);
    let desk = Arc::new(Desk { shared, switch, service, count: AtomicU64::new(0) });
    let answer = service_fn(move |request| Arc::clone(&desk).answer(request));
    tokio::select! {
        // Its failures are the client's affair, or were asked for.
        _ = builder(&limits).serve_connection(TokioIo::new(io), answer).with_upgrades() => {}
        // What is under way ends with the connection, and the server is told by the end of its own.
        () = reset(&stream) => {}
    }
}

/// Waits until the client has reset its connection, or its kernel no longer answers for it. The HTTP library would see it
/// no sooner than it writes or reads, which it does not while a server takes its time. A client that has only ended its
/// own way may still want its answer, and on the wire one that closed looks the same.
async fn reset(stream: &TcpStream) {
    // An error here means that the runtime is being ended, and everything with it.
    while stream.ready(Interest::ERROR).await.is_ok_and(|ready| !ready.is_error()) {}
}

fn builder(limits: &super::Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // Without a timer the timeout would not be kept.
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within.duration())
        .half_close(true)
        .preserve_header_case(true)
        .auto_date_header(false)
        .max_headers(limits.lines_max)
        .max_buf_size(limits.head_bytes().max(BUFFER));
    builder
}

// === impl Desk ===

impl Desk {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<AnswerBody>, CallError> {
        if let Some(refusal) = self.switch.refused_head(self.count.fetch_add(1, Relaxed)) {
            self.shared.counters.refused.fetch_add(1, Relaxed);
            return Ok(self.closing(refusal.status(), &refusal));
        }
        self.shared.counters.requests.fetch_add(1, Relaxed);
        let (method, version) = (request.method().clone(), request.version());
        match self.service.clone().call(request).await {
            Ok(response) => Ok(take_over(response, &method, version, &self.switch).await),
            Err(CallError::Inner(error)) => Ok(self.failed(&*error)),
            Err(CallError::Aborted(aborted)) => {
                if aborted.how() == AbortHow::Reset {
                    self.switch.reset();
                }
                Err(CallError::Aborted(aborted))
            }
        }
    }

    /// The server was not asked, or did not answer; or the client did not come to the end of what it had to say.
    fn failed(&self, error: &(dyn std::error::Error + 'static)) -> Response<AnswerBody> {
        if let Some(refusal) = self.switch.refused_body() {
            self.shared.counters.refused.fetch_add(1, Relaxed);
            return self.closing(refusal.status(), &refusal);
        }
        self.shared.counters.upstream_failures.fetch_add(1, Relaxed);
        answer(gateway_status(error), &error, Some(&self.switch))
    }

    fn closing(&self, status: StatusCode, reason: &dyn std::fmt::Display) -> Response<AnswerBody> {
        let mut response = answer(status, reason, Some(&self.switch));
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// What a failure of the server is answered with.
pub(super) fn gateway_status(error: &(dyn std::error::Error + 'static)) -> StatusCode {
    match error.downcast_ref() {
        Some(AskError::DialTimeout) => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    }
}

/// An answer of the proxy's own.
pub(super) fn answer(
    status: StatusCode,
    reason: &dyn std::fmt::Display,
    switch: Option<&Arc<Switch>>,
) -> Response<AnswerBody> {
    let body = FaultBody::canned(Bytes::from(format!("{reason}\n")));
    let mut response = Response::new(AnswerBody::new(body, switch.cloned()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
