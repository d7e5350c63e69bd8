//! A client's connection over HTTP/2, with prior knowledge.

use std::error::Error as StdError;
use std::io::Cursor;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::BytesMut;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use shakedown_scenarios::units::Span;
use tokio::io::{AsyncReadExt, join};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tower_layer::Layer;
use tower_service::Service;

use super::Shared;
use super::connection::{Open, Version};
use super::http1::{answer, gateway_status};
use super::raw::AnswerBody;
use super::refusal::Refusal;
use super::relay::Relay;
use super::upstream::{AskError, Spawner};
use crate::error::CallError;
use crate::layer::FaultService;
use crate::wire::{Wanted, WireFault};

/// What answers the requests of one connection.
struct Desk {
    shared: Arc<Shared>,
    service: FaultService<Relay>,
    leaving: Arc<Notify>,
}

/// A client that does not answer a ping is gone: asked this often, and given this long.
const PING_EVERY: Span = Span::secs(20);
const PING_WITHIN: Span = Span::secs(20);

/// How much of a request's body is read ahead of the server, for a stream and for all of them.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// How much of a response's body is held for a stream whose client does not take it.
const SEND_BUFFER: usize = 64 * 1024;

pub(super) async fn run(shared: Arc<Shared>, open: Arc<Open>, stream: TcpStream, input: BytesMut) {
    let relay = Relay::new(Arc::clone(&shared), open, Version::Http2, None);
    let service = shared.faults.layer().layer(relay);
    let leaving = Arc::new(Notify::new());
    let desk = Arc::new(Desk { shared: Arc::clone(&shared), service, leaving: Arc::clone(&leaving) });
    let answer = service_fn(move |request| Arc::clone(&desk).answer(request));
    let (read, write) = stream.into_split();
    // What was read to see which version this is comes first.
    let io = TokioIo::new(join(Cursor::new(input).chain(read), write));
    let mut connection = pin!(builder(shared).serve_connection(io, answer));
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = leaving.notified() => connection.as_mut().graceful_shutdown(),
        }
    }
}

fn builder(shared: Arc<Shared>) -> http2::Builder<Spawner> {
    let head_max = u32::try_from(shared.limits.head_bytes()).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(Spawner(shared));
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY.duration())
        .keep_alive_timeout(PING_WITHIN.duration())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(head_max)
        .auto_date_header(false);
    builder
}

// === impl Desk ===

impl Desk {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<AnswerBody>, CallError> {
        let (head, body) = request.into_parts();
        if let Err(refusal) = check(&head) {
            self.shared.counters.refused.fetch_add(1, Relaxed);
            return Ok(answer(refusal.status(), &refusal, None));
        }
        self.shared.counters.requests.fetch_add(1, Relaxed);
        match self.service.clone().call(Request::from_parts(head, body)).await {
            Ok(response) => {
                self.leave_if_wanted(&Wanted::of(&response));
                Ok(response.map(|body| AnswerBody::new(body, None)))
            }
            Err(CallError::Inner(error)) if !is_stream_reset(&*error) => {
                self.shared.counters.upstream_failures.fetch_add(1, Relaxed);
                Ok(answer(gateway_status(&*error), &error, None))
            }
            // The server reset its stream, so ours is reset with the same code; or a fault wants it.
            Err(error) => Err(error),
        }
    }

    /// GOAWAY names the last stream that is still answered, which this one is.
    fn leave_if_wanted(&self, wanted: &Wanted) {
        if wanted.faults().any(|fault| fault == WireFault::GoAway) {
            self.leaving.notify_one();
            wanted.done(WireFault::GoAway);
        }
    }
}

/// The same rules as for HTTP/1, as far as HTTP/2 leaves them open.
fn check(head: &Parts) -> Result<(), Refusal> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    let authority = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    if head.method == Method::CONNECT {
        return Err(Refusal::Method);
    }
    match (authority, host.map(HeaderValue::as_bytes), more) {
        (_, _, Some(_)) => Err(Refusal::TwoHosts),
        (None, None, _) => Err(Refusal::NoHost),
        (Some(authority), Some(host), _) if !authority.eq_ignore_ascii_case(host) => Err(Refusal::TwoHosts),
        _ => Ok(()),
    }
}

fn is_stream_reset(error: &(dyn StdError + 'static)) -> bool {
    let Some(AskError::Answer(error)) = error.downcast_ref() else { return false };
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return error.is_reset();
        }
        source = error.source();
    }
    false
}
