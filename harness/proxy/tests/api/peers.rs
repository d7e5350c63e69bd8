//! Clients and servers at the two ends of a proxy.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::LONG;

/// A server that sends back what it gets, and ends when its client does. It lives as long as the test program.
pub fn echo() -> SocketAddr {
    serve(|mut stream| {
        let mut out = stream.try_clone().unwrap();
        let _ = std::io::copy(&mut stream, &mut out);
        let _ = out.shutdown(Shutdown::Write);
    })
}

/// One that also tells all that it got over a connection, when that ends.
pub fn telling_echo() -> (SocketAddr, mpsc::Receiver<Vec<u8>>) {
    let (tell, told) = mpsc::channel();
    let address = serve(move |mut stream| {
        let (mut got, mut bytes) = (Vec::new(), [0; 4_096]);
        while let Ok(read @ 1..) = stream.read(&mut bytes) {
            got.extend_from_slice(&bytes[..read]);
            if stream.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        drop(stream);
        let _ = tell.send(got);
    });
    (address, told)
}

/// A server that sends back what it gets in capitals. It lives as long as the test program.
pub fn shout() -> SocketAddr {
    serve(|mut stream| {
        let mut bytes = [0; 1_024];
        while let Ok(read @ 1..) = stream.read(&mut bytes) {
            bytes[..read].make_ascii_uppercase();
            if stream.write_all(&bytes[..read]).is_err() {
                return;
            }
        }
    })
}

/// A server that reads nothing; connections stay open as long as what it returns.
pub fn sink() -> (SocketAddr, mpsc::Receiver<TcpStream>) {
    let (keep, kept) = mpsc::channel();
    (serve(move |stream| drop(keep.send(stream))), kept)
}

/// A server that does this with every connection.
pub fn serve(talk: impl Fn(TcpStream) + Send + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let talk = talk.clone();
            thread::spawn(move || talk(stream));
        }
    });
    address
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Whether what is sent comes back.
pub fn echoes(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    let mut back = vec![0; bytes.len()];
    stream.write_all(bytes).is_ok() && stream.read_exact(&mut back).is_ok() && back == bytes
}

/// Whether a connection ends with a RST.
pub fn is_reset(stream: &mut TcpStream) -> bool {
    stream.read(&mut [0; 64]).is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

/// Waits until something holds.
#[expect(clippy::disallowed_methods, reason = "a test waits in real time")]
pub fn wait(mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + LONG;
    while Instant::now() < end {
        if holds() {
            return true;
        }
        thread::park_timeout(Duration::from_millis(10));
    }
    false
}
