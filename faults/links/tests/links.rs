//! Links of each kind, with clients on one side and servers on the other.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use shakedown_link_faults::{InjectError, Link, LinkFault, LinkSpec};
use shakedown_scenarios::protocol::{LinkKind, Protocol};
use shakedown_tls_faults::{Connector, Originate, Terminate, TlsOptions, Trust};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const SEED: u64 = 42;
const GET: &[u8] = b"GET /items/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(10), what).await.expect("it ends within ten seconds")
}

fn fault(protocol: Protocol, words: Value) -> LinkFault {
    LinkFault::read(protocol, &words).unwrap()
}

/// Answers every request with `two apples`, or switches to WebSocket and says `hello` in a frame of text.
async fn shop() -> SocketAddr {
    let listener = TcpListener::bind(any()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = until_blank(&mut stream).await;
                let answer: &[u8] = match head.to_ascii_lowercase().contains("upgrade: websocket") {
                    true => {
                        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\
                          \x81\x05hello"
                    }
                    false => b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ntwo apples",
                };
                stream.write_all(answer).await.unwrap();
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

async fn until_blank(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Asks over a connection that there is; what comes until its end.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // An end without a close_notify is an end as well.
    let _ = soon(stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).unwrap()
}

async fn asked(link: &Link, request: &[u8]) -> String {
    answer(TcpStream::connect(link.address()).await.unwrap(), request).await
}

#[tokio::test]
async fn http_is_broken_and_healed() {
    let link = Link::start(any(), LinkSpec::http(shop().await), SEED).unwrap();
    assert_eq!((link.kind(), link.takes()), (LinkKind::Http, &[Protocol::Http, Protocol::WebSocket][..]));
    assert!(asked(&link, GET).await.ends_with("two apples"));
    let words = json!({"matches": {"path": "/items/*"}, "act": {"answer": {"status": 503}}});
    link.inject(1, fault(Protocol::Http, words.clone())).unwrap();
    assert_eq!(link.inject(1, fault(Protocol::Http, words)), Err(InjectError::Taken(1)));
    assert!(asked(&link, GET).await.starts_with("HTTP/1.1 503"));
    assert!(link.evidence(1).unwrap().bit);
    let ending = link.heal(1).unwrap();
    assert!(ending.did.bit && ending.healed.proven, "{ending:?}");
    assert_eq!(ending.did.told, "1 of 1 chosen requests bitten");
    assert_eq!((link.heal(1), link.evidence(1)), (None, None));
    assert!(asked(&link, GET).await.ends_with("two apples"));
    let counters = link.counters();
    assert_eq!(counters.accepted, 3);
    assert!(counters.all.contains(&("requests", 3)), "{counters:?}");
    soon(link.stop()).await;
}

#[tokio::test]
async fn websocket_frames_are_broken_on_the_same_link() {
    let link = Link::start(any(), LinkSpec::http(shop().await), SEED).unwrap();
    let upgrade = b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let hello = |stream: TcpStream| async move {
        let mut stream = stream;
        stream.write_all(upgrade).await.unwrap();
        until_blank(&mut stream).await;
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        soon(stream.read_to_end(&mut rest)).await.unwrap();
        rest
    };
    assert_eq!(hello(TcpStream::connect(link.address()).await.unwrap()).await, b"\x81\x05hello");
    link.inject(1, fault(Protocol::WebSocket, json!({"duplicate": {}}))).unwrap();
    let twice = hello(TcpStream::connect(link.address()).await.unwrap()).await;
    assert_eq!(twice, b"\x81\x05hello\x81\x05hello");
    let ending = link.heal(1).unwrap();
    assert!(ending.did.bit && ending.healed.proven, "{ending:?}");
    assert_eq!(ending.did.told, "duplicate: 1 frames sent twice");
}

fn terminating(upstream: SocketAddr) -> LinkSpec {
    let options = TlsOptions { terminate: Some(Terminate::default()), ..TlsOptions::default() };
    LinkSpec::Tls { upstream, options }
}

/// Connects with TLS, and trusts whom the link says.
async fn over_tls(link: &Link) -> Result<String, String> {
    let roots = Trust::Roots(link.ca_pem().unwrap().to_owned());
    let connector = Connector::new(&Originate::trusting(roots)).unwrap();
    let tcp = TcpStream::connect(link.address()).await.unwrap();
    let connected = soon(connector.connect(tcp, link.address().ip(), None, None)).await;
    let stream = connected.map_err(|error| format!("{:?}", std::error::Error::source(&error)))?;
    Ok(answer(stream, GET).await)
}

#[tokio::test]
async fn tls_is_broken_before_any_protocol_and_before_http() {
    let upstream = shop().await;
    let tls = TlsOptions { terminate: Some(Terminate::default()), ..TlsOptions::default() };
    for spec in [terminating(upstream), LinkSpec::Http { upstream, tls: Some(tls) }] {
        let link = Link::start(any(), spec, SEED).unwrap();
        assert!(over_tls(&link).await.unwrap().ends_with("two apples"));
        link.inject(1, fault(Protocol::Tls, json!("expired_certificate"))).unwrap();
        let refused = over_tls(&link).await.unwrap_err();
        assert!(refused.contains("Expired"), "{refused}");
        let ending = link.heal(1).unwrap();
        assert!(ending.did.bit && ending.healed.proven, "{ending:?}");
        assert!(over_tls(&link).await.unwrap().ends_with("two apples"));
        soon(link.stop()).await;
    }
}

#[tokio::test]
async fn http_goes_on_over_tls_to_a_server_that_wants_it() {
    let server = Link::start(any(), terminating(shop().await), SEED).unwrap();
    let originate = Originate::trusting(Trust::Roots(server.ca_pem().unwrap().to_owned()));
    let tls = TlsOptions { originate: Some(originate), ..TlsOptions::default() };
    let spec = LinkSpec::Http { upstream: server.address(), tls: Some(tls) };
    assert_eq!(spec.takes(), [Protocol::Http, Protocol::WebSocket]);
    let link = Link::start(any(), spec, SEED).unwrap();
    assert!(asked(&link, GET).await.ends_with("two apples"));
    let foreign = link.inject(1, fault(Protocol::Tls, json!("self_signed"))).unwrap_err();
    let told = "a fault on TLS cannot be done here; this link takes faults on HTTP, WebSocket";
    assert_eq!(foreign.to_string(), told);
}

#[tokio::test]
async fn datagrams_are_lost_and_answers_about_names_are_wrong() {
    let server = UdpSocket::bind(any()).await.unwrap();
    let udp = Link::start(any(), LinkSpec::Udp { upstream: server.local_addr().unwrap() }, SEED).unwrap();
    let client = UdpSocket::bind(any()).await.unwrap();
    udp.inject(1, fault(Protocol::Udp, json!("blackhole"))).unwrap();
    client.send_to(b"lost", udp.address()).await.unwrap();
    soon(async {
        while !udp.evidence(1).unwrap().bit {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(udp.heal(1).unwrap().healed.proven);
    client.send_to(b"found", udp.address()).await.unwrap();
    let mut bytes = [0; 512];
    let (length, _) = soon(server.recv_from(&mut bytes)).await.unwrap();
    assert_eq!((&bytes[..length], udp.counters().up), (&b"found"[..], 9));

    let zone = serde_json::from_value(json!({"names": {"db.test": ["127.0.0.1"]}})).unwrap();
    let dns = Link::start(any(), LinkSpec::Dns { zone }, SEED).unwrap();
    let query = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02db\x04test\x00\x00\x01\x00\x01";
    dns.inject(1, fault(Protocol::Dns, json!({"act": "nxdomain", "name": "*.test"}))).unwrap();
    client.send_to(query, dns.address()).await.unwrap();
    soon(client.recv(&mut bytes)).await.unwrap();
    assert_eq!(bytes[3] & 0xf, 3);
    assert!(dns.heal(1).unwrap().did.bit);
    client.send_to(query, dns.address()).await.unwrap();
    let length = soon(client.recv(&mut bytes)).await.unwrap();
    assert!(bytes[..length].ends_with(&[127, 0, 0, 1]));
    assert_eq!(dns.counters().accepted, 2);
}

#[tokio::test]
async fn what_cannot_be_meant_is_told_before_it_starts() {
    let options: TlsOptions =
        serde_json::from_value(json!({"terminate": {"alpn": [""]}, "originate": {"trust": {"roots": ""}}}))
            .unwrap();
    let wrongs = LinkSpec::Tls { upstream: any(), options: options.clone() }.problems();
    let fields: Vec<&str> = wrongs.iter().map(|wrong| wrong.field.as_str()).collect();
    assert_eq!(fields, ["terminate.alpn", "originate"], "{wrongs:?}");
    let refused =
        Link::start(any(), LinkSpec::Http { upstream: any(), tls: Some(options) }, SEED).unwrap_err();
    assert!(refused.to_string().starts_with("tls.terminate.alpn: "), "{refused}");
}
