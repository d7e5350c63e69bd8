//! The shop: HTTP/1.1 with kept connections, answering from its store.
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200 as long as the shop itself runs; the store is not asked |
//! | `/items/N` | 200 with the item; 404: not sold; 503: the store could not be asked; 502: it answered nonsense |
//! | `/visits/N` | 200 with a cookie that names the visitor N for a minute |
//! | `/baskets/N` | as `/items/N`, for the visitor that the cookie names; 401 without one |
//!
//! Every body is JSON.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::FAREWELL;
use super::cache::Cache;
use super::pool::{Pool, PoolError};

/// What it has.
const PLACES: &str = "there is /healthz, /items/N, /visits/N and /baskets/N";

/// How many clients it serves at once; more wait in the kernel's queue.
const CLIENTS_MAX: usize = 4_096;

/// How long a client may take over a request's head, idling before it included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// How many items are remembered: 1 % of what is sold, so that most requests ask the store.
const CACHED_MAX: usize = 100;

/// How long an item may be shown after the store named it.
const FRESH_FOR: Duration = Duration::from_secs(1);

struct Shop {
    pool: Pool,
    cache: Mutex<Cache<Item>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    name: String,
    cents: u64,
}

/// Serves until `stop` is done; requests that are being answered then are finished.
pub async fn serve(listener: TcpListener, pool: Pool, stop: impl Future<Output = ()>) {
    let shop = Arc::new(Shop { pool, cache: Mutex::new(Cache::new(CACHED_MAX, FRESH_FOR)) });
    let places = Arc::new(Semaphore::new(CLIENTS_MAX));
    let clients = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    // Without a timer hyper's head timeout does nothing.
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(16 * 1024);
    let mut stop = pin!(stop);
    loop {
        let (place, stream) = tokio::select! {
            next = super::next_client(&listener, &places) => next,
            () = &mut stop => break,
        };
        let shop = Arc::clone(&shop);
        let service = service_fn(move |request| answer(Arc::clone(&shop), request));
        let connection = clients.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A client that breaks its connection is its own business.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    // Whoever is still not served by then is cut off by the end of the process.
    let _ = tokio::time::timeout(FAREWELL, clients.shutdown()).await;
}

async fn answer(shop: Arc<Shop>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::GET {
        let mut response = reply(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "only GET is served"}));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return Ok(response);
    }
    let path = request.uri().path();
    if path == "/healthz" {
        return Ok(reply(StatusCode::OK, &json!({"status": "ok"})));
    }
    let Some((place, number)) = path.strip_prefix('/').and_then(|path| path.split_once('/')) else {
        return Ok(reply(StatusCode::NOT_FOUND, &json!({ "error": PLACES })));
    };
    let Ok(number) = number.parse::<u64>() else {
        let error = json!({"error": "expected a whole number behind the last /"});
        return Ok(reply(StatusCode::NOT_FOUND, &error));
    };
    Ok(match place {
        "items" => {
            let (status, body) = shop.item(number).await;
            reply(status, &body)
        }
        "visits" => welcome(number),
        "baskets" => basket(&shop, number, visitor(request.headers())).await,
        _ => reply(StatusCode::NOT_FOUND, &json!({ "error": PLACES })),
    })
}

/// Tells a visitor its name, and to name it from now on.
fn welcome(visitor: u64) -> Response<Full<Bytes>> {
    let mut response = reply(StatusCode::OK, &json!({"visitor": visitor}));
    let cookie = format!("visitor={visitor}; Path=/; Max-Age=60");
    let cookie = HeaderValue::try_from(cookie).expect("digits and letters can stand in a header");
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

/// Puts an item into somebody's basket. The shop remembers no baskets: who asks is told whose it went into.
async fn basket(shop: &Shop, number: u64, visitor: Option<u64>) -> Response<Full<Bytes>> {
    let Some(visitor) = visitor else {
        return reply(StatusCode::UNAUTHORIZED, &json!({"error": "expected a cookie of /visits/N"}));
    };
    let (status, mut body) = shop.item(number).await;
    if status == StatusCode::OK {
        body["visitor"] = json!(visitor);
    }
    reply(status, &body)
}

/// Whom the cookies of a request name.
fn visitor(headers: &HeaderMap) -> Option<u64> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|field| field.to_str().ok());
    let mut pairs = cookies.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == "visitor").and_then(|(_, value)| value.parse().ok())
}

fn reply(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

// === impl Shop ===

impl Shop {
    async fn item(&self, number: u64) -> (StatusCode, Value) {
        let remembered = self.cache().get(number, Instant::now());
        if let Some(item) = remembered {
            return (StatusCode::OK, item.page(number, "cache"));
        }
        match self.pool.get(&format!("item:{number}")).await {
            Ok(Some(text)) => match Item::parse(&text) {
                Some(item) => {
                    let page = item.page(number, "store");
                    self.cache().put(number, item, Instant::now());
                    (StatusCode::OK, page)
                }
                None => failure(StatusCode::BAD_GATEWAY, "the store holds no `name;cents` there"),
            },
            Ok(None) => failure(StatusCode::NOT_FOUND, "not sold here"),
            Err(error @ PoolError::Protocol { .. }) => failure(StatusCode::BAD_GATEWAY, &error.to_string()),
            Err(error) => failure(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        }
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache<Item>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failure(status: StatusCode, why: &str) -> (StatusCode, Value) {
    (status, json!({ "error": why }))
}

// === impl Item ===

impl Item {
    fn parse(text: &str) -> Option<Self> {
        let (name, cents) = text.rsplit_once(';')?;
        Some(Self { name: name.to_owned(), cents: cents.parse().ok()? })
    }

    fn page(&self, number: u64, from: &str) -> Value {
        json!({"id": number, "name": self.name, "cents": self.cents, "from": from})
    }
}
