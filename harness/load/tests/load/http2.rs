//! Load over HTTP/2: streams side by side, how connections are used and left, and every class of error.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::{Request, Response};
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{Arrivals, Habits, HttpVersion, HttpWorkload, Tls, Workload};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use crate::hostile::{flooding, resident_mib};
use crate::support::{Totals, answering, http, nobody, run, serve};
use crate::tls::sealed;

/// What a server does with one stream.
type Answer = fn(Request<h2::RecvStream>, SendResponse<Bytes>);

/// Over HTTP/2, with so many streams a connection.
pub fn over(per_second: f64, connections: u32, streams: u32) -> HttpWorkload {
    HttpWorkload { version: HttpVersion::Http2 { streams }, ..http(per_second, connections) }
}

/// A server of the library's, and the number of connections that it took.
pub async fn server(
    answer: impl Fn(Request<h2::RecvStream>, SendResponse<Bytes>) + Clone + Send + 'static,
) -> (SocketAddr, Arc<AtomicU64>) {
    let taken = Arc::<AtomicU64>::default();
    let counter = Arc::clone(&taken);
    let address = serve(move |stream| {
        counter.fetch_add(1, Ordering::SeqCst);
        let answer = answer.clone();
        async move {
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((request, respond))) = connection.accept().await {
                answer(request, respond);
            }
        }
    })
    .await;
    (address, taken)
}

/// Answers with this status and text.
fn say(mut respond: SendResponse<Bytes>, status: u16, text: &'static str) {
    let answer = Response::builder().status(status).header("x-id", "7").body(()).unwrap();
    // A client that has given up on the stream does not hear it.
    if let Ok(mut body) = respond.send_response(answer, false) {
        let _ = body.send_data(Bytes::from_static(text.as_bytes()), true);
    }
}

async fn half_a_second(workload: HttpWorkload, address: SocketAddr) -> Totals {
    let (totals, _) = run(Workload::Http(workload), address, Span::millis(500)).await;
    totals.assert_complete();
    totals
}

#[tokio::test]
async fn requests_share_a_connection_and_are_checked_as_those_of_http_1() {
    let (address, taken) = server(|request, respond| {
        let (head, mut body) = request.into_parts();
        tokio::spawn(async move {
            let mut whole = Vec::new();
            while let Some(Ok(piece)) = body.data().await {
                let _ = body.flow_control().release_capacity(piece.len());
                whole.extend_from_slice(&piece);
            }
            let asked = head.headers.get("x-asked").is_some_and(|value| value == "yes");
            let is_right = head.uri.path().starts_with("/items/")
                && head.uri.host() == Some("shop")
                && asked
                && (head.method == "GET" && whole.is_empty()
                    || head.method == "POST" && whole.len() == 100_000);
            say(respond, if is_right { 200 } else { 400 }, "{\"name\": \"pen\"}");
        });
    })
    .await;
    let mut workload = over(400.0, 4, 200);
    workload.requests[0].path = "/items/{n}".into();
    workload.requests[0].headers = vec![("X-Asked".into(), "yes".into())];
    workload.requests[0].expect.headers = vec![("x-id".into(), "7".into())];
    workload.requests[0].expect.json = vec![("/name".into(), "pen".into())];
    let mut posted = workload.requests[0].clone();
    (posted.method, posted.body) = ("POST".into(), "x".repeat(100_000));
    let mut wrong = workload.requests[0].clone();
    wrong.expect.body = Some("ink".into());
    wrong.path = "/items/wrong".into();
    workload.requests.extend([posted, wrong]);
    let totals = half_a_second(workload, address).await;
    assert_eq!((totals.due, totals.failed("check") + totals.ok), (200, 200), "{:?}", totals.errors);
    let endpoints = |name: &str| {
        let parts = totals.windows.iter().flat_map(|window| &window.endpoints);
        let parts = parts.filter(|part| part.name == name);
        parts.fold((0, 0), |(ok, wrong), part| (ok + part.ok, wrong + part.errors.values().sum::<u64>()))
    };
    let (ok, failed) = endpoints("GET /items/wrong");
    assert!(ok == 0 && failed > 20 && failed == totals.failed("check"), "{ok} {failed}");
    assert!(endpoints("POST /items/{n}").0 > 20 && endpoints("GET /items/{n}").0 > 20);
    assert_eq!(taken.load(Ordering::SeqCst), 1, "its streams are enough for all");
}

