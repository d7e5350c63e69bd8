//! The proxy without faults: as little changed as a proxy may, and bounded in what it puts up with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shakedown_http_faults::proxy::{HttpProxy, Limits, RawTunnel};
use shakedown_scenarios::units::{Size, Span};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::shop::FIXED;
use crate::support::*;

/// A server that reads one head, answers with these bytes, and closes.
async fn says(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind(any()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                read_until(&mut stream, "\r\n\r\n").await;
                let _ = stream.write_all(answer).await;
            });
        }
    });
    address
}

fn limited(limits: Limits, upstream: SocketAddr) -> HttpProxy {
    HttpProxy::start_with(any(), upstream, SEED, limits, Arc::new(RawTunnel)).unwrap()
}

async fn shop() -> SocketAddr {
    crate::shop::open(None).await
}

#[tokio::test]
async fn headers_for_one_hop_end_here_and_others_pass() {
    let place = Place::proxy().await;
    let request = "GET /echo?q=1 HTTP/1.1\r\nHost: shop:80\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\
        Keep-Alive: timeout=1\r\nX-End: 2\r\nTE: trailers, gzip\r\nProxy-Connection: x\r\n\r\n";
    let body = ask(place.address(), request).await.body();
    assert!(body.starts_with("GET /echo?q=1 HTTP/1.1\n"), "{body}");
    for passed in ["host=shop:80\n", "x-end=2\n", "te=trailers\n"] {
        assert!(body.contains(passed), "{passed} in {body}");
    }
    for stopped in ["x-hop", "keep-alive", "proxy-connection", "connection", "gzip", "via", "forwarded"] {
        assert!(!body.contains(stopped), "{stopped} in {body}");
    }
}

