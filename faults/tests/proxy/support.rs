//! What tests of the proxy share: a bounded wait, upstreams of a few kinds, and bytes that can be checked.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use shakedown_faults::proxy::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const SEED: u64 = 42;

/// Far more than anything here takes, and far less than a stuck CI job.
pub const LONG: Duration = Duration::from_secs(20);

/// What a control call may take, of the time in which its thread had a core. One that waits for data takes for ever, so
/// this is far from both: how long calls take is measured elsewhere.
pub const CALL_MAX: Duration = Duration::from_secs(1);

/// A moment, and how long this thread had waited for a core by then.
pub struct Waited {
    began: Instant,
    waited: Duration,
}

// === impl Waited ===

impl Waited {
    pub fn now() -> Self {
        Self { began: now(), waited: waited_for_a_core() }
    }

    /// How long it is ago, less what this thread waited for a core: other programs are not what is measured.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed().saturating_sub(waited_for_a_core() - self.waited)
    }
}

/// Linux: `/proc/PID/schedstat` is time on a core, time in wait of one, and number of turns.
fn waited_for_a_core() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(told.split(' ').nth(1).and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

#[expect(clippy::disallowed_methods, reason = "a test of real sockets measures real time")]
pub fn now() -> Instant {
    Instant::now()
}

pub fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Fails the test if this does not come to an end.
pub async fn soon<T>(what: &str, doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, doing).await.unwrap_or_else(|_| panic!("{what} took longer than {LONG:?}"))
}

/// The same for what moves gigabytes.
pub async fn long<T>(what: &str, doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG * 15, doing)
        .await
        .unwrap_or_else(|_| panic!("{what} took longer than {:?}", LONG * 15))
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

/// A server that sends back what it gets, and ends when its client does.
pub async fn echo() -> SocketAddr {
    serve(|mut stream| async move {
        let (mut read, mut write) = stream.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
        let _ = write.shutdown().await;
    })
    .await
}

/// A server that does the same with every connection.
pub async fn serve<F, D>(mut each: F) -> SocketAddr
where
    F: FnMut(TcpStream) -> D + Send + 'static,
    D: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(any()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(each(stream));
        }
    });
    address
}

pub async fn connect(proxy: &Proxy) -> TcpStream {
    let stream = soon("connecting", TcpStream::connect(proxy.address())).await.unwrap();
    // It fails where a toxic has reset the connection already.
    let _ = stream.set_nodelay(true);
    stream
}

/// A proxy, a client of it, and the server's end of that connection.
pub async fn joined() -> (Proxy, TcpStream, TcpStream) {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = Proxy::start(any(), listener.local_addr().unwrap(), SEED).unwrap();
    let (client, server) = join(&proxy, &listener).await;
    (proxy, client, server)
}

/// A client of a proxy and the server's end of that connection.
pub async fn join(proxy: &Proxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = connect(proxy).await;
    let (server, _) = soon("accepting", listener.accept()).await.unwrap();
    server.set_nodelay(true).unwrap();
    (client, server)
}

/// Sends some bytes, and gets them at the other end.
pub async fn pass(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    soon("writing", from.write_all(bytes)).await.unwrap();
    let mut got = vec![0; bytes.len()];
    soon("reading", to.read_exact(&mut got)).await.unwrap();
    assert_eq!(got, bytes);
}

/// Whether the other side resets this connection, whatever comes before.
pub async fn is_reset(stream: &mut TcpStream) -> bool {
    let mut sink = Vec::new();
    let end = soon("waiting for a reset", stream.read_to_end(&mut sink)).await;
    end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
}

/// Whether a new client of a proxy is reset, be it before its connect has returned.
pub async fn meets_a_reset(proxy: &Proxy) -> bool {
    match soon("connecting", TcpStream::connect(proxy.address())).await {
        Ok(mut client) => is_reset(&mut client).await,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// Whether nothing comes for a while.
pub async fn is_silent(stream: &mut TcpStream, length: Duration) -> bool {
    tokio::time::timeout(length, stream.read(&mut [0])).await.is_err()
}

/// A part of the endless stream that tests send, at most 128 KiB of it. Its period is prime and longer than any buffer,
/// so that a lost or doubled byte shows.
pub fn bytes_from(place: u64, count: usize) -> &'static [u8] {
    const PERIOD: usize = 99_991;
    static STREAM: OnceLock<Vec<u8>> = OnceLock::new();
    let byte_at = |place: usize| (((place % PERIOD) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
    let stream = STREAM.get_or_init(|| (0..PERIOD + (1 << 17)).map(byte_at).collect());
    let start = (place % PERIOD as u64) as usize;
    &stream[start..start + count]
}

/// Sends until nothing more is taken for a while; how much it was.
pub async fn fill(stream: &TcpStream) -> u64 {
    let chunk = bytes_from(0, 1 << 16);
    let mut sent = 0;
    while tokio::time::timeout(Duration::from_millis(200), stream.writable()).await.is_ok() {
        sent += stream.try_write(chunk).unwrap_or(0) as u64;
    }
    sent
}
