//! A page with the figures on a loopback port, for programs that serve no HTTP themselves.
//!
//! One thread answers one request after the other. It is made for a scraper that asks every few seconds; a client that
//! dawdles is left after [`PATIENCE`]. Only this machine can ask, and only under a name of this machine, so that no page
//! in a browser can read the figures under a name of its own.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::text::Vitals;

/// How long a client may take between two pieces of its request.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest head of a request.
const HEAD_MAX: usize = 8 * 1024;

/// A page that is served until this is dropped.
#[derive(Debug)]
#[must_use = "the page is served only while this lives"]
pub struct Serving {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Serves the figures as `/metrics` on a loopback address; port 0: a free one.
///
/// # Errors
/// When the address is not on the loopback, or is taken, or the system has no thread left.
pub fn serve(vitals: Vitals, address: SocketAddr) -> io::Result<Serving> {
    if !address.ip().is_loopback() {
        let why = format!("expected an address on the loopback, such as 127.0.0.1:9100, found {address}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let listener = TcpListener::bind(address)?;
    let (address, over) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
    let told = Arc::clone(&over);
    let answer_on = move || {
        for stream in listener.incoming() {
            if told.load(Ordering::Relaxed) {
                return;
            }
            // A client that goes away in the middle of something is its own affair; so is one that was never there.
            if let Ok(stream) = stream {
                let _ = answer(stream, &vitals);
            }
        }
    };
    let thread = thread::Builder::new().name("vitals".to_owned()).spawn(answer_on)?;
    Ok(Serving { address, over, thread: Some(thread) })
}

fn answer(mut stream: TcpStream, vitals: &Vitals) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (mut head, mut piece) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut piece)?;
        if read == 0 || head.len() + read > HEAD_MAX {
            return Ok(());
        }
        head.extend_from_slice(&piece[..read]);
    }
    let (status, kind, body) = match asked(&String::from_utf8_lossy(&head)) {
        Asked::Figures => ("200 OK", Vitals::CONTENT_TYPE, vitals.text()),
        Asked::Elsewhere => ("404 Not Found", "text/plain", "expected GET /metrics\n".to_owned()),
        Asked::UnderAnotherName => {
            ("403 Forbidden", "text/plain", "expected a Host of this machine, such as localhost\n".to_owned())
        }
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes())
}

/// What a request is for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Figures,
    Elsewhere,
    UnderAnotherName,
}

fn asked(head: &str) -> Asked {
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let host =
        lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("host"));
    if !host.is_some_and(|(_, host)| is_of_this_machine(host.trim())) {
        Asked::UnderAnotherName
    } else if method == "GET" && path.split('?').next() == Some("/metrics") {
        Asked::Figures
    } else {
        Asked::Elsewhere
    }
}

fn is_of_this_machine(host: &str) -> bool {
    let name =
        host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

// === impl Serving ===

impl Serving {
    /// Where it is served.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // The thread waits for a client: this is the last one.
        if TcpStream::connect_timeout(&self.address, PATIENCE).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn get(address: SocketAddr, head: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn the_page_is_there_until_it_is_dropped() {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let serving = serve(Vitals::new().gauge("x_items", "x", || 1.0), free).unwrap();
        let address = serving.address();
        // Somebody who never says what they want holds nobody up for long.
        let _mute = TcpStream::connect(address).unwrap();
        let page = get(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("\nx_items 1\n"), "{page}");
        assert!(get(address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 404 "));
        assert!(
            get(address, "GET /metrics HTTP/1.1\r\nHost: evil.test\r\n\r\n").starts_with("HTTP/1.1 403 ")
        );
        assert!(get(address, "GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 403 "));
        drop(serving);
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn nothing_is_served_to_other_machines() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let error = serve(Vitals::new(), address.parse().unwrap()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{address}");
        }
    }

    #[test]
    fn only_names_of_this_machine_count() {
        for host in ["localhost", "LocalHost:80", "127.0.0.1:9100", "[::1]:80", "[::1]"] {
            assert!(is_of_this_machine(host), "{host}");
        }
        for host in ["", "localhost.evil.test", "evil.test:80", "10.0.0.1", "0.0.0.0:80", "localhost:80:x"] {
            assert!(!is_of_this_machine(host), "{host}");
        }
    }
}
