//! Targets that mean harm: the request fails, it is counted, and memory stays where it was.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::postgres::SqlExpect;
use shakedown_scenarios::workload::redis::RedisExpect;
use shakedown_scenarios::workload::{HttpWorkload, Workload};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::postgres::{postgres, query};
use crate::redis::redis;
use crate::support::{Totals, asked, http, run, serve, tcp};
use crate::websocket::websocket;

/// Answers with `head` and then with `piece` for ever.
async fn endless(head: &'static str, piece: &'static str) -> SocketAddr {
    serve(move |mut stream| async move {
        let _ = asked(&mut stream).await;
        let pieces = piece.repeat(16 * 1024 / piece.len());
        let mut sent = stream.write_all(head.as_bytes()).await;
        while sent.is_ok() {
            sent = stream.write_all(pieces.as_bytes()).await;
        }
    })
    .await
}

/// The most that memory may grow by while a target floods, in MiB; one or two are usual.
const GROWN_MIB_MAX: u64 = 32;
/// Set in the process of a test that runs by itself.
const ALONE: &str = "SHAKEDOWN_TEST_ALONE";

/// Plays this test in a process of its own: the memory of those that run beside it here is not what is asked about.
/// Whether this is that process.
fn is_alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("hostile::{test}"), "--test-threads", "1"]);
    let output = command.env(ALONE, "1").stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// Memory of this process (load and target both), in MiB.
pub fn resident_mib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4 / 1024
}

async fn attacked(head: &'static str, piece: &'static str) -> Totals {
    let address = endless(head, piece).await;
    let before = resident_mib();
    let mut workload = HttpWorkload { timeout: Span::millis(400), ..http(20.0, 20) };
    workload.requests[0].expect.body = Some("never there".into());
    let (totals, _) = run(Workload::Http(workload), address, Span::secs(1)).await;
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < GROWN_MIB_MAX, "{grown} MiB more");
    totals.assert_complete();
    assert_eq!(totals.ok, 0);
    assert_eq!(totals.due, 20);
    totals
}

#[tokio::test]
async fn an_endless_body_ends_at_the_timeout() {
    if !is_alone("an_endless_body_ends_at_the_timeout") {
        return;
    }
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n";
    let totals = attacked(length, "x").await;
    assert_eq!(totals.failed("timeout"), 20, "{:?}", totals.errors);
    let totals = attacked("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nWiki\r\n").await;
    assert_eq!(totals.failed("timeout"), 20, "{:?}", totals.errors);
    let totals = attacked("HTTP/1.1 200 OK\r\n\r\n", "x").await;
    assert_eq!(totals.failed("timeout"), 20, "{:?}", totals.errors);
}

#[tokio::test]
async fn an_endless_head_ends_at_its_bound() {
    if !is_alone("an_endless_head_ends_at_its_bound") {
        return;
    }
    for (head, piece) in [
        ("HTTP/1.1 200 OK\r\n", "A: b\r\n"),
        ("HTTP/1.1 200 OK\r\nA: ", "x"),
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n"),
    ] {
        let totals = attacked(head, piece).await;
        assert_eq!(totals.failed("protocol"), 20, "{head:?}: {:?}", totals.errors);
    }
}

#[tokio::test]
async fn an_endless_answer_over_tcp_ends_at_the_timeout() {
    let address =
        serve(|mut stream| async move { while stream.write_all(&[b'$'; 16 * 1024]).await.is_ok() {} }).await;
    let mut workload = tcp(20.0, 20, "GET x\r\n", "$", Some("\r\n"));
    workload.timeout = Span::millis(300);
    let (totals, _) = run(Workload::Tcp(workload), address, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!(totals.failed("timeout"), 20, "{:?}", totals.errors);
}

#[tokio::test]
async fn a_flood_between_two_requests_closes_the_connection_and_does_not_hold_the_load_up() {
    let address =
        serve(|mut stream| async move { while stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {} }).await;
    let (totals, _) = run(Workload::Tcp(tcp(50.0, 2, "hello", "x", None)), address, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!((totals.due, totals.ok), (50, 50), "{:?}", totals.errors);
}

/// Answers whatever is asked with `head` and then with `piece` for ever.
pub async fn flooding(head: &'static [u8], piece: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| async move {
        let mut asked = [0; 1];
        let mut sent = stream.read_exact(&mut asked).await.map(|_| ());
        if sent.is_ok() {
            sent = stream.write_all(head).await;
        }
        let pieces = piece.repeat(16 * 1024 / piece.len());
        while sent.is_ok() {
            sent = stream.write_all(&pieces).await;
        }
    })
    .await
}

