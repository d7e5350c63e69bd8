//! How connections are used: churn, and slow consumers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shakedown_scenarios::units::{Bandwidth, Span};
use shakedown_scenarios::workload::{Arrivals, Habits, HttpWorkload, TcpWorkload, Think, Workload};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::support::{OK, asked, http, run, serve, tcp};

/// A server that answers everything with `answer`, and the number of connections that it took.
async fn counted(answer: Vec<u8>) -> (std::net::SocketAddr, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&taken);
    let address = serve(move |mut stream| {
        counter.fetch_add(1, Ordering::SeqCst);
        let answer = answer.clone();
        async move {
            while asked(&mut stream).await.is_some() {
                if stream.write_all(&answer).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (address, taken)
}

const fn churn(requests: u32) -> Habits {
    Habits { requests_per_connection: Some(requests), read_rate: None }
}

const fn slow(bytes_per_second: u64) -> Habits {
    Habits { requests_per_connection: None, read_rate: Some(Bandwidth::bytes_per_second(bytes_per_second)) }
}

#[tokio::test]
async fn a_connection_is_closed_after_its_requests() {
    for (requests, connections) in [(1, 60), (7, 9)] {
        let (address, taken) = counted(OK.into()).await;
        let workload = HttpWorkload { habits: churn(requests), ..http(60.0, 1) };
        let (totals, _) = run(Workload::Http(workload), address, Span::secs(1)).await;
        totals.assert_complete();
        assert_eq!(totals.ok, 60, "{:?}", totals.errors);
        assert_eq!(taken.load(Ordering::SeqCst), connections, "{requests} a connection");
    }
}

#[tokio::test]
async fn exchanges_over_tcp_churn_too_and_so_do_users() {
    let (address, taken) = counted(b"+PONG\r\n".to_vec()).await;
    let once = tcp(40.0, 2, "PING\r\n\r\n", "+PONG\r\n", None);
    let once = TcpWorkload { habits: churn(1), ..once };
    let (totals, _) = run(Workload::Tcp(once.clone()), address, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!((totals.ok, taken.swap(0, Ordering::SeqCst)), (40, 40), "{:?}", totals.errors);
    let users = Arrivals::Closed { users: 2, think: Think::Constant(Span::millis(20)) };
    let (totals, _) =
        run(Workload::Tcp(TcpWorkload { arrivals: users, ..once }), address, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!(totals.ok, taken.load(Ordering::SeqCst), "{:?}", totals.errors);
}

fn large(bytes: usize) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + bytes, b'x');
    answer
}

#[tokio::test]
async fn a_slow_consumer_takes_its_time_and_reads_everything() {
    let (address, _) = counted(large(100_000)).await;
    let workload = HttpWorkload { habits: slow(200_000), ..http(1.0, 1) };
    let (totals, _) = run(Workload::Http(workload), address, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!(totals.ok, 1, "{:?}", totals.errors);
    // Half a second, less what a reader may make up for and its first piece.
    assert!(totals.service.min() >= 420_000, "{} µs", totals.service.min());
    assert!(totals.received >= 100_000);
}

#[tokio::test]
async fn the_target_of_a_slow_consumer_cannot_send_and_the_timeout_holds() {
    let written = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&written);
    let began = Instant::now();
    let address = serve(move |mut stream| {
        let written = Arc::clone(&counter);
        async move {
            if asked(&mut stream).await.is_some() {
                let piece = large(64 * 1024 * 1024);
                for part in piece.chunks(16 * 1024) {
                    if stream.write_all(part).await.is_err() {
                        return;
                    }
                    written.fetch_add(part.len() as u64, Ordering::SeqCst);
                }
            }
        }
    })
    .await;
    let workload = HttpWorkload { habits: slow(50_000), timeout: Span::millis(600), ..http(1.0, 1) };
    let (totals, _) = run(Workload::Http(workload), address, Span::millis(500)).await;
    totals.assert_complete();
    assert_eq!(totals.failed("timeout"), 1, "{:?}", totals.errors);
    assert!(began.elapsed() >= Duration::from_millis(600));
    // 600 ms at 50 kB/s, one piece more, and what a reader may make up for: however late the timeout was noticed, the
    // rate holds until then.
    let most = 50_000.0 * (began.elapsed().as_secs_f64() + 0.05) + 1_000.0;
    assert!(totals.received as f64 <= most, "{} of {most}", totals.received);
    // Its kernel's buffers take some MiB; the rest waits in the target.
    assert!(written.load(Ordering::SeqCst) < 32 * 1024 * 1024);
}
