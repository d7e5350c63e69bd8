//! Every class of error, made by a target that does just that.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{HttpWorkload, Workload};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{OK, answering, asked, http, nobody, run, serve};

/// Half a second of load at 40/s: 20 requests, of which all fail with this class.
async fn check(workload: HttpWorkload, address: SocketAddr, class: &str) {
    let (totals, _) = run(Workload::Http(workload), address, Span::millis(500)).await;
    totals.assert_complete();
    assert_eq!((totals.due, totals.failed(class), totals.ok), (20, 20, 0), "{:?}", totals.errors);
}

#[tokio::test]
async fn nobody_listens() {
    check(http(40.0, 4), nobody().await, "refused").await;
}

#[tokio::test]
async fn a_connection_to_oneself_is_nobody_listening() {
    // Enough dials to go once through all ports that the system gives to outgoing connections, this one included.
    let (totals, _) = run(Workload::Http(http(12_000.0, 64)), outgoing_port().await, Span::secs(3)).await;
    totals.assert_complete();
    let refused = totals.failed("refused");
    assert!(refused > 20_000, "{totals:?}");
    assert_eq!((refused + totals.dropped, totals.ok), (totals.due, 0), "{:?}", totals.errors);
}

/// A port that nobody listens on, and that the system may pick as the near end of a connection: Linux takes those with
/// the parity of the range's beginning first, and for listeners the others.
async fn outgoing_port() -> SocketAddr {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let low: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
    for port in (low..).step_by(2).skip(1_000) {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return listener.local_addr().unwrap();
        }
    }
    panic!("every port of the range is taken");
}

#[tokio::test]
async fn a_reset() {
    let address = serve(|mut stream| async move {
        let _ = asked(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    check(http(40.0, 4), address, "reset").await;
}

#[tokio::test]
async fn a_close_before_the_answer_and_in_the_middle_of_it() {
    let parts = ["", "HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"];
    let chunks = ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"];
    for part in parts.into_iter().chain(chunks) {
        let address = serve(move |mut stream| async move {
            let _ = asked(&mut stream).await;
            stream.write_all(part.as_bytes()).await.unwrap();
        })
        .await;
        check(http(40.0, 4), address, "closed").await;
    }
}

#[tokio::test]
async fn no_answer_in_time() {
    let address = serve(|mut stream| async move { while asked(&mut stream).await.is_some() {} }).await;
    check(HttpWorkload { timeout: Span::millis(50), ..http(40.0, 64) }, address, "timeout").await;
}

#[tokio::test]
async fn no_way_to_the_target() {
    // The system refuses to connect to the broadcast address; nothing leaves the machine.
    check(http(40.0, 4), SocketAddr::from(([255, 255, 255, 255], 9)), "dial").await;
}

#[tokio::test]
async fn another_protocol() {
    check(http(40.0, 4), answering("+PONG\r\n\r\n").await, "protocol").await;
}

#[tokio::test]
async fn another_status() {
    let address = answering("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    check(http(40.0, 4), address, "status").await;
}

#[tokio::test]
async fn another_body() {
    let mut workload = http(40.0, 4);
    workload.requests[0].expect.body = Some("well".into());
    check(workload, answering(OK).await, "check").await;
}

#[tokio::test]
async fn a_late_answer_is_never_taken_for_that_to_the_next_request() {
    let connections = Arc::new(AtomicU64::new(0));
    let address = serve(move |mut stream| {
        let number = connections.fetch_add(1, Ordering::Relaxed);
        async move {
            while asked(&mut stream).await.is_some() {
                let mut answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright";
                if number == 0 {
                    // Keeps the first connection waiting until the client has given up on it.
                    let until = tokio::time::Instant::now() + std::time::Duration::from_millis(400);
                    tokio::time::sleep_until(until).await;
                    answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate";
                }
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let mut workload = HttpWorkload { timeout: Span::millis(200), ..http(50.0, 1) };
    workload.requests[0].expect.body = Some("right".into());
    let (totals, _) = run(Workload::Http(workload), address, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!(totals.failed("check"), 0, "{:?}", totals.errors);
    // A busy machine may make others late, too; the first one always is.
    assert!(totals.failed("timeout") >= 1 && totals.ok >= 25, "{totals:?}");
}

#[tokio::test]
async fn a_target_that_comes_back_is_found_at_once() {
    let failures = Arc::new(AtomicU64::new(0));
    let address = serve(move |mut stream| {
        let fails = failures.fetch_add(1, Ordering::Relaxed) < 50;
        async move {
            while !fails && asked(&mut stream).await.is_some() {
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let (totals, _) = run(Workload::Http(http(200.0, 8)), address, Span::secs(1)).await;
    totals.assert_complete();
    // It closes 50 connections, and each of these fails one request: the pauses after failures cost nobody an answer.
    assert_eq!(totals.errors.values().sum::<u64>(), 50, "{:?}", totals.errors);
    assert_eq!(totals.ok, 150);
}
