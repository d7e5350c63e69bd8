//! Malformed HTTP/1: nothing panics, nothing hangs, and nothing of it is taken for a second request by the server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use shakedown_http_faults::proxy::{HttpProxy, Limits, RawTunnel};
use shakedown_scenarios::units::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::*;

/// What follows each case; the server must never see it.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// A good request that may come before.
const GOOD: &str = "GET /good HTTP/1.1\r\nHost: a\r\n\r\n";

/// All that the server saw.
type Seen = Arc<Mutex<Vec<u8>>>;

/// A server that answers whatever looks like the end of a head, and keeps all bytes.
async fn server() -> (SocketAddr, Seen) {
    let listener = TcpListener::bind(any()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let mut last = Vec::new();
                while let Ok(byte) = stream.read_u8().await {
                    kept.lock().unwrap().push(byte);
                    last.push(byte);
                    if last.ends_with(b"\r\n\r\n") {
                        last.clear();
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
                    }
                }
            });
        }
    });
    (address, seen)
}

/// Bytes that are refused, and with what.
fn refused() -> Vec<(&'static str, String, u16)> {
    let with = |lines: &str| format!("POST /x HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n");
    let chunked = |body: &str| with("Transfer-Encoding: chunked") + body;
    vec![
        ("no host", "GET /x HTTP/1.1\r\n\r\n".into(), 400),
        ("two hosts", with("Host: b"), 400),
        ("two equal hosts", with("Host: a"), 400),
        ("a host that is none", "GET /x HTTP/1.1\r\nHost: a b\r\n\r\n".into(), 400),
        ("length and chunks", with("Content-Length: 4\r\nTransfer-Encoding: chunked"), 400),
        ("chunks and length", with("Transfer-Encoding: chunked\r\nContent-Length: 4"), 400),
        ("length and mixed-case chunks", with("content-length: 4\r\ntRANSFER-eNCODING: CHUNKED"), 400),
        ("two lengths", with("Content-Length: 4\r\nContent-Length: 40"), 400),
        ("two equal lengths", with("Content-Length: 4\r\nContent-Length: 4"), 400),
        ("a list of lengths", with("Content-Length: 4, 4"), 400),
        ("a signed length", with("Content-Length: +4"), 400),
        ("a negative length", with("Content-Length: -1"), 400),
        ("a hexadecimal length", with("Content-Length: 0x4"), 400),
        ("a length of 2^64", with("Content-Length: 18446744073709551616"), 400),
        ("an empty length", with("Content-Length:"), 400),
        ("an unknown encoding", with("Transfer-Encoding: xchunked"), 501),
        ("an encoding behind chunked", with("Transfer-Encoding: chunked, identity"), 501),
        ("two encodings", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), 501),
        ("chunks in 1.0", "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(), 501),
        ("a space before the colon", with("Content-Length : 4"), 400),
        ("a tab before the colon", with("Transfer-Encoding\t: chunked"), 400),
        ("a folded line", with("X: a\r\n Content-Length: 4"), 400),
        ("a folded first line", "GET /x HTTP/1.1\r\n Host: a\r\n\r\n".into(), 400),
        ("a bare line feed between lines", with("X: a\nContent-Length: 4"), 400),
        ("bare line feeds only", "GET /x HTTP/1.1\nHost: a\n\n".into(), 400),
        ("a bare carriage return", with("X: a\rContent-Length: 4"), 400),
        ("NUL in a value", with("X: a\0b"), 400),
        ("NUL in a name", with("X\0: a"), 400),
        ("an escape character", with("X: \u{1b}[2J"), 400),
        ("a line without a colon", with("Content-Length"), 400),
        ("a line without a name", with(": x"), 400),
        ("a name beyond ASCII", with("Cont\u{e9}nt-Length: 4"), 400),
        ("no version", "GET /x\r\nHost: a\r\n\r\n".into(), 400),
        ("a version of tomorrow", "GET /x HTTP/1.9\r\nHost: a\r\n\r\n".into(), 505),
        ("the version of another protocol", "GET /x ICAP/1.0\r\nHost: a\r\n\r\n".into(), 400),
        ("two spaces", "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("a space in the target", "GET /x y HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("an absurd method", format!("{} /x HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(9_000)), 501),
        ("a method that is no token", "G{}T /x HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("a tunnel", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n".into(), 501),
        ("a huge header", with(&format!("X: {}", "x".repeat(100_000))), 431),
        ("a huge target", format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100_000)), 431),
        ("too many headers", with(&"X: a\r\n".repeat(200)), 431),
        ("TLS", "\u{16}\u{3}\u{1}\0\u{5}hello\r\n\r\n".into(), 400),
        ("noise", "\u{1}\u{2}\u{3}\r\n\r\n".into(), 400),
        ("a chunk size that is none", chunked("zz\r\n"), 400),
        ("a signed chunk size", chunked("+4\r\nabcd\r\n0\r\n\r\n"), 400),
        ("a chunk size with a prefix", chunked("0x4\r\nabcd\r\n0\r\n\r\n"), 400),
        ("a chunk size with a space", chunked("4 \r\nabcd\r\n0\r\n\r\n"), 400),
        ("a chunk size of 2^64", chunked("10000000000000000\r\n"), 400),
        ("a chunk that is longer than its size", chunked("4\r\nabcdef\r\n0\r\n\r\n"), 400),
        ("a chunk size that ends with a line feed", chunked("4\nabcd\r\n0\r\n\r\n"), 400),
        ("a chunk that ends with a line feed", chunked("4\r\nabcd\n0\r\n\r\n"), 400),
        ("a line feed in a chunk extension", chunked("4;a=\nb\r\nabcd\r\n0\r\n\r\n"), 400),
        ("trailers that end with a line feed", chunked("0\r\nX: y\n\r\n"), 400),
    ]
}

#[tokio::test]
async fn safety_11_whatever_is_malformed_is_refused_and_nothing_behind_it_reaches_the_server() {
    let (address, seen) = server().await;
    let proxy = HttpProxy::start(any(), address, SEED).unwrap();
    let cases = refused();
    let count = cases.len() as u64;
    for (name, bytes, status) in cases {
        let answer = ask(proxy.address(), &format!("{bytes}{SMUGGLED}")).await;
        assert_eq!(answer.status(), status, "{name}: {answer:?}");
        assert_eq!(answer.text().matches("HTTP/1.1 ").count(), 1, "{name}: {answer:?}");
        assert!(!answer.reset, "{name}");
    }
    assert_eq!(proxy.counters().refused, count);
    let seen = String::from_utf8_lossy(&seen.lock().unwrap()).into_owned();
    assert!(!seen.contains("smuggled"), "{seen}");
    assert_eq!(ask(proxy.address(), "GET /good HTTP/1.0\r\n\r\n").await.status(), 200);
    until("all connections to be closed", || proxy.counters().open == 0).await;
}

#[tokio::test]
async fn safety_11_a_good_request_before_a_malformed_one_gets_its_answer_first() {
    let (address, seen) = server().await;
    let proxy = HttpProxy::start(any(), address, SEED).unwrap();
    for (name, bytes, status) in refused() {
        let chunks = bytes.contains("\nTransfer-Encoding: chunked\r\n\r\n");
        let answer = ask(proxy.address(), &format!("{GOOD}{bytes}{SMUGGLED}")).await.text();
        let mut statuses = answer.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].to_owned());
        assert_eq!(statuses.next().as_deref(), Some("200"), "{name}: {answer}");
        // A body that breaks off may have been answered by then.
        let last = statuses.next();
        assert!(last == Some(status.to_string()) || chunks, "{name}: {answer}");
    }
    let seen = String::from_utf8_lossy(&seen.lock().unwrap()).into_owned();
    assert!(!seen.contains("smuggled") && seen.contains("/good"), "{seen}");
}

