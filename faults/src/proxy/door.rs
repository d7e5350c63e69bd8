//! A listening socket that can be shut and opened again without ever losing its port.
//!
//! `shutdown` on a listening socket makes the kernel refuse connections while the socket stays bound, as long as its
//! port was asked for by number (Linux: `tcp_disconnect` keeps what `SOCK_BINDPORT_LOCK` guards). While the door is
//! shut the address is not shared either, so that nobody can take the port meanwhile, not even with `SO_REUSEADDR`.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// The kernel cuts this to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// A refusal on the same machine takes microseconds.
const PROBE_TIMEOUT: Duration = Duration::from_millis(200);

/// An answer on the same machine takes microseconds; the kernel sends an unanswered SYN again after a second.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(50);

/// A backlog of none holds one connection, and then the kernel drops what comes.
const MOST_FILLERS: usize = 8;

/// A port that is ours, listened on or not.
#[derive(Debug)]
pub(crate) struct Door {
    socket: Socket,
    address: SocketAddr,
    /// Connections of our own that keep the backlog full.
    fillers: Mutex<Vec<Filler>>,
    /// Nobody may be accepted: that would make room in the backlog.
    dead: AtomicBool,
}

#[derive(Debug)]
struct Filler {
    address: Option<SocketAddr>,
    /// Open as long as the backlog is to be full.
    socket: Option<Socket>,
}

impl Door {
    /// Binds an address and listens on it. Port 0 becomes a free one.
    pub(crate) fn open_at(address: SocketAddr) -> io::Result<Self> {
        let found = bind(address)?;
        // A port that the kernel chose is not kept by a shut socket, so it is asked for again by its number while the
        // first socket still holds it.
        let socket = match address.port() {
            0 => bind(local_address(&found)?)?,
            _ => found,
        };
        let address = local_address(&socket)?;
        let door = Self { socket, address, fillers: Mutex::default(), dead: AtomicBool::new(false) };
        door.open()?;
        Ok(door)
    }

    /// Where it is.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens (again).
    pub(crate) fn open(&self) -> io::Result<()> {
        // Connections of before may linger on this port; without this they would forbid listening.
        self.socket.set_reuse_address(true)?;
        self.socket.listen(BACKLOG)?;
        self.dead.store(false, Release);
        self.fillers().iter_mut().for_each(|filler| filler.socket = None);
        Ok(())
    }

    /// Lets connects get no answer: the backlog is full, and stays so. Says whether a connect of our own got none.
    pub(crate) fn black_hole(&self) -> io::Result<bool> {
        self.dead.store(true, Release);
        let filled = self.fill();
        if filled.is_err() {
            let _ = self.open();
        }
        filled
    }

    /// Whether nobody may be accepted now.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Acquire)
    }

    fn fill(&self) -> io::Result<bool> {
        self.socket.listen(0)?;
        let mut fillers = self.fillers();
        fillers.retain(|filler| filler.socket.is_some());
        for _ in 0..MOST_FILLERS {
            let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, Some(Protocol::TCP))?;
            match socket.connect_timeout(&SockAddr::from(self.reachable()), ANSWER_TIMEOUT) {
                Ok(()) => {
                    let address = socket.local_addr()?.as_socket();
                    fillers.push(Filler { address, socket: Some(socket) });
                }
                Err(error) => return Ok(error.kind() == io::ErrorKind::TimedOut),
            }
        }
        Ok(false)
    }

    /// Whether a connection is one of our own that was only there to be in the way.
    pub(crate) fn is_filler(&self, client: SocketAddr) -> bool {
        let mut fillers = self.fillers();
        let place = fillers.iter().position(|filler| filler.address == Some(client));
        place.map(|place| fillers.swap_remove(place)).is_some()
    }

    fn fillers(&self) -> MutexGuard<'_, Vec<Filler>> {
        // Nothing panics while it is held; if something did, the list would still be whole.
        self.fillers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops listening: connects are refused from now on.
    pub(crate) fn shut(&self) -> io::Result<()> {
        self.socket.set_reuse_address(false)?;
        self.socket.shutdown(Shutdown::Read)
    }

    /// Stops listening for good: connects are refused, and whoever shares addresses may have the port at once, though
    /// this socket and the connections that came through it are not closed yet.
    pub(crate) fn give_up(&self) {
        // Both fail only for a socket that is none.
        let _ = self.socket.set_reuse_address(true);
        let _ = self.socket.shutdown(Shutdown::Read);
    }

    /// Whether the kernel takes connections here.
    pub(crate) fn is_open(&self) -> bool {
        self.socket.is_listener().unwrap_or(false)
    }

    /// The socket itself.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether a connect from this machine is refused at once.
    pub(crate) fn refuses(&self) -> bool {
        let answer = Socket::new(Domain::for_address(self.address), Type::STREAM, Some(Protocol::TCP))
            .and_then(|socket| socket.connect_timeout(&SockAddr::from(self.reachable()), PROBE_TIMEOUT));
        answer.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// The address to reach it from here: "every address" is not one.
    fn reachable(&self) -> SocketAddr {
        let mut address = self.address;
        match address {
            SocketAddr::V4(v4) if v4.ip().is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            SocketAddr::V6(v6) if v6.ip().is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        address
    }
}

fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it: nothing of ours may hold back what a sender sent.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?.as_socket();
    address.ok_or_else(|| io::Error::other("the socket has an address that is not of IP"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener as Plain, TcpStream};

    fn any() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn a_shut_door_refuses_and_an_open_one_does_not() {
        let door = Door::open_at(any()).unwrap();
        for _ in 0..3 {
            assert!(door.is_open() && !door.refuses());
            door.shut().unwrap();
            assert!(!door.is_open() && door.refuses());
            door.open().unwrap();
        }
        TcpStream::connect(door.address()).unwrap();
    }

    #[test]
    fn nobody_takes_the_port_while_it_is_shut() {
        let door = Door::open_at(any()).unwrap();
        let live = TcpStream::connect(door.address()).unwrap();
        door.shut().unwrap();
        // The standard library's listener shares addresses, as most servers do.
        assert_eq!(Plain::bind(door.address()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        door.open().unwrap();
        drop(live);
    }

    #[test]
    fn a_taken_port_is_an_error_that_says_so() {
        let taken = Plain::bind(any()).unwrap();
        let error = Door::open_at(taken.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_port_that_was_given_up_can_be_had_while_its_connections_live() {
        for shut_before in [false, true] {
            let door = Door::open_at(any()).unwrap();
            let client = TcpStream::connect(door.address()).unwrap();
            let served = door.socket.accept().unwrap();
            if shut_before {
                door.shut().unwrap();
            }
            door.give_up();
            let again = Door::open_at(door.address()).unwrap();
            assert!(again.is_open() && !door.is_open());
            drop((client, served));
        }
    }

    #[test]
    fn a_fixed_port_can_be_listened_on_again_right_after_use() {
        let door = Door::open_at(any()).unwrap();
        let address = door.address();
        let client = TcpStream::connect(address).unwrap();
        let (served, _) = door.socket.accept().unwrap();
        // The side that closes first keeps the port in TIME_WAIT.
        drop(served);
        drop(client);
        drop(door);
        Door::open_at(address).unwrap();
    }
}
