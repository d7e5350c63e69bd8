//! Where a proxy connects to: an address, or a name that is looked up anew for each connection.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;

/// Where a proxy connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// An address.
    Address(SocketAddr),
    /// `host:port`. It is looked up for each connection, never by whoever makes the proxy, so that a name that
    /// cannot be found fails connections and nothing else.
    Name(String),
}

/// Looks names up, one after the other, on a thread of its own: the system's resolver may take its time.
#[derive(Debug)]
pub(super) struct Resolver<T> {
    asks: mpsc::Sender<(String, T)>,
}

// === impl Upstream ===

impl From<SocketAddr> for Upstream {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl From<String> for Upstream {
    fn from(text: String) -> Self {
        text.parse().map_or(Self::Name(text), Self::Address)
    }
}

impl From<&str> for Upstream {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

// === impl Resolver ===

impl<T: Send + 'static> Resolver<T> {
    /// Starts the thread. It ends with the last ask.
    pub(super) fn start(answer: impl Fn(T, io::Result<SocketAddr>) + Send + 'static) -> io::Result<Self> {
        let (asks, questions) = mpsc::channel::<(String, T)>();
        std::thread::Builder::new().name("shakedown-names".to_owned()).spawn(move || {
            for (name, whose) in questions {
                answer(whose, look_up(&name));
            }
        })?;
        Ok(Self { asks })
    }

    /// Asks for a name; the answer comes to `answer`.
    pub(super) fn ask(&self, name: &str, whose: T) {
        // It fails only if the thread is gone, and then the connection ends at its dial timeout.
        let _ = self.asks.send((name.to_owned(), whose));
    }
}

fn look_up(name: &str) -> io::Result<SocketAddr> {
    let none = || io::Error::new(io::ErrorKind::NotFound, format!("`{name}` has no address"));
    name.to_socket_addrs()?.next().ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_and_a_name_is_kept_as_it_stands() {
        assert_eq!(Upstream::from("127.0.0.1:80"), Upstream::Address(([127, 0, 0, 1], 80).into()));
        assert_eq!(Upstream::from("localhost:80").to_string(), "localhost:80");
        assert_eq!(Upstream::from("nonsense"), Upstream::Name("nonsense".to_owned()));
    }

    #[test]
    fn names_are_looked_up_and_what_has_none_says_so() {
        let (send, receive) = mpsc::channel();
        let resolver = Resolver::start(move |whose, found| send.send((whose, found)).unwrap()).unwrap();
        resolver.ask("localhost:7", 1);
        resolver.ask("no port", 2);
        let (whose, found) = receive.recv().unwrap();
        assert_eq!((whose, found.unwrap().port()), (1, 7));
        let (whose, found) = receive.recv().unwrap();
        assert!(whose == 2 && found.is_err());
    }
}
