//! Servers that do not answer as servers should: the documented error, in time, and nothing left behind.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shakedown_http_faults::proxy::{HttpProxy, Limits, RawTunnel};
use shakedown_scenarios::units::Span;
use socket2::{Domain, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

/// A server with a full queue: connects to it neither succeed nor fail, for as long as these live.
fn full() -> (SocketAddr, Vec<Socket>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&any().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = vec![listener];
    for _ in 0..4 {
        let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        filler.set_nonblocking(true).unwrap();
        let _ = filler.connect(&address);
        held.push(filler);
    }
    (address.as_socket().unwrap(), held)
}

#[tokio::test]
async fn safety_05_a_server_that_never_accepts_is_a_504_in_time() {
    let (address, _held) = full();
    let limits = Limits { dial_within: Span::millis(200), ..Limits::default() };
    let proxy = HttpProxy::start_with(any(), address, SEED, limits, Arc::new(RawTunnel)).unwrap();
    let began = now();
    let answer = ask(proxy.address(), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(answer.status(), 504, "{answer:?}");
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    assert_eq!(proxy.counters().upstream_failures, 1);
    until("all to be closed", || proxy.counters().open == 0).await;
}

#[tokio::test]
async fn safety_05_a_server_that_dies_without_an_answer_is_a_502_and_leaves_nothing_behind() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = HttpProxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    let mut clients = Vec::new();
    let mut servers = Vec::new();
    for _ in 0..2 {
        let mut client = connect(proxy.address()).await;
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let (mut server, _) = soon("the proxy", listener.accept()).await.unwrap();
        read_until(&mut server, "\r\n\r\n").await;
        clients.push(client);
        servers.push(server);
    }
    // One client waits, the other one has given up meanwhile.
    clients.pop().unwrap().set_zero_linger().unwrap();
    drop(servers);
    assert_eq!(rest(&mut clients[0]).await.status(), 502);
    until("all to be closed", || proxy.counters().open == 0).await;
}

/// What a client gets of a server that does this with each connection, once it has read a head.
async fn meets(mut does: impl FnMut(TcpStream) + Send + 'static) -> Raw {
    let listener = TcpListener::bind(any()).await.unwrap();
    let place = Place::before(listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            read_until(&mut stream, "\r\n\r\n").await;
            does(stream);
        }
    });
    place.get("/").await
}

#[tokio::test]
async fn safety_05_a_server_that_resets_before_its_answer_is_a_502() {
    let answer = meets(|stream| stream.set_zero_linger().unwrap()).await;
    assert_eq!(answer.status(), 502, "{answer:?}");
}

#[tokio::test]
async fn safety_05_a_server_that_resets_within_a_body_leaves_it_short() {
    let answer = meets(|stream| {
        stream.try_write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour").unwrap();
        tokio::spawn(async move {
            // The reset would overtake what is on its way.
            tokio::time::timeout(Duration::from_millis(100), stream.readable()).await.unwrap_err();
            stream.set_zero_linger().unwrap();
        });
    })
    .await;
    assert_eq!((answer.header("content-length"), answer.body().as_str()), (vec!["10".to_owned()], "four"));
}

#[tokio::test]
async fn safety_05_a_server_that_ends_its_way_before_its_answer_is_a_502() {
    let mut held = Vec::new();
    let answer = meets(move |stream| {
        socket2::SockRef::from(&stream).shutdown(std::net::Shutdown::Write).unwrap();
        held.push(stream);
    })
    .await;
    assert_eq!(answer.status(), 502, "{answer:?}");
}
