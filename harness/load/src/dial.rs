//! From an address to an open connection, and the classes of what goes wrong on the way and afterwards.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use shakedown_scenarios::units::Bandwidth;
use shakedown_tls_faults::{ConnectError, Connector};
use tokio::net::{TcpSocket, TcpStream};

use crate::client::ErrorClass;
use crate::stream::Stream;

/// The smallest and the largest buffer of the kernel for a slow consumer, in bytes.
const SLOW_BUFFER_MIN: u32 = 4 * 1024;
const SLOW_BUFFER_MAX: u32 = 64 * 1024;

/// Connects, and shakes hands where TLS is spoken. The caller says how long that may take.
pub(crate) async fn dial(
    address: SocketAddr,
    read_rate: Option<Bandwidth>,
    tls: Option<&Connector>,
) -> Result<Stream, ErrorClass> {
    let stream = connect(address, read_rate).await.map_err(|error| undialled(&error))?;
    // Where nobody listens on a port from which the system also serves outgoing connections, TCP may connect a
    // socket to itself: it would echo requests, and keep the target from coming back to its port.
    if stream.local_addr().is_ok_and(|local| local == address) {
        // Without this the port would stay taken for a minute; if it fails, it just does.
        let _ = stream.set_zero_linger();
        return Err(ErrorClass::Refused);
    }
    // A request is one write, and is to leave at once; if the option fails, latencies show it.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return Ok(Stream::Plain(stream)) };
    match tls.connect(stream, address.ip(), None, None).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(ConnectError::TimedOut(_)) => Err(ErrorClass::Timeout),
        Err(ConnectError::Handshake(error)) => Err(unshaken(&error)),
    }
}

/// Connects. The target of a slow consumer is to feel it soon: the kernel may take in about a second's worth and no more.
async fn connect(address: SocketAddr, read_rate: Option<Bandwidth>) -> io::Result<TcpStream> {
    let Some(rate) = read_rate else { return TcpStream::connect(address).await };
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    let second = u32::try_from(rate.as_bytes_per_second()).unwrap_or(u32::MAX);
    socket.set_recv_buffer_size(second.clamp(SLOW_BUFFER_MIN, SLOW_BUFFER_MAX))?;
    socket.connect(address).await
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
