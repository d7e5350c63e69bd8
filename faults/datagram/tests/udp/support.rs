//! What tests of the UDP proxy share: bounded waits, a server, a client.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use shakedown_datagram_faults::udp::{UdpCounters, UdpFault, UdpLimits, UdpProxy};
use tokio::net::UdpSocket;

pub const SEED: u64 = 42;

/// Far more than anything here takes, and far less than a stuck CI job.
pub const LONG: Duration = Duration::from_secs(10);

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

/// A server's socket, a proxy in front of it, and a client of that.
pub struct Stage {
    pub server: UdpSocket,
    pub proxy: UdpProxy,
    pub client: UdpSocket,
}

impl Stage {
    pub async fn set() -> Self {
        Self::set_within(UdpLimits::default()).await
    }

    pub async fn set_within(limits: UdpLimits) -> Self {
        let server = UdpSocket::bind(any()).await.unwrap();
        let proxy = UdpProxy::start_within(any(), server.local_addr().unwrap(), SEED, limits).unwrap();
        let client = client_of(&proxy).await;
        Self { server, proxy, client }
    }

    /// A stage on which this fault holds as injection 1.
    pub async fn under(fault: &str) -> Self {
        let stage = Self::set().await;
        stage.inject(1, fault);
        stage
    }

    pub fn inject(&self, id: u32, fault: &str) {
        let fault: UdpFault = serde_json::from_str(fault).unwrap();
        self.proxy.inject(id, fault).unwrap();
    }

    /// Sends numbered datagrams upstream, each when the proxy has taken the one before, so that none is lost on the way.
    pub async fn send(&self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            let before = self.proxy.counters().up.came;
            self.client.send(&number.to_be_bytes()).await.unwrap();
            until("taking a datagram", || self.proxy.counters().up.came > before).await;
        }
    }

    /// The numbers that came to the server, as many as the proxy sent in all; `had` came before.
    pub async fn got(&self, had: u64) -> Vec<u32> {
        until("sending all", || self.proxy.counters().under_way == 0).await;
        let went = self.proxy.counters().up.went;
        let mut got = Vec::new();
        for _ in had..went {
            let bytes = receive(&self.server).await;
            got.push(u32::from_be_bytes(bytes.try_into().unwrap()));
        }
        got
    }

    /// What the server answers goes to the only client.
    pub async fn session(&self) -> SocketAddr {
        self.client.send(b"hello").await.unwrap();
        let (_, session) = soon("a greeting", self.server.recv_from(&mut [0; 10])).await.unwrap();
        session
    }
}

pub async fn client_of(proxy: &UdpProxy) -> UdpSocket {
    let client = UdpSocket::bind(any()).await.unwrap();
    client.connect(proxy.address()).await.unwrap();
    client
}

pub async fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = vec![0; 65_536];
    let len = soon("receiving", socket.recv(&mut bytes)).await.unwrap();
    bytes.truncate(len);
    bytes
}

/// Whether nothing is there to be received.
pub fn is_silent(socket: &UdpSocket) -> bool {
    socket.try_recv(&mut [0; 10]).is_err()
}

/// What came, with the copies that were made, went somewhere.
pub fn assert_nothing_is_missing(counters: &UdpCounters, copies: u64, lost: u64) {
    let came = counters.up.came + counters.down.came + copies;
    let went = counters.up.went
        + counters.down.went
        + lost
        + counters.overflowed
        + counters.unsendable
        + counters.left_behind
        + counters.refused
        + counters.under_way as u64;
    assert_eq!(came, went, "{counters:?}");
}
