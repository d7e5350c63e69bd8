//! From an address to an open connection, and the classes of what goes wrong on the way and afterwards.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use shakedown_tls_faults::{ConnectError, Connector};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::client::ErrorClass;
use crate::client::telling::{of_system, quoted};
use crate::socket::Socket;
use crate::stream::Stream;

/// What stands between an open connection and the first byte that a client says.
#[derive(Clone, Copy)]
pub(crate) struct Sealing<'a> {
    /// Who shakes hands.
    pub connector: &'a Connector,
    /// What asks for it, where a protocol begins in the clear.
    pub asks: Option<&'static SealingRequest>,
}

/// Why there is no connection.
#[derive(Clone, Debug)]
pub(crate) struct Undialled {
    pub class: ErrorClass,
    /// In words, for people.
    pub why: String,
}

/// How a protocol that begins in the clear asks for TLS.
#[derive(Debug)]
pub(crate) struct SealingRequest {
    /// What is said.
    pub says: &'static [u8],
    /// The byte that agrees.
    pub agrees: u8,
}

/// Connects, with a buffer of the kernel for so many bytes that come (`None`: the usual one), and shakes hands where TLS is spoken.
/// The caller says how long that may take.
pub(crate) async fn dial(
    address: SocketAddr,
    buffer: Option<u32>,
    tls: Option<Sealing<'_>>,
) -> Result<Stream, Undialled> {
    let failed = |class: fn(&io::Error) -> ErrorClass| {
        move |error: io::Error| Undialled::of(class(&error), address, &of_system(&error))
    };
    let mut stream = connect(address, buffer).await.map_err(failed(undialled))?;
    // Where nobody listens on a port from which the system also serves outgoing connections, TCP may connect a
    // socket to itself: it would echo requests, and keep the target from coming back to its port.
    if stream.local_addr().is_ok_and(|local| local == address) {
        // Without this the port would stay taken for a minute; if it fails, it just does.
        let _ = stream.set_zero_linger();
        return Err(Undialled::of(ErrorClass::Refused, address, "nobody listens"));
    }
    // A request is one write, and is to leave at once; if the option fails, latencies show it.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return Ok(Stream::Plain(Socket::new(stream))) };
    if let Some(asks) = tls.asks {
        let answer = ask(&mut stream, asks).await.map_err(failed(broken))?;
        if answer != asks.agrees {
            let why = format!("expected it to agree to TLS, found {}", quoted(&[answer]));
            return Err(Undialled::of(ErrorClass::Tls, address, &why));
        }
    }
    match tls.connector.connect(Socket::new(stream), address.ip(), None, None).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(ConnectError::TimedOut(after)) => {
            Err(Undialled::of(ErrorClass::Timeout, address, &format!("no TLS handshake within {after}")))
        }
        Err(ConnectError::Handshake(error)) => Err(failed(unshaken)(error)),
    }
}

/// Asks for TLS; what is answered, of which only one byte agrees. Not a byte more than its answer is read: what came behind that in the
/// clear would otherwise be taken for what was sealed.
async fn ask(stream: &mut TcpStream, asks: &SealingRequest) -> io::Result<u8> {
    stream.write_all(asks.says).await?;
    stream.read_u8().await
}

/// Connects. The target of a slow consumer is to feel it soon: the kernel may take in only so much.
async fn connect(address: SocketAddr, buffer: Option<u32>) -> io::Result<TcpStream> {
    let Some(bytes) = buffer else { return TcpStream::connect(address).await };
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_recv_buffer_size(bytes)?;
    socket.connect(address).await
}

// === impl Undialled ===

impl Undialled {
    fn of(class: ErrorClass, address: SocketAddr, why: &str) -> Self {
        Self { class, why: format!("{address}: {why}") }
    }
}

/// The class of an error on an open connection. Only TLS finds data invalid.
pub(crate) fn broken(error: &io::Error) -> ErrorClass {
    match error.kind() {
        ErrorKind::TimedOut => ErrorClass::Timeout,
        ErrorKind::UnexpectedEof => ErrorClass::Closed,
        ErrorKind::InvalidData => ErrorClass::Tls,
        _ => ErrorClass::Reset,
    }
}

/// The class of an error of a handshake: what is not the network's is TLS's.
fn unshaken(error: &io::Error) -> ErrorClass {
    match error.kind() {
        ErrorKind::Other => ErrorClass::Tls,
        _ => broken(error),
    }
}

/// The class of an error of a dial.
fn undialled(error: &io::Error) -> ErrorClass {
    match error.kind() {
        ErrorKind::ConnectionRefused => ErrorClass::Refused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => ErrorClass::Reset,
        ErrorKind::TimedOut => ErrorClass::Timeout,
        _ => ErrorClass::Dial,
    }
}
