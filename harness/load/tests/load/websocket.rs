//! Sockets that are held open, against a server of another implementation.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::websocket::{Sending, WebSocketMessage, WebSocketWorkload};
use shakedown_scenarios::workload::{Arrivals, Destination, Workload};
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Totals, run, serve};

/// Constant arrivals of one kind of message, with a timeout of 10 s.
pub fn websocket(per_second: f64, sockets: u32, send: &str, expect: Option<&str>) -> WebSocketWorkload {
    WebSocketWorkload {
        to: Destination::Target("chat".into()),
        arrivals: Arrivals::Constant(Rate::per_second(per_second).unwrap()),
        timeout: Span::secs(10),
        sockets,
        tls: None,
        path: "/chat".into(),
        headers: Vec::new(),
        messages: vec![WebSocketMessage {
            send: Sending::Text(send.into()),
            expect: expect.map(Into::into),
            weight: 1,
            keys: 1 << 62,
        }],
    }
}

/// What a chat saw.
#[derive(Debug, Default)]
struct Seen {
    opened: AtomicU64,
    open: AtomicU64,
    most: AtomicU64,
    pongs: AtomicU64,
    delivered: AtomicU64,
}

fn count(figure: &AtomicU64) -> u64 {
    figure.fetch_add(1, Ordering::SeqCst) + 1
}

fn told(figure: &AtomicU64) -> u64 {
    figure.load(Ordering::SeqCst)
}

/// A server that sends to everybody what one says, pings each socket once, and closes each once it has said `closes_after`
/// messages to it.
async fn chat(closes_after: u64) -> (SocketAddr, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let (said, _) = broadcast::channel(10_000);
    let shared = Arc::clone(&seen);
    let address = serve(move |stream| talk(stream, said.clone(), Arc::clone(&shared), closes_after)).await;
    (address, seen)
}

async fn talk(stream: TcpStream, said: broadcast::Sender<Message>, seen: Arc<Seen>, closes_after: u64) {
    let mut heard = said.subscribe();
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    count(&seen.opened);
    seen.most.fetch_max(count(&seen.open), Ordering::SeqCst);
    let mut sent = socket.send(Message::Ping("are you there".into())).await;
    let mut left = closes_after;
    while sent.is_ok() && left > 0 {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(message @ Message::Text(_))) => drop(said.send(message)),
                Some(Ok(Message::Pong(content))) => {
                    assert_eq!(content, "are you there");
                    count(&seen.pongs);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
            message = heard.recv() => {
                count(&seen.delivered);
                left -= 1;
                sent = socket.send(message.unwrap()).await;
            }
        }
    }
    // Errors here mean that the client is gone already.
    let _ = socket.close(None).await;
    seen.open.fetch_sub(1, Ordering::SeqCst);
}

async fn totals(workload: WebSocketWorkload, address: SocketAddr) -> Totals {
    let (totals, _) = run(Workload::WebSocket(workload), address, Span::secs(2)).await;
    totals.assert_complete();
    totals
}

#[tokio::test]
async fn a_hundred_sockets_are_open_from_the_start_and_hear_what_each_of_them_says() {
    let (address, seen) = chat(u64::MAX).await;
    let totals = totals(websocket(20.0, 100, "hello {n}", Some("hello {n}")), address).await;
    assert_eq!((totals.due, totals.ok), (40, 40), "{:?}", totals.errors);
    assert_eq!((told(&seen.opened), told(&seen.most)), (100, 100), "{seen:?}");
    assert_eq!(told(&seen.pongs), 100, "sockets that are idle answer pings too");
    // All but the first few messages came when every socket was open.
    assert!(told(&seen.delivered) > 20 * 100, "{seen:?}");
    assert!(totals.received > 20 * 100 * 8, "{}", totals.received);
}

#[tokio::test]
async fn sockets_that_the_target_closes_are_opened_again() {
    let (address, seen) = chat(5).await;
    let totals = totals(websocket(20.0, 10, "hello {n}", Some("hello {n}")), address).await;
    // Each socket lives for five messages, and all of them are idle most of the time.
    assert!(told(&seen.opened) >= 40, "{seen:?}");
    assert!(told(&seen.most) <= 10, "{seen:?}");
    assert!(totals.ok >= 20, "{:?}", totals.errors);
    assert_eq!(totals.ok + totals.failed("closed") + totals.failed("reset"), 40, "{:?}", totals.errors);
}

#[tokio::test]
async fn heartbeats_are_answered_on_every_socket_in_turn() {
    let (address, seen) = chat(u64::MAX).await;
    let mut workload = websocket(20.0, 20, "", None);
    workload.messages[0].send = Sending::Ping("{n}".into());
    let totals = totals(workload, address).await;
    assert_eq!((totals.due, totals.ok), (40, 40), "{:?}", totals.errors);
    assert_eq!(told(&seen.opened), 20);
}

#[tokio::test]
async fn a_target_that_opens_no_sockets_fails_every_message() {
    let address = crate::support::answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
    let totals = totals(websocket(20.0, 2, "hello {n}", Some("hello {n}")), address).await;
    assert_eq!((totals.due, totals.failed("status")), (40, 40), "{:?}", totals.errors);
    let gone = totals_of_nobody().await;
    assert_eq!((gone.due, gone.failed("refused")), (40, 40), "{:?}", gone.errors);
}

async fn totals_of_nobody() -> Totals {
    totals(websocket(20.0, 2, "hello {n}", Some("hello {n}")), crate::support::nobody().await).await
}
