//! One connection to the control plane: hyper in, [`handle`] asked, hyper out.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, USER_AGENT};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpStream;

use super::Shared;
use super::gate::Asked;
use super::patience::{Patience, Patient, Stage};
use crate::address::{self, known};
use crate::engine::Engine;
use crate::error::ApiError;
use crate::handle::{self, LARGEST_BODY, Response};
use crate::toxiproxy::noxious::HEADERS;

/// The largest head of a request, in bytes.
const LARGEST_HEAD: usize = 32 * 1024;
/// The most headers.
const MOST_HEADERS: usize = 100;

/// Answers the requests of a connection until it ends.
pub fn serve<E>(
    stream: TcpStream,
    shared: Arc<Shared<E>>,
    patience: Patience,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + use<E>
where
    E: Engine + Send + 'static,
    E::Proxy: Send,
    E::Link: Send,
{
    let stage = Stage::default();
    let socket = TokioIo::new(Patient::new(stream, patience, stage.clone()));
    let service = service_fn(move |request| {
        let (shared, stage) = (Arc::clone(&shared), stage.clone());
        async move {
            let response = answer(shared, request, &stage).await;
            stage.answered();
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The socket itself has time limits, for heads too.
        .header_read_timeout(None)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(socket, service);
    let connection = graceful.watch(connection);
    async move {
        // A client that breaks off, or takes too long, is nobody's error.
        let _ = connection.await;
    }
}

async fn answer<E>(
    shared: Arc<Shared<E>>,
    request: Request<Incoming>,
    stage: &Stage,
) -> hyper::Response<Full<Bytes>>
where
    E: Engine + Send + 'static,
    E::Proxy: Send,
    E::Link: Send,
{
    let (head, body) = request.into_parts();
    if let Err(refused) = shared.gate.admit(&asked(&head)) {
        return written(refused);
    }
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        // The rest of the body would be taken for the next request.
        Err(_) => {
            return written(Response::refusal(&ApiError::TooLarge(LARGEST_BODY)).with("connection", "close"));
        }
    };
    stage.asked();
    // Opening a listener may block for a moment: not on a thread that data waits for.
    let asked = tokio::task::spawn_blocking(move || {
        let known = known::look_up(&hosts_of(&shared, head.method.as_str(), head.uri.path(), &body));
        let mut collection = shared.collection.lock().unwrap_or_else(PoisonError::into_inner);
        let request = handle::Request {
            method: head.method.as_str(),
            path: head.uri.path(),
            is_bare: is_bare(&head.headers),
            body: &body,
        };
        let response = known::with_known(known, || handle::handle(&mut collection, request));
        let farewell = collection.farewell();
        drop(collection);
        // It may take its time: nobody else is kept waiting by it.
        farewell();
        response
    });
    written(asked.await.unwrap_or_else(|_| Response::text(500, "the control plane failed; see its log")))
}

/// The hosts that a request may have to look up: those in it, and those of proxies that it may start.
fn hosts_of<E: Engine>(shared: &Shared<E>, method: &str, path: &str, body: &[u8]) -> BTreeSet<String> {
    if method == "GET" || method == "DELETE" {
        return BTreeSet::new();
    }
    // Where a proxy leads to is looked up for each connection, where a link does when it is made.
    let fields = if path.starts_with("/v1/links/") { &["listen", "upstream"][..] } else { &["listen"] };
    let mut hosts = known::hosts_in(body, fields);
    let collection = shared.collection.lock().unwrap_or_else(PoisonError::into_inner);
    let stopped = collection.entries().filter(|entry| !entry.is_enabled());
    hosts.extend(stopped.filter_map(|entry| address::host_to_look_up(entry.listen())).map(str::to_owned));
    hosts
}

fn asked(head: &hyper::http::request::Parts) -> Asked<'_> {
    let host = all(&head.headers, HOST);
    let authority = head.uri.authority().map(hyper::http::uri::Authority::as_str);
    // The authority of the request line counts in the place of Host (RFC 9112, 3.2.2); two that differ are not trusted.
    let hosts = match authority {
        Some(authority) if host.iter().all(|host| *host == authority) => vec![authority],
        Some(authority) => host.into_iter().chain([authority]).collect(),
        None => host,
    };
    Asked {
        hosts,
        origins: all(&head.headers, ORIGIN),
        sites: all(&head.headers, HeaderName::from_static("sec-fetch-site")),
        agent: all(&head.headers, USER_AGENT).first().copied().unwrap_or_default(),
        authorization: all(&head.headers, AUTHORIZATION).first().copied().unwrap_or_default(),
    }
}

/// Whether these are the headers of noxious's client, each once, and no other.
fn is_bare(headers: &HeaderMap) -> bool {
    let is = |(name, value): (&str, Option<&str>)| {
        headers.get(name).is_some_and(|it| value.is_none_or(|value| it.as_bytes() == value.as_bytes()))
    };
    headers.len() == HEADERS.len() && HEADERS.into_iter().all(is)
}

/// All values of a header; one that is no text is one that nobody has.
fn all(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("\u{fffd}")).collect()
}

fn written(response: Response) -> hyper::Response<Full<Bytes>> {
    let mut written = hyper::Response::new(Full::new(Bytes::from(response.body)));
    *written.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            written.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    written
}