#[tokio::test]
async fn streams_are_side_by_side_and_what_is_more_opens_another_connection() {
    // Nobody is answered before twelve have asked: that takes eight streams of one connection and four of another.
    let together = Arc::new(Barrier::new(12));
    let (address, taken) = server(move |_, respond| {
        let together = Arc::clone(&together);
        tokio::spawn(async move {
            together.wait().await;
            say(respond, 200, "ok");
        });
    })
    .await;
    let arrivals = Arrivals::Bursts { size: 12, every: Span::millis(100), over: Span::ZERO };
    let workload = HttpWorkload { arrivals, ..over(0.0, 4, 8) };
    let totals = half_a_second(workload, address).await;
    assert_eq!((totals.due, totals.ok), (60, 60), "{:?}", totals.errors);
    assert_eq!(taken.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn every_class_of_error_is_told() {
    let answers: [(Answer, &str); 6] = [
        (|_, mut respond| respond.send_reset(Reason::INTERNAL_ERROR), "reset"),
        (|_, mut respond| respond.send_reset(Reason::REFUSED_STREAM), "refused"),
        (|_, respond| say(respond, 503, "no"), "status"),
        (|_, respond| say(respond, 200, "no"), "check"),
        (
            |_, respond| {
                drop(tokio::spawn(async move {
                    std::future::pending::<()>().await;
                    drop(respond)
                }))
            },
            "timeout",
        ),
        (
            |_, mut respond| {
                let mut body = respond.send_response(Response::new(()), false).unwrap();
                let _ = body.send_data(Bytes::from_static(b"ok, o"), false);
                body.send_reset(Reason::CANCEL);
            },
            "reset",
        ),
    ];
    for (answer, class) in answers {
        let (address, _) = server(answer).await;
        let mut workload = HttpWorkload { timeout: Span::millis(300), ..over(20.0, 2, 10) };
        workload.requests[0].expect.body = Some("ok".into());
        let totals = half_a_second(workload, address).await;
        assert_eq!((totals.due, totals.failed(class)), (10, 10), "{class}: {:?}", totals.errors);
    }
    let ends = serve(|stream: TcpStream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let _asked = connection.accept().await;
    })
    .await;
    for (address, class) in [
        (nobody().await, "refused"),
        (answering("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await, "protocol"),
    ] {
        let totals = half_a_second(over(20.0, 2, 10), address).await;
        assert_eq!(totals.failed(class), 10, "{class}: {:?}", totals.errors);
    }
    let totals = half_a_second(over(20.0, 2, 10), ends).await;
    let ended = totals.failed("closed") + totals.failed("reset");
    assert_eq!((totals.ok, ended), (0, 10), "{:?}", totals.errors);
}

#[tokio::test]
async fn a_target_that_leaves_in_order_costs_nobody_an_answer() {
    let taken = Arc::<AtomicU64>::default();
    let counter = Arc::clone(&taken);
    let address = serve(move |stream| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            let mut asked = 0;
            while let Some(Ok((_, respond))) = connection.accept().await {
                say(respond, 200, "ok");
                asked += 1;
                if asked == 10 {
                    connection.graceful_shutdown();
                }
            }
        }
    })
    .await;
    let totals = half_a_second(over(400.0, 1, 20), address).await;
    assert_eq!((totals.due, totals.ok), (200, 200), "{:?}", totals.errors);
    assert!(taken.load(Ordering::SeqCst) >= 5, "{taken:?}");
}

#[tokio::test]
async fn connections_churn_and_one_that_leads_nowhere_is_left() {
    let (address, taken) = server(|_, respond| say(respond, 200, "ok")).await;
    let habits = Habits { requests_per_connection: Some(5), read_rate: None };
    let totals = half_a_second(HttpWorkload { habits, ..over(80.0, 1, 4) }, address).await;
    assert_eq!((totals.ok, taken.load(Ordering::SeqCst)), (40, 8), "{:?}", totals.errors);
    // The first connection is silent from its first request on, the second is well.
    let taken = Arc::<AtomicU64>::default();
    let address = serve(move |stream| {
        let is_first = taken.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((_, respond))) = connection.accept().await {
                if is_first {
                    std::future::pending::<()>().await;
                }
                say(respond, 200, "ok");
            }
        }
    })
    .await;
    let workload = HttpWorkload { timeout: Span::millis(200), ..over(100.0, 1, 100) };
    let (totals, _) = run(Workload::Http(workload), address, Span::secs(1)).await;
    totals.assert_complete();
    let timeouts = totals.failed("timeout");
    assert!(timeouts >= 1 && totals.ok >= 50, "{:?}", totals.errors);
    assert_eq!(timeouts + totals.ok, totals.due);
}

