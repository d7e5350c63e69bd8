//! One connection of a client: which version it speaks, and from there on its own way.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::{Shared, http1, http2};
use crate::clock::now;

/// What a client that knows that we speak HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Which version a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// Counts a connection as open for as long as it lives.
pub(super) struct Open(Arc<Shared>);

// === impl Open ===

impl Open {
    pub(super) fn new(shared: Arc<Shared>) -> Arc<Self> {
        shared.counters.open.fetch_add(1, Relaxed);
        Arc::new(Self(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters.open.fetch_sub(1, Relaxed);
    }
}

pub(super) async fn run(shared: Arc<Shared>, mut stream: TcpStream) {
    let open = Open::new(Arc::clone(&shared));
    // Nothing of ours may hold back what a sender sent.
    let _ = stream.set_nodelay(true);
    // One that is gone for good says so to nobody who neither writes nor asks.
    let _ = SockRef::from(&stream).set_tcp_keepalive(&shared.limits.probes());
    let give_up = now() + shared.limits.head_within.duration();
    let mut input = BytesMut::new();
    match tokio::time::timeout_at(give_up, listen(&mut stream, &mut input)).await {
        Ok(Some(Version::Http1)) => http1::run(shared, open, stream, input).await,
        Ok(Some(Version::Http2)) => http2::run(shared, open, stream, input).await,
        // It went away, or it said nothing for too long.
        Ok(None) | Err(_) => {}
    }
}

/// Reads until it is clear which version this is; `None` if the client ends before.
async fn listen(stream: &mut TcpStream, input: &mut BytesMut) -> Option<Version> {
    loop {
        match version(input) {
            Some(version) => return Some(version),
            None => match stream.read_buf(input).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            },
        }
    }
}

fn version(input: &[u8]) -> Option<Version> {
    let common = input.len().min(PREFACE.len());
    if input[..common] != PREFACE[..common] {
        Some(Version::Http1)
    } else {
        (common == PREFACE.len()).then_some(Version::Http2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_clear_as_soon_as_it_can_be() {
        assert_eq!(version(b""), None);
        assert_eq!(version(b"P"), None);
        assert_eq!(version(b"PO"), Some(Version::Http1));
        assert_eq!(version(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"), None);
        assert_eq!(version(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore"), Some(Version::Http2));
        assert_eq!(version(b"PRI * HTTP/1.1\r\n"), Some(Version::Http1));
    }
}