#[tokio::test]
async fn safety_11_what_never_ends_is_closed_in_time() {
    let (address, seen) = server().await;
    let limits = Limits { head_within: Span::millis(200), ..Limits::default() };
    let proxy = HttpProxy::start_with(any(), address, SEED, limits, Arc::new(RawTunnel)).unwrap();
    let endless =
        ["\r\n\r\n\r\n", "\r", "G", "GET /x HTTP/1.1\r\nHost: a\r\n", "GET /x HTTP/1.1\r\nHost: a\r\n\r"];
    for bytes in endless {
        let answer = ask(proxy.address(), bytes).await;
        assert!(answer.bytes.is_empty(), "{bytes:?}: {answer:?}");
    }
    until("all to be closed", || proxy.counters().open == 0).await;
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_client_that_goes_away_at_any_byte_leaves_nothing_behind() {
    let (address, _) = server().await;
    let proxy = HttpProxy::start(any(), address, SEED).unwrap();
    let whole = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";
    for end in 0..whole.len() {
        let mut stream = connect(proxy.address()).await;
        stream.write_all(&whole.as_bytes()[..end]).await.unwrap();
    }
    until("all to be closed", || {
        let counters = proxy.counters();
        counters.accepted == whole.len() as u64 && counters.open == 0
    })
    .await;
}

/// Some of what makes two servers disagree, in pieces that come one by one.
#[tokio::test]
async fn safety_11_the_timing_of_bytes_smuggles_nothing() {
    let (address, seen) = server().await;
    let proxy = HttpProxy::start(any(), address, SEED).unwrap();
    for (name, bytes, _) in refused().into_iter().filter(|(_, bytes, _)| bytes.len() < 300) {
        let mut stream = connect(proxy.address()).await;
        for piece in format!("{bytes}{SMUGGLED}").as_bytes().chunks(7) {
            // The refusal may come before the last piece.
            if stream.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let answer = rest(&mut stream).await;
        assert!(answer.bytes.is_empty() || answer.status() >= 400, "{name}: {answer:?}");
    }
    let seen = String::from_utf8_lossy(&seen.lock().unwrap()).into_owned();
    assert!(!seen.contains("smuggled"), "{seen}");
}
