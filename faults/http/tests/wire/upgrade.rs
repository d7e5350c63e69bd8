//! Connections that become something else than HTTP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use shakedown_http_faults::proxy::{HttpProxy, Limits, Switched, Tunnel, Tunnelling};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n\r\n";

/// A server that switches to an echo of bytes, and says hello right behind its head.
async fn echo(agree: bool) -> SocketAddr {
    let listener = TcpListener::bind(any()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = read_until(&mut stream, "\r\n\r\n").await;
                assert!(head.to_ascii_lowercase().contains("connection: upgrade\r\n"), "{head}");
                assert!(head.contains("AQIDBAUGBwgJCgsMDQ4PEC=="), "{head}");
                if !agree {
                    stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
                    return;
                }
                let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Accept: x\r\n\r\nhello";
                stream.write_all(switch.as_bytes()).await.unwrap();
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await.unwrap();
                write.shutdown().await.unwrap();
            });
        }
    });
    address
}

async fn switched(proxy: &HttpProxy) -> TcpStream {
    let mut stream = connect(proxy.address()).await;
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    let head = read_until(&mut stream, "\r\n\r\n").await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("upgrade: websocket\r\n") && head.contains("sec-websocket-accept: x"), "{head}");
    stream
}

#[tokio::test]
async fn an_upgrade_becomes_a_tunnel_for_any_bytes() {
    let proxy = HttpProxy::start(any(), echo(true).await, SEED).unwrap();
    let mut stream = switched(&proxy).await;
    assert_eq!(read_until(&mut stream, "hello").await, "hello");
    // What would be refused as HTTP, and an end of one way.
    let bytes: Vec<u8> = (0..100_000_u32).map(|place| (place % 251) as u8).collect();
    let (mut read, mut write) = stream.split();
    let sending = async {
        write.write_all(&bytes).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let (_, count) = soon("the echo", async { tokio::join!(sending, read.read_to_end(&mut got)) }).await;
    assert_eq!((count.unwrap(), got == bytes), (bytes.len(), true));
    until("the tunnel to end", || proxy.counters().open == 0).await;
    assert_eq!((proxy.counters().tunnels, proxy.counters().requests), (1, 1));
}

#[tokio::test]
async fn a_server_that_does_not_want_to_switch_says_so_and_http_goes_on() {
    let proxy = HttpProxy::start(any(), echo(false).await, SEED).unwrap();
    let mut stream = connect(proxy.address()).await;
    for _ in 0..2 {
        stream.write_all(REQUEST.as_bytes()).await.unwrap();
        let head = read_until(&mut stream, "\r\n\r\nno").await;
        assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    }
    assert_eq!(proxy.counters().tunnels, 0);
}

#[tokio::test]
async fn a_tunnel_ends_with_its_proxy() {
    let proxy = HttpProxy::start(any(), echo(true).await, SEED).unwrap();
    let mut stream = switched(&proxy).await;
    read_until(&mut stream, "hello").await;
    soon("stopping", proxy.stop()).await;
    assert!(rest(&mut stream).await.bytes.is_empty());
}

/// Says what it was given, and writes a word of its own.
#[derive(Debug, Default)]
struct Hook(Mutex<Vec<String>>);

impl Tunnel for Hook {
    fn run(&self, mut switched: Switched) -> Tunnelling {
        let key = switched.request["sec-websocket-key"].to_str().unwrap();
        let accept = switched.response["sec-websocket-accept"].to_str().unwrap();
        let seen = format!("{} {} {key} {accept}", switched.protocol.to_str().unwrap(), switched.uri);
        self.0.lock().unwrap().push(seen);
        Box::pin(async move {
            switched.client.write_all(b"from the hook").await?;
            switched.client.shutdown().await?;
            Ok((0, 13))
        })
    }
}

#[tokio::test]
async fn something_else_can_take_the_tunnels_place() {
    let hook = Arc::new(Hook::default());
    let upstream = echo(true).await;
    let proxy = HttpProxy::start_with(any(), upstream, SEED, Limits::default(), hook.clone()).unwrap();
    let mut stream = switched(&proxy).await;
    assert_eq!(rest(&mut stream).await.text(), "from the hook");
    assert_eq!(*hook.0.lock().unwrap(), ["websocket /chat AQIDBAUGBwgJCgsMDQ4PEC== x"]);
}