#[tokio::test]
async fn replies_of_redis_without_an_end_end_at_a_bound_or_at_the_timeout() {
    if !is_alone("replies_of_redis_without_an_end_end_at_a_bound_or_at_the_timeout") {
        return;
    }
    let floods: [(&[u8], &[u8], &str); 7] = [
        (b"", b"*1\r\n", "protocol"),
        (b"$9223372036854775807\r\n", b"x", "protocol"),
        (b"*9223372036854775807\r\n", b"x", "protocol"),
        (b"+", b"x", "protocol"),
        (b"", b"\xff\xfe", "protocol"),
        (b"*2147483647\r\n", b":1\r\n", "timeout"),
        (b"", b">1\r\n+news\r\n", "timeout"),
    ];
    for (head, piece, class) in floods {
        let before = resident_mib();
        let mut workload = redis(20.0, 20, &[(&["GET", "a"], RedisExpect::Any)]);
        workload.timeout = Span::millis(400);
        let (totals, _) = run(Workload::Redis(workload), flooding(head, piece).await, Span::secs(1)).await;
        let grown = resident_mib().saturating_sub(before);
        assert!(grown < GROWN_MIB_MAX, "{grown} MiB more");
        totals.assert_complete();
        assert_eq!((totals.due, totals.failed(class)), (20, 20), "{piece:?}: {:?}", totals.errors);
    }
}

#[tokio::test]
async fn rows_of_postgres_that_are_wrong_or_endless_end_at_a_bound_or_at_the_timeout() {
    if !is_alone("rows_of_postgres_that_are_wrong_or_endless_end_at_a_bound_or_at_the_timeout") {
        return;
    }
    const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
    let floods: [(&[u8], &[u8], &str); 6] = [
        (b"", b"R\0\0\0\x08\0\0\0\0", "protocol"),
        (b"", b"D\0\0\0\x03", "protocol"),
        (WELCOME, b"D\xff\xff\xff\xff\0\x01", "protocol"),
        (WELCOME, b"D\0\0\0\x0a\0\x01\x7f\xff\xff\xff", "protocol"),
        (WELCOME, b"D\0\0\0\x0b\0\x01\0\0\0\x01\xff", "timeout"),
        (b"", b"S\0\0\0\x08a\0b\0", "timeout"),
    ];
    for (head, piece, class) in floods {
        let before = resident_mib();
        let mut workload = postgres(20.0, 20, vec![query("SELECT 1", &[], SqlExpect::Value("1".into()))]);
        workload.timeout = Span::millis(400);
        let (totals, _) = run(Workload::Postgres(workload), flooding(head, piece).await, Span::secs(1)).await;
        let grown = resident_mib().saturating_sub(before);
        assert!(grown < GROWN_MIB_MAX, "{grown} MiB more");
        totals.assert_complete();
        assert_eq!((totals.due, totals.ok), (20, 0));
        // Rows that come before the statement was sent are something that nobody asked for: either is right.
        let counted = totals.failed(class) + totals.failed("closed");
        assert_eq!(counted, 20, "{piece:?}: {:?}", totals.errors);
    }
}

/// Opens a socket rightly, and then sends `piece` for ever.
async fn socket_flooding(piece: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| async move {
        let Some(head) = asked(&mut stream).await else { return };
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
        let answer =
            format!("HTTP/1.1 101 S\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
        let mut sent = stream.write_all(answer.as_bytes()).await;
        let mut byte = [0; 1];
        // The flood begins once something was asked.
        sent = sent.and(stream.read_exact(&mut byte).await.map(|_| ()));
        let pieces = piece.repeat(16 * 1024 / piece.len());
        while sent.is_ok() {
            sent = stream.write_all(&pieces).await;
        }
    })
    .await
}

#[tokio::test]
async fn frames_that_are_wrong_or_endless_end_at_a_bound_or_at_the_timeout() {
    if !is_alone("frames_that_are_wrong_or_endless_end_at_a_bound_or_at_the_timeout") {
        return;
    }
    let floods: [(&[u8], &str); 5] = [
        (b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "protocol"),
        (b"\x81\x02\xff\xfe", "protocol"),
        (b"\x81\x03abc", "timeout"),
        (b"\x89\x04ping", "timeout"),
        (b"\x8a\x00", "timeout"),
    ];
    for (piece, class) in floods {
        let before = resident_mib();
        let mut workload = websocket(20.0, 20, "hello {n}", Some("never there"));
        workload.timeout = Span::millis(400);
        let (totals, _) =
            run(Workload::WebSocket(workload), socket_flooding(piece).await, Span::secs(1)).await;
        let grown = resident_mib().saturating_sub(before);
        assert!(grown < GROWN_MIB_MAX, "{grown} MiB more");
        totals.assert_complete();
        assert_eq!((totals.due, totals.failed(class)), (20, 20), "{piece:?}: {:?}", totals.errors);
    }
}
