//! The server behind a proxy: it answers every so many bytes with the same few. One thread, whatever the connections.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Socket, Type};

use super::machine::pin;

/// What is said and what is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) ask: &'static [u8],
    pub(super) answer: &'static [u8],
}

/// A running server. Dropping it ends it and its connections.
#[derive(Debug)]
pub(super) struct Responder {
    pub(super) address: SocketAddr,
    accepted: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

/// What its thread holds.
struct Serving {
    exchange: Exchange,
    listener: TcpListener,
    epoll: Epoll,
    connections: BTreeMap<u64, Connection>,
    accepted: Arc<AtomicU64>,
    scratch: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// Bytes of a question that is not complete.
    heard: usize,
}

/// How many events are taken at once.
const EVENTS: usize = 256;

/// How soon it notices that it is to stop, in milliseconds.
const LOOKS_UP_AFTER: u16 = 50;

// === impl Exchange ===

impl Exchange {
    /// A byte each way.
    pub(super) const BYTE: Self = Self { ask: b"?", answer: b"!" };

    /// 64 bytes each way.
    pub(super) const SMALL: Self = Self { ask: &[b'?'; 64], answer: &[b'!'; 64] };
}

// === impl Responder ===

impl Responder {
    /// Starts one, on one core if that is asked.
    pub(super) fn start(exchange: Exchange, core: Option<usize>) -> anyhow::Result<Self> {
        let listener = listener()?;
        let address = listener.local_addr()?;
        let accepted = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&listener, readable(&listener))?;
        let serving = Serving {
            exchange,
            listener,
            epoll,
            connections: BTreeMap::new(),
            accepted: Arc::clone(&accepted),
            scratch: vec![0; 1 << 16],
        };
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("responder".to_owned()).spawn(move || {
            core.map_or(Ok(()), pin)?;
            serving.run(&stopped)
        })?;
        Ok(Self { address, accepted, stop, thread: Some(thread) })
    }

    /// How many connections came so far.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

// === impl Serving ===

impl Serving {
    fn run(mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS];
        let door = self.listener.as_raw_fd() as u64;
        while !stop.load(Relaxed) {
            let count = self.epoll.wait(&mut events, EpollTimeout::from(LOOKS_UP_AFTER))?;
            for event in &events[..count] {
                match event.data() == door {
                    true => self.accept()?,
                    false => self.serve(event.data()),
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> anyhow::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            self.epoll.add(&stream, readable(&stream))?;
            self.connections.insert(stream.as_raw_fd() as u64, Connection { stream, heard: 0 });
            self.accepted.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// A connection that ends, or does not take its answers, is closed.
    fn serve(&mut self, number: u64) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if connection.answer(self.exchange, &mut self.scratch).is_none() {
            self.connections.remove(&number);
        }
    }
}

// === impl Connection ===

impl Connection {
    fn answer(&mut self, exchange: Exchange, scratch: &mut [u8]) -> Option<()> {
        let count = self.stream.read(scratch).ok().filter(|count| *count > 0)?;
        self.heard += count;
        while self.heard >= exchange.ask.len() {
            self.heard -= exchange.ask.len();
            self.stream.write_all(exchange.answer).ok()?;
        }
        Some(())
    }
}

/// A listener with room for thousands that come at once.
fn listener() -> anyhow::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Asks to be told when a socket can be read, under its own number.
pub(super) fn readable(socket: &impl std::os::fd::AsRawFd) -> EpollEvent {
    EpollEvent::new(EpollFlags::EPOLLIN, socket.as_raw_fd() as u64)
}
