//! What tests of the DNS responder share: bounded waits, a zone, a resolver.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use shakedown_datagram_faults::dns::{DnsFault, DnsLimits, DnsResponder, Zone, ZoneDescription};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

pub const SEED: u64 = 42;

/// Far more than anything here takes, and far less than a stuck CI job.
pub const LONG: Duration = Duration::from_secs(10);

pub const ZONE: &str = r#"{
    "ttl": "30s",
    "names": { "db.test": ["127.0.0.1", "127.0.0.2", "::1"], "*.shop.test": ["127.0.0.4"] }
}"#;

pub fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Fails the test if this does not come to an end.
pub async fn soon<T>(what: &str, doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, doing).await.unwrap_or_else(|_| panic!("{what} took longer than {LONG:?}"))
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    soon(what, async {
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        while !holds() {
            tick.tick().await;
        }
    })
    .await;
}

pub fn zone(text: &str) -> Zone {
    Zone::new(&serde_json::from_str::<ZoneDescription>(text).unwrap()).unwrap()
}

pub fn responder() -> DnsResponder {
    DnsResponder::start(any(), zone(ZONE), SEED).unwrap()
}

pub fn responder_within(limits: DnsLimits) -> DnsResponder {
    DnsResponder::start_within(any(), zone(ZONE), SEED, limits).unwrap()
}

pub fn inject(responder: &DnsResponder, id: u32, fault: &str) {
    let fault: DnsFault = serde_json::from_str(fault).unwrap();
    responder.inject(id, fault).unwrap();
}

pub fn query(id: u16, name: &str, kind: TYPE) -> Vec<u8> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let question =
        Question::new(Name::new(name).unwrap(), QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false);
    packet.questions.push(question);
    packet.build_bytes_vec().unwrap()
}

/// What was told.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    pub rcode: RCODE,
    pub addresses: Vec<IpAddr>,
    pub ttl: Option<u32>,
    pub was_cut: bool,
}

pub fn read(bytes: &[u8]) -> Told {
    let packet = Packet::parse(bytes).unwrap();
    let address = |rdata: &RData<'_>| match rdata {
        RData::A(record) => IpAddr::from(Ipv4Addr::from(record.address)),
        RData::AAAA(record) => IpAddr::from(Ipv6Addr::from(record.address)),
        other => panic!("{other:?}"),
    };
    Told {
        rcode: packet.rcode(),
        addresses: packet.answers.iter().map(|record| address(&record.rdata)).collect(),
        ttl: packet.answers.first().map(|record| record.ttl),
        was_cut: packet.has_flags(PacketFlag::TRUNCATION),
    }
}

pub async fn socket_to(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(any()).await.unwrap();
    socket.connect(address).await.unwrap();
    socket
}

pub async fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = vec![0; 65_536];
    let len = soon("an answer", socket.recv(&mut bytes)).await.unwrap();
    bytes.truncate(len);
    bytes
}

/// Asks over UDP.
pub async fn ask(responder: &DnsResponder, name: &str, kind: TYPE) -> Told {
    let socket = socket_to(responder.address()).await;
    socket.send(&query(9, name, kind)).await.unwrap();
    read(&receive(&socket).await)
}

/// Asks over TCP.
pub async fn ask_over_tcp(responder: &DnsResponder, name: &str, kind: TYPE) -> Told {
    let mut stream = TcpStream::connect(responder.address()).await.unwrap();
    write(&mut stream, &query(9, name, kind)).await;
    read(&next(&mut stream).await)
}

/// Asks over UDP, and again over TCP if the answer was cut, as a resolver does.
pub async fn resolve(responder: &DnsResponder, name: &str, kind: TYPE) -> Told {
    let told = ask(responder, name, kind).await;
    if told.was_cut { ask_over_tcp(responder, name, kind).await } else { told }
}

pub async fn write(stream: &mut TcpStream, query: &[u8]) {
    let framed = [&u16::try_from(query.len()).unwrap().to_be_bytes(), query].concat();
    stream.write_all(&framed).await.unwrap();
}

pub async fn next(stream: &mut TcpStream) -> Vec<u8> {
    let len = soon("an answer", stream.read_u16()).await.unwrap();
    let mut bytes = vec![0; len.into()];
    soon("the rest of it", stream.read_exact(&mut bytes)).await.unwrap();
    bytes
}

pub fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}
