//! What tests on the wire share: bounded waits, the two places where faults can be, and clients of a few kinds.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use shakedown_http_faults::act::HttpAct;
use shakedown_http_faults::fault::HttpFault;
use shakedown_http_faults::proxy::HttpProxy;
use shakedown_http_faults::set::{Evidence, Faults};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::shop;

pub const SEED: u64 = 42;
pub const ID: u32 = 7;

/// Far more than anything here takes, and far less than a stuck CI job.
pub const LONG: Duration = Duration::from_secs(20);

/// Where faults are.
pub enum Place {
    /// In the server, as a layer.
    Server(SocketAddr, Faults),
    /// In a proxy before the server.
    Proxy(HttpProxy),
}

/// What came of a request over HTTP/1, byte for byte, until the connection ended.
#[derive(Debug)]
pub struct Raw {
    pub bytes: Vec<u8>,
    pub reset: bool,
}

pub fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Fails the test if this does not come to an end.
pub async fn soon<T>(what: &str, doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, doing).await.unwrap_or_else(|_| panic!("{what} took longer than {LONG:?}"))
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    soon(what, async {
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        while !holds() {
            tick.tick().await;
        }
    })
    .await;
}

#[expect(clippy::disallowed_methods, reason = "how long a real connection took")]
pub fn now() -> std::time::Instant {
    std::time::Instant::now()
}

// === impl Place ===

impl Place {
    /// Both places, with nothing injected yet.
    pub async fn both() -> [Self; 2] {
        [Self::server().await, Self::proxy().await]
    }

    pub async fn server() -> Self {
        let faults = Faults::new(SEED);
        Self::Server(shop::open(Some(faults.clone())).await, faults)
    }

    pub async fn proxy() -> Self {
        Self::before(shop::open(None).await)
    }

    /// A proxy before this server.
    pub fn before(upstream: SocketAddr) -> Self {
        Self::Proxy(HttpProxy::start(any(), upstream, SEED).unwrap())
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Server(address, _) => *address,
            Self::Proxy(proxy) => proxy.address(),
        }
    }

    pub fn is_proxy(&self) -> bool {
        matches!(self, Self::Proxy(_))
    }

    /// Makes an act hold for every request.
    pub fn inject(&self, act: impl Into<HttpAct>) {
        self.inject_as(ID, HttpFault::always(act));
    }

    pub fn inject_as(&self, id: u32, fault: HttpFault) {
        match self {
            Self::Server(_, faults) => faults.inject(id, fault).unwrap(),
            Self::Proxy(proxy) => proxy.inject(id, fault).unwrap(),
        }
    }

    pub fn heal(&self) {
        let healed = match self {
            Self::Server(_, faults) => faults.heal(ID),
            Self::Proxy(proxy) => proxy.heal(ID),
        };
        assert!(healed.proven, "{healed}");
    }

    pub fn evidence(&self) -> Evidence {
        match self {
            Self::Server(_, faults) => faults.evidence(ID).unwrap(),
            Self::Proxy(proxy) => proxy.evidence(ID).unwrap(),
        }
    }

    /// Whether so many requests matched and so many were bitten.
    pub fn assert_seen(&self, matched: u64, bitten: u64) {
        let seen = self.evidence();
        assert_eq!((seen.matched, seen.bitten), (matched, bitten), "{seen}");
    }

    /// One request for a path over a connection of HTTP/1 of its own.
    pub async fn get(&self, path: &str) -> Raw {
        ask(self.address(), &format!("GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")).await
    }
}

// === impl Raw ===

impl Raw {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn status(&self) -> u16 {
        let text = self.text();
        text.get(9..12)
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("no status in {text:?}"))
    }

    pub fn head(&self) -> String {
        self.text().split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase()
    }

    /// All that comes after the head, with its framing.
    pub fn body(&self) -> String {
        self.text().split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned())
    }

    /// The body without its framing, if it has any.
    pub fn unframed(&self) -> String {
        if !self.head().contains("transfer-encoding: chunked") {
            return self.body();
        }
        let (mut rest, mut whole) = (self.body(), String::new());
        while let Some((size, after)) = rest.split_once("\r\n") {
            let size = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("no chunk: {rest:?}"));
            if size == 0 {
                return whole;
            }
            whole.push_str(&after[..size]);
            rest = after[size + 2..].to_owned();
        }
        panic!("the chunks have no end: {rest:?}");
    }

    pub fn header(&self, name: &str) -> Vec<String> {
        let lines = self.head();
        let lines = lines.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| *found == name).map(|(_, value)| value.to_owned()).collect()
    }
}

// === clients ===

pub async fn connect(address: SocketAddr) -> TcpStream {
    let stream = soon("connecting", TcpStream::connect(address)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends some bytes and takes all that comes.
pub async fn ask(address: SocketAddr, request: &str) -> Raw {
    let mut stream = connect(address).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

/// All that still comes.
pub async fn rest(stream: &mut TcpStream) -> Raw {
    let mut bytes = Vec::new();
    let end = soon("the end of an answer", stream.read_to_end(&mut bytes)).await;
    Raw { bytes, reset: end.is_err() }
}

/// Reads until what came ends with this.
pub async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    soon("a part of an answer", async {
        while !bytes.ends_with(end.as_bytes()) {
            let byte = stream.read_u8().await.unwrap_or_else(|error| {
                panic!("{error} after {:?}", String::from_utf8_lossy(&bytes));
            });
            bytes.push(byte);
        }
    })
    .await;
    String::from_utf8(bytes).unwrap()
}

/// A connection over HTTP/2 with prior knowledge.
pub async fn http2(address: SocketAddr) -> http2::SendRequest<Full<Bytes>> {
    let io = TokioIo::new(connect(address).await);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub fn get2(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("http://shop{path}")).header("te", "trailers").body(Full::default()).unwrap()
}

pub async fn send2(
    sender: &mut http2::SendRequest<Full<Bytes>>,
    path: &str,
) -> hyper::Result<Response<Incoming>> {
    soon("an answer", sender.send_request(get2(path))).await
}

/// A body to its end, as text.
pub async fn text(body: Incoming) -> String {
    let bytes = soon("a body", body.collect()).await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The code a stream was reset with.
pub fn reset_code(error: &(dyn std::error::Error + 'static)) -> Option<h2::Reason> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<h2::Error>() {
            return found.reason();
        }
        next = error.source();
    }
    None
}
