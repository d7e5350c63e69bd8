//! Servers that do not answer as servers should: the documented error, in time, and nothing left behind.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use shakedown_http_faults::act::Delay;
use shakedown_http_faults::proxy::{HttpProxy, Limits, RawTunnel};
use shakedown_scenarios::units::Span;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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

/// A server that has read a request and is silent, and its client.
async fn silent(proxy: &HttpProxy, listener: &TcpListener, request: &str) -> (TcpStream, TcpStream) {
    let mut client = connect(proxy.address()).await;
    client.write_all(request.as_bytes()).await.unwrap();
    let (mut server, _) = soon("the proxy", listener.accept()).await.unwrap();
    read_until(&mut server, "\r\n\r\n").await;
    (client, server)
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn safety_05_a_silent_server_is_told_when_its_client_resets() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = HttpProxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    let half = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";
    for (request, ends_first) in [(GET, false), (GET, true), (half, false)] {
        let (mut client, mut server) = silent(&proxy, &listener, request).await;
        if ends_first {
            client.shutdown().await.unwrap();
        }
        client.set_zero_linger().unwrap();
        drop(client);
        assert!(rest(&mut server).await.bytes.is_empty(), "{request:?}");
    }
    until("all to be closed", || proxy.counters().open == 0).await;
    assert_eq!(proxy.counters().upstream_failures, 0, "the server did nothing wrong");
}

#[tokio::test]
async fn safety_05_a_server_silent_within_its_answer_is_told_when_its_client_resets() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = HttpProxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    let (mut client, mut server) = silent(&proxy, &listener, GET).await;
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour").await.unwrap();
    read_until(&mut client, "four").await;
    client.set_zero_linger().unwrap();
    drop(client);
    rest(&mut server).await;
    until("all to be closed", || proxy.counters().open == 0).await;
}

#[tokio::test]
async fn safety_05_a_server_within_its_answer_is_told_when_its_client_closes() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = HttpProxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    let (mut client, mut server) = silent(&proxy, &listener, GET).await;
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nfour").await.unwrap();
    read_until(&mut client, "four").await;
    drop(client);
    // Nobody takes this piece, and the rest never comes: the server goes on working as far as it knows.
    server.write_all(b"more").await.unwrap();
    rest(&mut server).await;
    until("all to be closed", || proxy.counters().open == 0).await;
}

/// Makes the kernel remember a socket for a second only, instead of a minute, once it is closed.
fn forget_soon(stream: &TcpStream) {
    let second: libc::c_int = 1;
    let size = libc::socklen_t::try_from(size_of_val(&second)).unwrap();
    // SAFETY: the descriptor is open for as long as `stream` is borrowed, and the option's value lives through the call.
    let set = unsafe {
        let value = (&raw const second).cast();
        libc::setsockopt(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_LINGER2, value, size)
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

#[tokio::test]
async fn safety_05_a_silent_server_is_told_of_a_closed_client_by_the_kernels_probes() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let limits = Limits { probe_after: Span::secs(1), ..Limits::default() };
    let upstream = listener.local_addr().unwrap();
    let proxy = HttpProxy::start_with(any(), upstream, SEED, limits, Arc::new(RawTunnel)).unwrap();
    let (mut waiting, mut slow) = silent(&proxy, &listener, GET).await;
    waiting.shutdown().await.unwrap();
    let (client, mut server) = silent(&proxy, &listener, GET).await;
    forget_soon(&client);
    drop(client);
    assert!(rest(&mut server).await.bytes.is_empty());
    until("one to be closed", || proxy.counters().open == 1).await;
    // The one that still reads was probed as often, and answers.
    slow.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate").await.unwrap();
    assert_eq!(rest(&mut waiting).await.body(), "late");
}

#[tokio::test]
async fn safety_05_a_silent_server_is_told_at_once_when_its_client_of_http2_closes() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = HttpProxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    let (mut sender, connection) = h2::client::handshake(connect(proxy.address()).await).await.unwrap();
    let client = tokio::spawn(connection);
    let request = http::Request::get("http://shop/").body(()).unwrap();
    let _unanswered = sender.send_request(request, true).unwrap();
    let (server, _) = soon("the proxy", listener.accept()).await.unwrap();
    let mut server = h2::server::handshake(server).await.unwrap();
    let (_request, mut respond) = soon("the request", server.accept()).await.unwrap().unwrap();
    client.abort();
    let told = soon("the reset", async {
        tokio::select! {
            reset = std::future::poll_fn(|cx| respond.poll_reset(cx)) => reset.is_ok(),
            end = server.accept() => end.is_none_or(|next| next.is_err()),
        }
    })
    .await;
    assert!(told);
    until("all to be closed", || proxy.counters().open == 0).await;
}

#[tokio::test]
async fn safety_06_a_client_that_ended_its_way_waits_for_a_slow_server() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = HttpProxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    let (mut client, mut server) = silent(&proxy, &listener, GET).await;
    client.shutdown().await.unwrap();
    // Long enough for the proxy to do something about it, which it must not.
    let early = tokio::time::timeout(Duration::from_millis(200), server.read_u8()).await;
    assert!(early.is_err(), "the server was told {early:?}");
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate").await.unwrap();
    let answer = rest(&mut client).await;
    assert_eq!((answer.status(), answer.body().as_str(), answer.reset), (200, "late", false));
}

#[tokio::test]
async fn a_delay_that_outlasts_its_client_has_bitten_it() {
    let place = Place::proxy().await;
    place.inject(Delay::before(Span::secs(3600)));
    let mut client = connect(place.address()).await;
    client.write_all(GET.as_bytes()).await.unwrap();
    until("the request", || place.evidence().matched == 1).await;
    client.set_zero_linger().unwrap();
    drop(client);
    until("the delay to end with its client", || place.evidence().bitten == 1).await;
    let waited = place.evidence().waited;
    assert!(!waited.is_zero() && waited < Span::secs(3600), "{waited}");
}
