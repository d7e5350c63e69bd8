//! Load over TLS: what is believed and what is not, against a server whose handshakes can be broken, and real ones.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shakedown_scenarios::units::{Ratio, Span};
use shakedown_scenarios::workload::operations::OperationModel;
use shakedown_scenarios::workload::redis::RedisExpect;
use shakedown_scenarios::workload::{
    Habits, HttpWorkload, JourneyWorkload, OperationsWorkload, RedisWorkload, TcpWorkload, Tls, Workload,
};
use shakedown_tls_faults::{Acceptor, Alert, Moment, Terminate, TlsFault};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::journey::{journey, step};
use crate::redis::redis;
use crate::servers::redis_server;
use crate::support::{OK, Totals, answering, asked, http, run, serve, tcp};

/// A server that speaks TLS, and what its clients should trust.
pub struct Sealed {
    pub address: SocketAddr,
    /// Handshakes that were resumed.
    pub resumed: Arc<AtomicU64>,
    /// Handshakes in all.
    pub shaken: Arc<AtomicU64>,
    ca: PathBuf,
    _dir: TempDir,
}

/// Answers every request with `answer`, after a handshake that agrees on one of these protocols, with this fault on it.
pub async fn sealed(answer: &'static str, alpn: &[&str], fault: Option<TlsFault>) -> Sealed {
    let alpn = alpn.iter().map(ToString::to_string).collect();
    let acceptor = Arc::new(Acceptor::new(Terminate { alpn, ..Terminate::default() }, 1).unwrap());
    if let Some(fault) = fault {
        acceptor.inject(1, fault).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, acceptor.ca_pem()).unwrap();
    let (shaken, resumed) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let counters = (Arc::clone(&shaken), Arc::clone(&resumed));
    let address = serve(move |stream| {
        let (handshake, counters) = (acceptor.accept(stream), counters.clone());
        async move {
            let Ok(mut stream) = handshake.await else { return };
            counters.0.fetch_add(1, Ordering::SeqCst);
            let kind = stream.get_ref().1.handshake_kind();
            counters.1.fetch_add(u64::from(kind == Some(rustls::HandshakeKind::Resumed)), Ordering::SeqCst);
            while asked(&mut stream).await.is_some() {
                if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    Sealed { address, resumed, shaken, ca, _dir: dir }
}

// === impl Sealed ===

impl Sealed {
    /// What trusts it.
    pub fn trusted(&self) -> Tls {
        Tls { ca: Some(self.ca.display().to_string()), name: None, verify: true }
    }
}

/// Over TLS, with these connections.
fn over(tls: Tls, per_second: f64, connections: u32) -> HttpWorkload {
    HttpWorkload { tls: Some(tls), ..http(per_second, connections) }
}

async fn half_a_second(workload: HttpWorkload, address: SocketAddr) -> Totals {
    let (totals, _) = run(Workload::Http(workload), address, Span::millis(500)).await;
    totals.assert_complete();
    totals
}

#[tokio::test]
async fn requests_are_answered_over_tls_on_kept_connections() {
    let server = sealed(OK, &["http/1.1"], None).await;
    let totals = half_a_second(over(server.trusted(), 400.0, 4), server.address).await;
    assert_eq!((totals.due, totals.ok), (200, 200), "{:?}", totals.errors);
    assert!((1..=4).contains(&server.shaken.load(Ordering::SeqCst)));
    assert_eq!(totals.received, 200 * OK.len() as u64, "what was sealed is counted as what it says");
}

#[tokio::test]
async fn journeys_go_over_tls_and_keep_their_connection() {
    let server = sealed(OK, &["http/1.1"], None).await;
    let steps = vec![step("/", &[]), step("/next", &[])];
    let journeys = JourneyWorkload { tls: Some(server.trusted()), steps, data: None, ..journey() };
    let (totals, _) = run(Workload::Journey(journeys), server.address, Span::millis(500)).await;
    totals.assert_complete();
    // The end of the load may cut journeys short.
    assert!(totals.ok == totals.due && (30..=50).contains(&totals.ok), "{totals:?}");
    assert!((1..=8).contains(&server.shaken.load(Ordering::SeqCst)), "{:?}", server.shaken);
}

#[tokio::test]
async fn a_session_is_resumed_where_connections_are_not_kept() {
    let server = sealed(OK, &["http/1.1"], None).await;
    let habits = Habits { requests_per_connection: Some(1), read_rate: None };
    let workload = HttpWorkload { habits, ..over(server.trusted(), 40.0, 1) };
    let totals = half_a_second(workload, server.address).await;
    assert_eq!((totals.ok, server.shaken.load(Ordering::SeqCst)), (20, 20), "{:?}", totals.errors);
    assert!(server.resumed.load(Ordering::SeqCst) >= 15, "{:?}", server.resumed);
}

#[tokio::test]
async fn a_large_request_goes_over_tls_whole_and_an_exchange_without_an_answer_too() {
    let server = sealed("HTTP/1.1 204 No Content\r\n\r\n", &[], None).await;
    let mut workload = over(server.trusted(), 20.0, 1);
    workload.requests[0].method = "POST".into();
    // The server takes heads only: the rest of a body is the beginning of a head without an end to it.
    workload.requests[0].body = "x".repeat(300_000) + "\r\n\r\n";
    workload.habits.requests_per_connection = Some(1);
    let totals = half_a_second(workload, server.address).await;
    assert_eq!(totals.ok, 10, "{:?}", totals.errors);
    let silent = TcpWorkload { tls: Some(server.trusted()), ..tcp(40.0, 2, "GET / HTTP/1.1\r\n", "", None) };
    let (totals, _) = run(Workload::Tcp(silent), server.address, Span::millis(500)).await;
    totals.assert_complete();
    assert_eq!(totals.ok, 20, "{:?}", totals.errors);
}

#[tokio::test]
async fn who_is_not_believed_is_counted_and_so_is_who_hangs_up() {
    let probability = Ratio::new(1.0).unwrap();
    for (fault, class, why) in [
        (TlsFault::WrongHost { probability }, "tls", "not valid for name"),
        (TlsFault::ExpiredCertificate { probability }, "tls", "certificate expired"),
        (TlsFault::NotYetValid { probability }, "tls", "not valid yet"),
        (TlsFault::SelfSigned { probability }, "tls", "invalid peer certificate"),
        (TlsFault::Alert { description: Alert::HandshakeFailure, probability }, "tls", "HandshakeFailure"),
        (TlsFault::HandshakeStall { length: None, probability }, "timeout", "within 400ms"),
        (TlsFault::Reset { at: Moment::ServerHello, probability }, "reset", "reset by peer"),
    ] {
        let server = sealed(OK, &["http/1.1"], Some(fault)).await;
        let workload = HttpWorkload { timeout: Span::millis(400), ..over(server.trusted(), 20.0, 20) };
        let totals = half_a_second(workload, server.address).await;
        assert_eq!((totals.due, totals.failed(class)), (10, 10), "{fault:?}: {:?}", totals.errors);
        assert!(totals.whys(class)[0].contains(why), "{:?}", totals.whys(class));
    }
    let server = sealed(OK, &["http/1.1"], None).await;
    let stranger = sealed(OK, &["http/1.1"], None).await;
    let named = |name: &str| Tls { name: Some(name.into()), ..server.trusted() };
    for (tls, class) in [(stranger.trusted(), "tls"), (named("shop.local"), "tls")] {
        let totals = half_a_second(over(tls, 20.0, 1), server.address).await;
        assert_eq!(totals.failed(class), 10, "{:?}", totals.errors);
    }
    let anybody = Tls { ca: None, name: Some("shop.local".into()), verify: false };
    assert_eq!(half_a_second(over(anybody.clone(), 20.0, 1), server.address).await.ok, 10);
    let plain = answering("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    for (address, class) in [(hanging_up().await, "closed"), (plain, "timeout"), (garbage().await, "tls")] {
        let workload = HttpWorkload { timeout: Span::millis(300), ..over(anybody.clone(), 20.0, 20) };
        let totals = half_a_second(workload, address).await;
        assert_eq!(totals.failed(class), 10, "{class}: {:?}", totals.errors);
    }
}

/// Reads a ClientHello, and ends the connection in order.
async fn hanging_up() -> SocketAddr {
    serve(|mut stream| async move {
        let mut hello = [0; 16 * 1024];
        let _ = stream.read(&mut hello).await;
    })
    .await
}

/// Answers the first byte with something that is no TLS, without an end.
async fn garbage() -> SocketAddr {
    serve(|mut stream| async move {
        let mut sent = stream.read_u8().await.map(|_| ());
        while sent.is_ok() {
            sent = stream.write_all(&[b'x'; 16 * 1024]).await;
        }
    })
    .await
}

#[tokio::test]
async fn an_answer_that_is_cut_off_without_a_close_notify_is_not_whole() {
    let fault = TlsFault::Truncate { after: None, probability: Ratio::new(1.0).unwrap() };
    let server = sealed("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it", &["http/1.1"], Some(fault));
    let server = server.await;
    // The server ends its side when the client has ended its own; a slow client does not.
    let workload = HttpWorkload { timeout: Span::millis(400), ..over(server.trusted(), 20.0, 20) };
    let totals = half_a_second(workload, server.address).await;
    assert_eq!((totals.due, totals.ok), (10, 0), "{:?}", totals.errors);
}

#[tokio::test]
async fn a_redis_answers_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(file("ca.pem"), key.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), key.signing_key.serialize_pem()).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let (ca, key) = (file("ca.pem"), file("key.pem"));
    let more =
        ["--tls-port", &port, "--tls-cert-file", &ca, "--tls-key-file", &key, "--tls-auth-clients", "no"];
    let Some(mut server) = redis_server("a_redis_answers_over_tls", &more).await else { return };
    server.address.set_port(port.parse().unwrap());
    let tls = Tls { ca: Some(ca), name: Some("localhost".into()), verify: true };
    let commands: [(&[&str], RedisExpect); 2] = [
        (&["SET", "k:{n}", "v"], RedisExpect::Text("OK".into())),
        (&["GET", "k:{n}"], RedisExpect::NilOr("v".into())),
    ];
    let workload = RedisWorkload { tls: Some(tls.clone()), ..redis(200.0, 2, &commands) };
    let (totals, _) = run(Workload::Redis(workload.clone()), server.address, Span::millis(500)).await;
    totals.assert_complete();
    assert_eq!((totals.due, totals.ok), (100, 100), "{:?}", totals.errors);
    let operations = OperationsWorkload {
        to: workload.to.clone(),
        arrivals: workload.arrivals.clone(),
        timeout: workload.timeout,
        connections: 2,
        tls: Some(tls),
        model: OperationModel::CasRegister,
        keys: 3,
        operations_per_key: 1_000,
        retries: 0,
        sql: None,
    };
    let (totals, _) = run(Workload::Operations(operations), server.address, Span::millis(500)).await;
    totals.assert_complete();
    // Who comes late with a compare-and-set misses; nothing else may go wrong.
    assert_eq!(totals.ok + totals.failed("miss") + totals.failed("check"), 100, "{:?}", totals.errors);
    assert!(totals.ok > 50, "{:?}", totals.errors);
}
