//! Hostile openings against real servers, which refuse all of them, and against targets that do not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::malformed::{MalformedWorkload, Spoken};
use shakedown_scenarios::workload::{Arrivals, Destination, Workload};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::servers::{nginx_server, postgres_server, redis_server};
use crate::support::{Totals, answering, run, serve};

/// Each opening of a protocol once, within a second.
fn malformed(protocol: Spoken) -> MalformedWorkload {
    MalformedWorkload {
        to: Destination::Target("shop".into()),
        arrivals: Arrivals::Constant(Rate::per_second(protocol.openings().len() as f64).unwrap()),
        timeout: Span::secs(10),
        connections: 8,
        protocol,
        path: None,
        leave_out: Vec::new(),
    }
}

async fn totals(workload: MalformedWorkload, address: SocketAddr) -> Totals {
    let (totals, _) = run(Workload::Malformed(workload), address, Span::secs(1)).await;
    totals.assert_complete();
    totals
}

/// What came of each opening: how often it was refused, and its errors.
fn by_opening(totals: &Totals) -> BTreeMap<String, (u64, BTreeMap<String, u64>)> {
    let mut all: BTreeMap<String, (u64, BTreeMap<String, u64>)> = BTreeMap::new();
    for endpoint in totals.windows.iter().flat_map(|window| &window.endpoints) {
        let (refused, errors) = all.entry(endpoint.name.clone()).or_default();
        *refused += endpoint.ok;
        for (class, count) in &endpoint.errors {
            *errors.entry(class.clone()).or_default() += count;
        }
    }
    all
}

/// A server that is right refuses each of them, once.
fn assert_refused(totals: &Totals, protocol: Spoken) {
    let all = by_opening(totals);
    let names: BTreeSet<&str> = all.keys().map(String::as_str).collect();
    assert_eq!(names, protocol.openings().iter().copied().collect(), "{all:?}");
    let wrong: Vec<_> = all.iter().filter(|(_, outcome)| **outcome != (1, BTreeMap::new())).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn nginx_redis_and_postgres_refuse_every_opening_and_stay_up() {
    let test = "nginx_redis_and_postgres_refuse_every_opening_and_stay_up";
    if let Some(server) = nginx_server(test, "location / { return 200 ok; }").await {
        assert_refused(&totals(malformed(Spoken::Http), server.address).await, Spoken::Http);
    }
    if let Some(server) = redis_server(test, &[]).await {
        assert_refused(&totals(malformed(Spoken::Redis), server.address).await, Spoken::Redis);
    }
    if let Some(server) = postgres_server(test, None, &[]).await {
        assert_refused(&totals(malformed(Spoken::Postgres), server.address).await, Spoken::Postgres);
    }
}

#[tokio::test]
async fn a_websocket_server_refuses_every_opening_though_it_echoes_the_rest() {
    let address = serve(|stream| async move {
        use futures_util::{SinkExt as _, StreamExt as _};
        let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
        while let Some(Ok(message)) = socket.next().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
    .await;
    assert_refused(&totals(malformed(Spoken::WebSocket), address).await, Spoken::WebSocket);
}

#[tokio::test]
async fn a_target_that_takes_nonsense_for_a_request_or_says_nothing_is_wrong() {
    let takes = serve(|mut stream| async move {
        let mut bytes = [0; 4096];
        while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
                return;
            }
        }
    })
    .await;
    let count = Spoken::Http.openings().len() as u64;
    let taken = totals(malformed(Spoken::Http), takes).await;
    assert_eq!((taken.failed("status"), taken.ok), (count, 0), "{:?}", by_opening(&taken));
    // It is another protocol that answers.
    let foreign = totals(malformed(Spoken::Postgres), takes).await;
    assert_eq!(foreign.failed("protocol"), 12, "{:?}", by_opening(&foreign));

    let silent = serve(|mut stream| async move {
        // Until the client is gone; an end of its side alone changes nothing.
        let mut bytes = [0; 64 * 1024];
        while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
        let _ = stream.readable().await;
        std::future::pending::<()>().await;
    })
    .await;
    let workload =
        MalformedWorkload { timeout: Span::millis(200), connections: 64, ..malformed(Spoken::Redis) };
    let hung = totals(workload, silent).await;
    assert_eq!(hung.failed("timeout"), 14, "{:?}", by_opening(&hung));
}

#[tokio::test]
async fn a_target_that_an_opening_ends_is_found_by_the_well_formed_one() {
    let is_down = Arc::new(AtomicBool::new(false));
    let address = serve(move |stream| falls_over(stream, Arc::clone(&is_down))).await;
    let leave_out = ["quote not closed", "noise"].map(str::to_owned).to_vec();
    let workload = MalformedWorkload { connections: 1, leave_out, ..malformed(Spoken::Redis) };
    let totals = totals(workload, address).await;
    let all = by_opening(&totals);
    assert_eq!(all.len(), 12, "two were left out: {all:?}");
    // The seventh of them ended it: all before are right, it and all behind it are not.
    assert_eq!(totals.ok, 6, "{all:?}");
    assert_eq!(all["nested arrays"].0, 0, "{all:?}");
    assert_eq!(totals.failed("closed") + totals.failed("reset"), totals.due - 6, "{all:?}");
}

/// A Redis that refuses as it should, until it is asked for nested arrays: then it answers nobody any more.
async fn falls_over(mut stream: TcpStream, is_down: Arc<AtomicBool>) {
    let mut bytes = vec![0; 64 * 1024];
    let Ok(count) = stream.read(&mut bytes).await else { return };
    if bytes[..count].starts_with(b"*1\r\n*1\r\n") {
        is_down.store(true, Ordering::SeqCst);
    }
    if is_down.load(Ordering::SeqCst) {
        return;
    }
    let answer: &[u8] = if bytes[..count].ends_with(b"PING\r\n") { b"+PONG\r\n" } else { b"-ERR no\r\n" };
    let _ = stream.write_all(answer).await;
    // What is not read would reset the connection and take the answer with it.
    while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
}

#[tokio::test]
async fn a_target_that_is_not_well_has_not_refused_cleanly() {
    let address = answering("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    let workload = MalformedWorkload {
        leave_out: Spoken::Http
            .openings()
            .iter()
            .filter(|name| **name != "no host")
            .map(ToString::to_string)
            .collect(),
        ..malformed(Spoken::Http)
    };
    let totals = totals(workload, address).await;
    assert_eq!(totals.failed("status"), totals.due, "{:?}", totals.errors);
}