#[tokio::test]
async fn frames_that_are_wrong_or_endless_end_at_a_bound_or_at_the_timeout() {
    const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    /// Settings, and a head of status 200 that goes on.
    const HEAD: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\0\0\0\0\x01\x88";
    /// The same with a head that is whole.
    const WHOLE: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\x88";
    let floods: [(&[u8], &[u8], &[&str]); 8] = [
        // Fields without an end.
        (HEAD, b"\0\0\x05\x09\0\0\0\0\x01\0\x01a\x01b", &["protocol"]),
        (HEAD, b"\0\0\0\x09\0\0\0\0\x01", &["protocol"]),
        // More than the window has room for.
        (WHOLE, b"\0\0\x08\0\0\0\0\0\x01abcdefgh", &["protocol", "timeout"]),
        (WHOLE, b"\0\0\0\0\0\0\0\0\x01", &["protocol", "timeout"]),
        // Interim answers, pings and settings without an end.
        (SETTINGS, b"\0\0\x05\x01\x04\0\0\0\x01\x08\x03103", &["protocol", "timeout"]),
        (SETTINGS, b"\0\0\x08\x06\0\0\0\0\0abcdefgh", &["protocol", "timeout"]),
        (SETTINGS, SETTINGS, &["protocol", "timeout"]),
        // A frame that is too large.
        (SETTINGS, b"\xff\xff\xff\0\0\0\0\0\x01", &["protocol"]),
    ];
    for (head, piece, classes) in floods {
        let before = resident_mib();
        let mut workload = HttpWorkload { timeout: Span::millis(300), ..over(20.0, 10, 1) };
        workload.requests[0].expect.body = Some("never there".into());
        let totals = half_a_second(workload, flooding(head, piece).await).await;
        let grown = resident_mib().saturating_sub(before);
        assert!(grown < 96, "{grown} MiB more");
        let counted: u64 = classes.iter().map(|class| totals.failed(class)).sum();
        assert_eq!((totals.due, counted), (10, 10), "{piece:?}: {:?}", totals.errors);
    }
}

#[tokio::test]
async fn a_window_that_never_opens_ends_at_the_timeout() {
    let address = serve(|stream: TcpStream| async move {
        let mut builder = h2::server::Builder::new();
        let Ok(mut connection) = builder.initial_window_size(0).handshake::<_, Bytes>(stream).await else {
            return;
        };
        let mut held = Vec::new();
        while let Some(Ok(asked)) = connection.accept().await {
            held.push(asked);
        }
    })
    .await;
    let mut workload = HttpWorkload { timeout: Span::millis(200), ..over(20.0, 1, 20) };
    (workload.requests[0].method, workload.requests[0].body) = ("POST".into(), "x".repeat(100_000));
    let totals = half_a_second(workload, address).await;
    assert_eq!((totals.due, totals.failed("timeout")), (10, 10), "{:?}", totals.errors);
}

#[tokio::test]
async fn an_opening_that_fails_fails_for_all_who_waited_for_it() {
    let taken = Arc::<AtomicU64>::default();
    let counter = Arc::clone(&taken);
    let hangs_up = serve(move |mut stream| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            let mut hello = [0; 16 * 1024];
            let _ = stream.read(&mut hello).await;
        }
    })
    .await;
    let arrivals = Arrivals::Bursts { size: 20, every: Span::millis(100), over: Span::ZERO };
    let tls = Some(Tls { ca: None, name: None, verify: false });
    let totals = half_a_second(HttpWorkload { arrivals, tls, ..over(0.0, 1, 20) }, hangs_up).await;
    assert_eq!((totals.due, totals.failed("closed")), (100, 100), "{:?}", totals.errors);
    assert!(taken.load(Ordering::SeqCst) <= 25, "{taken:?} connections for 5 bursts");
}

#[tokio::test]
async fn over_tls_it_is_agreed_on_or_not_spoken() {
    let older = sealed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &["http/1.1"], None).await;
    let silent = sealed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &[], None).await;
    for (server, class) in [(older, "tls"), (silent, "protocol")] {
        let workload = HttpWorkload { tls: Some(server.trusted()), ..over(20.0, 1, 4) };
        let totals = half_a_second(workload, server.address).await;
        assert_eq!((totals.due, totals.failed(class)), (10, 10), "{:?}", totals.errors);
    }
}
