//! What an HTTP load does while all is well, and how it keeps and closes connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shakedown_load::Ending;
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{HttpRequest, Workload};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{OK, answering, asked, get, http, run, serve};

#[tokio::test]
async fn every_request_that_is_due_is_sent_and_answered() {
    let address = answering(OK).await;
    let (totals, end) = run(Workload::Http(http(500.0, 8)), address, Span::millis(2_500)).await;
    totals.assert_complete();
    assert_eq!((totals.due, totals.sent, totals.ok), (1_250, 1_250, 1_250));
    assert_eq!(totals.windows.iter().take(3).map(|window| window.due).collect::<Vec<_>>(), [500, 500, 250]);
    assert_eq!(totals.received, 1_250 * OK.len() as u64);
    assert_eq!((end.ending, end.windows_lost, end.clamped), (Ending::Completed, 0, 0));
}

#[tokio::test]
async fn connections_are_kept() {
    let accepted = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&accepted);
    let address = serve(move |mut stream| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            while asked(&mut stream).await.is_some() {
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let (totals, _) = run(Workload::Http(http(200.0, 4)), address, Span::secs(1)).await;
    assert_eq!(totals.ok, 200);
    assert!((1..=4).contains(&accepted.load(Ordering::Relaxed)));
}

#[tokio::test]
async fn a_window_is_sent_for_every_second_though_nothing_happens() {
    let address = answering(OK).await;
    let (totals, _) = run(Workload::Http(http(0.0, 1)), address, Span::millis(2_100)).await;
    totals.assert_complete();
    assert_eq!((totals.windows.len(), totals.due), (3, 0));
}

/// What is kept and what is closed, by what a server that writes `answer` sees.
async fn connections_used(answer: &'static str, requests: u64) -> u64 {
    let accepted = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&accepted);
    let address = serve(move |mut stream| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            while asked(&mut stream).await.is_some() && stream.write_all(answer.as_bytes()).await.is_ok() {
                if !answer.contains("\r\nContent-Length") && !answer.contains("chunked") {
                    return;
                }
            }
        }
    })
    .await;
    let workload = Workload::Http(http(100.0, 1));
    let (totals, _) = run(workload, address, Span::millis(requests * 10)).await;
    totals.assert_complete();
    assert_eq!(totals.ok, requests, "{answer:?}: {:?}", totals.errors);
    accepted.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_connection_is_closed_where_the_answer_says_so() {
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(connections_used(close, 20).await, 20);
    assert_eq!(connections_used("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 20).await, 20);
    assert_eq!(connections_used("HTTP/1.1 200 OK\r\n\r\nuntil the end", 20).await, 20);
}

#[tokio::test]
async fn a_connection_is_kept_behind_chunks_and_interim_answers() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    assert_eq!(connections_used(chunked, 20).await, 1);
    let interim = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(connections_used(interim, 20).await, 1);
}

#[tokio::test]
async fn a_connection_that_the_target_closes_between_requests_is_no_error() {
    let address = serve(|mut stream| async move {
        // Says nothing of it, as a server does whose patience with idle connections is over.
        if asked(&mut stream).await.is_some() {
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let (totals, _) = run(Workload::Http(http(20.0, 1)), address, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!((totals.ok, totals.errors.len()), (20, 0), "{:?}", totals.errors);
}

#[tokio::test]
async fn a_body_larger_than_the_sockets_take_at_once_arrives_whole() {
    const LENGTH: usize = 12 * 1024 * 1024;
    let address = serve(|mut stream| async move {
        while let Some(head) = asked(&mut stream).await {
            assert!(head.contains(&format!("Content-Length: {LENGTH}\r\n")), "{head}");
            let mut body = vec![0; LENGTH];
            stream.read_exact(&mut body).await.unwrap();
            assert!(body.iter().all(|byte| *byte == b'x'));
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let mut workload = http(3.0, 1);
    workload.timeout = Span::secs(30);
    workload.requests[0].method = "POST".into();
    workload.requests[0].body = "x".repeat(LENGTH);
    let (totals, _) = run(Workload::Http(workload), address, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!(totals.ok, 3, "{:?}", totals.errors);
}

#[tokio::test]
async fn an_early_answer_counts_though_the_request_was_not_read() {
    let address = serve(|mut stream| async move {
        let _ = asked(&mut stream).await;
        stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        // Stays open without reading until the client has gone.
        let mut rest = Vec::new();
        stream.writable().await.unwrap();
        while stream.read_buf(&mut rest).await.is_ok_and(|count| count > 0) {
            rest.clear();
        }
    })
    .await;
    let mut workload = http(5.0, 1);
    workload.requests[0].method = "POST".into();
    workload.requests[0].body = "x".repeat(12 * 1024 * 1024);
    workload.requests[0].expect.status = Some(413);
    let (totals, _) = run(Workload::Http(workload), address, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!(totals.ok, 5, "{:?}", totals.errors);
}

#[tokio::test]
async fn the_same_seed_asks_for_the_same_in_the_same_order() {
    let asks = async || {
        let (sender, mut heads) = tokio::sync::mpsc::unbounded_channel();
        let address = serve(move |mut stream| {
            let sender = sender.clone();
            async move {
                while let Some(head) = asked(&mut stream).await {
                    let line = head.lines().next().unwrap().to_owned();
                    stream.write_all(OK.as_bytes()).await.unwrap();
                    sender.send(line).unwrap();
                }
            }
        })
        .await;
        let mut workload = http(300.0, 1);
        workload.requests = vec![get("/items/{n}"), get("/list")];
        let (totals, _) = run(Workload::Http(workload), address, Span::millis(500)).await;
        assert_eq!(totals.ok, 150);
        let mut lines = Vec::new();
        while let Ok(line) = heads.try_recv() {
            lines.push(line);
        }
        lines
    };
    let lines = asks().await;
    assert_eq!(lines, asks().await);
    assert_eq!(lines.len(), 150);
    assert!(lines.iter().filter(|line| *line == "GET /list HTTP/1.1").count() > 40);
    assert!(lines.iter().collect::<std::collections::BTreeSet<_>>().len() > 40, "keys vary");
}

#[tokio::test]
async fn a_mix_is_told_by_endpoint_and_a_million_urls_are_one() {
    let address = serve(|mut stream| async move {
        while let Some(head) = asked(&mut stream).await {
            let answer = if head.starts_with("GET /gone") {
                "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
            } else {
                OK
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let mut workload = http(400.0, 4);
    let named = |name: &str, path| HttpRequest { name: Some(name.into()), ..get(path) };
    let million = HttpRequest { keys: 1_000_000, weight: 2, ..get("/items/{n}") };
    workload.requests = vec![million, named("shop", "/basket"), named("shop", "/pay"), get("/gone")];
    let (totals, _) = run(Workload::Http(workload), address, Span::secs(1)).await;
    totals.assert_complete();
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for window in &totals.windows {
        let parts = window.endpoints.iter().map(|part| part.latency.total()).sum::<u64>();
        assert_eq!(parts, window.latency.len());
        for part in &window.endpoints {
            let sum = sums.entry(part.name.clone()).or_default();
            *sum = (sum.0 + part.ok, sum.1 + part.errors.get("status").copied().unwrap_or(0));
        }
    }
    assert_eq!(sums.keys().collect::<Vec<_>>(), ["GET /gone", "GET /items/{n}", "shop"]);
    assert_eq!(sums["GET /gone"], (0, totals.failed("status")));
    assert_eq!(sums["GET /items/{n}"].0 + sums["shop"].0, totals.ok);
    // Each has two of five parts of 400; the deviation is below 10.
    assert!((100..220).contains(&sums["shop"].0), "{sums:?}");
}

#[tokio::test]
async fn an_answer_that_comes_later_than_it_may_is_slow() {
    let address = serve(|mut stream| async move {
        while asked(&mut stream).await.is_some() {
            let late = tokio::time::Instant::now() + std::time::Duration::from_millis(60);
            tokio::time::sleep_until(late).await;
            if stream.write_all(OK.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let mut workload = http(20.0, 20);
    workload.requests[0].expect.within = Some(Span::millis(50));
    let (totals, _) = run(Workload::Http(workload.clone()), address, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!((totals.due, totals.failed("slow")), (20, 20), "{:?}", totals.errors);
    workload.requests[0].expect.within = Some(Span::secs(60));
    let (totals, _) = run(Workload::Http(workload), address, Span::secs(1)).await;
    assert_eq!(totals.ok, 20, "{:?}", totals.errors);
}

/// Requests are due so closely that answers are read when the next one is due: what is told must not show it.
#[tokio::test]
async fn answers_that_are_read_late_count_from_when_they_came() {
    let gap = Span::millis(1);
    let address = answering(OK).await;
    let (totals, _) = run(Workload::Http(http(1_000.0, 8)), address, Span::secs(2)).await;
    totals.assert_complete();
    assert_eq!(totals.ok, 2_000);
    let told = totals.service.value_at_quantile(0.5);
    assert!(Span::micros(told) < gap, "{told} µs: the time to the next request was counted as the target's");
}
