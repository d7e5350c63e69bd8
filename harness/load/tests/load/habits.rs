//! How connections are used: churn, and slow consumers.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use shakedown_scenarios::units::{Bandwidth, Span};
use shakedown_scenarios::workload::{Arrivals, Habits, HttpWorkload, TcpWorkload, Think, Workload};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::http2::{over, server};
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

#[tokio::test]
async fn streams_that_are_read_slowly_take_their_time_however_small_their_frames_are() {
    // Four thousand frames, which all have room in the window: more than the library lets wait on a connection.
    let (address, taken) = server(|_, mut respond| {
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        for _ in 0..4_000 {
            body.send_data(Bytes::from_static(b"0123456789"), false).unwrap();
        }
        body.send_data(Bytes::new(), true).unwrap();
    })
    .await;
    let totals = |habits| async move {
        let arrivals = Arrivals::Bursts { size: 4, every: Span::secs(9), over: Span::ZERO };
        let workload = HttpWorkload { habits, arrivals, ..over(0.0, 1, 4) };
        let (totals, _) = run(Workload::Http(workload), address, Span::millis(100)).await;
        totals.assert_complete();
        assert_eq!(totals.ok, 4, "{habits:?}: {:?}", totals.errors);
        totals
    };
    totals(Habits::default()).await;
    let totals = totals(slow(100_000)).await;
    assert_eq!(taken.load(Ordering::SeqCst), 2, "one each");
    // 400 ms each, side by side, less what a reader may make up for and its first piece.
    assert!(totals.service.min() >= 320_000, "{} µs", totals.service.min());
    assert!(totals.received >= 160_000);
}

#[tokio::test]
async fn each_stream_is_sent_no_more_than_its_window_and_what_its_reader_has_read() {
    const STREAMS: usize = 3;
    const RATE: u64 = 40_000;
    let (sent, asked) = (Arc::<[AtomicU64; STREAMS]>::default(), AtomicUsize::new(0));
    let (counters, asked) = (Arc::clone(&sent), Arc::new(asked));
    let began = Instant::now();
    let (address, taken) = server(move |_, mut respond| {
        let (counters, stream) = (Arc::clone(&counters), asked.fetch_add(1, Ordering::SeqCst));
        tokio::spawn(async move {
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            loop {
                body.reserve_capacity(16 * 1024);
                let Some(Ok(room)) = poll_fn(|context| body.poll_capacity(context)).await else { return };
                if body.send_data(Bytes::from(vec![b'x'; room]), false).is_err() {
                    return;
                }
                counters[stream].fetch_add(room as u64, Ordering::SeqCst);
            }
        });
    })
    .await;
    let arrivals = Arrivals::Bursts { size: STREAMS as u32, every: Span::secs(9), over: Span::ZERO };
    let timeout = Span::millis(900);
    let workload = HttpWorkload { habits: slow(RATE), arrivals, timeout, ..over(0.0, 1, STREAMS as u32) };
    let (totals, _) = run(Workload::Http(workload), address, Span::millis(500)).await;
    totals.assert_complete();
    assert_eq!(totals.failed("timeout"), STREAMS as u64, "{:?}", totals.errors);
    // The window is a second's worth. However late the timeout was noticed, the rate holds until then; a reader may make up for 50 ms, and
    // a piece is 20 ms.
    let most = RATE as f64 * (1.0 + began.elapsed().as_secs_f64() + 0.07);
    for sent in sent.iter().map(|sent| sent.load(Ordering::SeqCst)) {
        assert!(sent as f64 <= most, "{sent} of {most}");
        assert!(sent > RATE, "{sent}: what was read makes room");
    }
    assert_eq!(taken.load(Ordering::SeqCst), 1);
}