#[tokio::test]
async fn the_server_sees_names_as_the_client_wrote_them_and_the_host_of_a_whole_url() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = HttpProxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    let mut client = connect(proxy.address()).await;
    client.write_all(b"GET http://other/a HTTP/1.1\r\nHost: x\r\nX-MiXed: 1\r\n\r\n").await.unwrap();
    let (mut server, _) = soon("the proxy", listener.accept()).await.unwrap();
    let head = read_until(&mut server, "\r\n\r\n").await;
    assert!(head.starts_with("GET /a HTTP/1.1\r\n") && head.contains("X-MiXed: 1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("host: other\r\n"), "{head}");
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let place = Place::proxy().await;
    let mut stream = connect(place.address()).await;
    let requests: String =
        (0..20).map(|number| format!("GET /echo?{number} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    stream.write_all(requests.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    // A client that has said all it wants to say is still answered.
    let text = rest(&mut stream).await.text();
    let places: Vec<usize> =
        (0..20).map(|number| text.find(&format!("GET /echo?{number} ")).expect("an answer")).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn a_body_of_chunks_and_a_body_of_a_length_come_back_the_same() {
    let place = Place::proxy().await;
    let chunked = "POST /mirror HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
        5\r\nhello\r\n1;x=y\r\n \r\n5\r\nworld\r\n0\r\n\r\n";
    assert_eq!(ask(place.address(), chunked).await.unframed(), "hello world");
    let sized = "POST /mirror HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    assert_eq!(ask(place.address(), sized).await.unframed(), "hello");
    let expecting = "POST /mirror HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\
        Connection: close\r\n\r\n";
    let mut stream = connect(place.address()).await;
    stream.write_all(expecting.as_bytes()).await.unwrap();
    assert!(read_until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 100"));
    stream.write_all(b"hello").await.unwrap();
    assert_eq!(rest(&mut stream).await.unframed(), "hello");
}

#[tokio::test]
async fn a_server_of_http_1_0_and_a_client_of_it_are_both_served() {
    let place = Place::before(says(b"HTTP/1.0 200 OK\r\n\r\nold and without a length").await);
    assert_eq!(place.get("/").await.unframed(), "old and without a length");
    let place = Place::proxy().await;
    let answer = ask(place.address(), "GET /stream HTTP/1.0\r\n\r\n").await;
    assert_eq!((answer.status(), answer.body().as_str()), (200, "one,two,three,four"));
}

#[tokio::test]
async fn safety_05_a_server_that_cannot_be_reached_or_understood_is_a_502() {
    let gone = {
        let listener = TcpListener::bind(any()).await.unwrap();
        listener.local_addr().unwrap()
    };
    let answers: [(SocketAddr, &str); 4] = [
        (gone, "cannot be connected"),
        (says(b"").await, "no answer"),
        (says(b"220 smtp ready\r\n").await, "no answer"),
        (says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n").await, ""),
    ];
    for (upstream, said) in answers {
        let place = Place::before(upstream);
        let answer = place.get("/").await;
        assert_eq!(answer.status(), 502, "{said}");
        assert!(answer.body().contains(said), "{answer:?}");
        if let Place::Proxy(proxy) = &place {
            assert_eq!((proxy.counters().requests, proxy.counters().upstream_failures), (1, 1));
        }
    }
}

#[tokio::test]
async fn safety_05_a_server_that_dies_within_a_body_leaves_it_short() {
    let place = Place::before(says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour").await);
    let answer = place.get("/").await;
    assert_eq!((answer.header("content-length"), answer.body().as_str()), (vec!["10".to_owned()], "four"));
}

#[tokio::test]
async fn a_server_that_closes_between_requests_is_connected_to_again() {
    let place = Place::before(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await);
    let mut stream = connect(place.address()).await;
    for _ in 0..5 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(read_until(&mut stream, "ok").await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn slow_clients_are_closed_when_their_time_is_over() {
    let limits = Limits { head_within: Span::millis(300), ..Limits::default() };
    let proxy = limited(limits, shop().await);
    let starts = ["", "P", "PRI * HTTP/2.0\r\n", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\nX: "];
    let mut clients = Vec::new();
    for start in starts {
        let mut stream = connect(proxy.address()).await;
        stream.write_all(start.as_bytes()).await.unwrap();
        clients.push((start, stream, now()));
    }
    let mut idle = connect(proxy.address()).await;
    idle.write_all(b"GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut idle, FIXED).await;
    clients.push(("an idle one", idle, now()));
    for (start, mut stream, began) in clients {
        let answer = rest(&mut stream).await;
        assert!(answer.bytes.is_empty(), "{start:?}: {answer:?}");
        assert!(began.elapsed() >= Duration::from_millis(150), "{start:?}: {:?}", began.elapsed());
    }
    until("all to be closed", || proxy.counters().open == 0).await;
}

#[tokio::test]
async fn a_client_that_drips_its_head_is_closed_in_the_same_time() {
    let limits = Limits { head_within: Span::millis(200), ..Limits::default() };
    let proxy = limited(limits, shop().await);
    let mut stream = connect(proxy.address()).await;
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    soon("the end of it", async {
        while stream.write_all(b"X").await.is_ok() {
            tick.tick().await;
        }
    })
    .await;
    until("it to be closed", || proxy.counters().open == 0).await;
}

#[tokio::test]
async fn a_head_may_be_as_long_as_the_limit_and_no_longer() {
    let limits = Limits { head_max: Size::bytes(8 * 1024), ..Limits::default() };
    let proxy = limited(limits, shop().await);
    let head = |length: usize| {
        format!("GET /fixed HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: {}\r\n\r\n", "x".repeat(length))
    };
    assert_eq!(ask(proxy.address(), &head(8_000)).await.status(), 200);
    assert_eq!(ask(proxy.address(), &head(9_000)).await.status(), 431);
    assert_eq!(ask(proxy.address(), &head(1_000_000)).await.status(), 431);
}

#[tokio::test]
async fn no_more_connections_than_allowed_are_served_at_once() {
    let proxy = limited(Limits { connections_max: 2, ..Limits::default() }, shop().await);
    let mut clients: Vec<TcpStream> = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(proxy.address()).await;
        stream.write_all(b"GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        clients.push(stream);
    }
    read_until(&mut clients[0], FIXED).await;
    read_until(&mut clients[1], FIXED).await;
    let waiting = tokio::time::timeout(Duration::from_millis(100), clients[2].read_u8()).await;
    assert!(waiting.is_err(), "{waiting:?}");
    drop(clients.remove(0));
    read_until(&mut clients[1], FIXED).await;
    assert_eq!(proxy.counters().open, 2);
}

#[tokio::test]
async fn safety_09_a_client_that_does_not_read_slows_the_server_down() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = HttpProxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    let mut client = connect(proxy.address()).await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let (mut server, _) = soon("the proxy", listener.accept()).await.unwrap();
    read_until(&mut server, "\r\n\r\n").await;
    server.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let chunk = vec![b'x'; 1 << 16];
    let mut sent = 0_usize;
    while tokio::time::timeout(Duration::from_millis(200), server.writable()).await.is_ok() {
        sent += server.try_write(&chunk).unwrap_or(0);
    }
    // The kernel's buffers of two connections, and a little in between.
    assert!(sent < 32 << 20, "{sent}");
    drop(server);
    let got = rest(&mut client).await;
    assert!(got.unframed().len() == sent, "{} of {sent}", got.bytes.len());
}

#[tokio::test]
async fn stopping_ends_connections_and_frees_the_port() {
    let place = Place::proxy().await;
    let Place::Proxy(proxy) = place else { unreachable!("it is one") };
    let address = proxy.address();
    let mut idle = connect(address).await;
    idle.write_all(b"GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut idle, FIXED).await;
    let mut streams = http2(address).await;
    assert_eq!(send2(&mut streams, "/fixed").await.unwrap().status(), 200);
    soon("stopping", proxy.stop()).await;
    rest(&mut idle).await;
    until("the streams to end", || streams.is_closed()).await;
    TcpListener::bind(address).await.unwrap();
}
