//! Datagrams: each exchange is one datagram there and one back, on a socket of its own.
//!
//! UDP has no connections that could be closed when they are in doubt, so nothing is kept: the answer to an exchange can only
//! come to its own port, which nobody listens on once the exchange is over, and which this load does not use again soon (see
//! [`Ports`]). A late answer, or the copy of one, counts for nothing.

mod client;
mod ports;

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use shakedown_scenarios::units::Span;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::task::coop::consume_budget;

pub(crate) use self::client::UdpClient;
use self::ports::Ports;
use crate::alarm::Alarm;
use crate::backoff;
use crate::client::ErrorClass;
use crate::client::telling::of_system;
use crate::lane::Lane;
use crate::mix::Ask;
use crate::shared::{Buffers, Shared};

/// How often a socket is asked for until its port is a fresh one. Where most ports of the system are taken or were just used,
/// the last one is as good as any.
const TRIES: usize = 16;

impl Lane for UdpClient {
    type Common = std::cell::RefCell<Ports>;

    fn holds(&self) -> bool {
        false
    }

    fn has_key(&self, kind: usize) -> bool {
        self.has_key(kind)
    }

    fn serve(
        shared: Rc<Shared<Self>>,
        seat: usize,
        first: Option<Ask>,
    ) -> impl Future<Output = ()> + 'static {
        let alarm = Alarm::new(shared.clock);
        Seat { shared, seat, alarm, failures: 0, trouble: None }.serve(first)
    }
}

/// One seat: a place for one exchange at a time.
struct Seat {
    shared: Rc<Shared<UdpClient>>,
    seat: usize,
    alarm: Alarm,
    failures: u32,
    /// What became of the present exchange, in words.
    trouble: Option<String>,
}

// === impl Seat ===

impl Seat {
    async fn serve(mut self, first: Option<Ask>) {
        let mut next = first;
        loop {
            if let Some(ask) = next {
                self.take_up(ask).await;
                self.shared.rest(self.failures).await;
            }
            consume_budget().await;
            next = Some(self.shared.next_or_handed(self.seat).await);
        }
    }

    async fn take_up(&mut self, ask: Ask) {
        let sent = self.shared.begin();
        self.trouble = None;
        let verdict = self.exchange(&ask, sent.saturating_add(self.shared.timeout)).await;
        let done = self.shared.clock.now();
        let verdict = self.shared.end(&ask, (sent, done), None, verdict, |class| self.why(class));
        self.failures = backoff::in_a_row(self.failures, verdict);
    }

    /// Why the present exchange failed so, for people.
    fn why(&self, class: ErrorClass) -> String {
        let timeout = Span::nanos(self.shared.timeout);
        match (&self.trouble, class) {
            (Some(trouble), _) => trouble.clone(),
            (None, ErrorClass::Timeout) => format!("no datagram came within {timeout}"),
            (None, class) => format!("an error of class {}", class.word()),
        }
    }

    /// The class of an error of the socket, whose words are kept.
    fn unsent(&mut self, error: &io::Error) -> ErrorClass {
        self.trouble = Some(format!("{}: {}", self.shared.address, of_system(error)));
        unsent(error)
    }

    async fn exchange(&mut self, ask: &Ask, deadline: u64) -> Result<(), ErrorClass> {
        let opened = open(self.shared.address, &mut self.shared.common.borrow_mut());
        let socket = opened.and_then(UdpSocket::from_std).map_err(|error| self.unsent(&error))?;
        let sent = poll_fn(|context| self.poll_send(&socket, ask, deadline, context)).await;
        sent.map_err(|error| self.unsent(&error))?;
        self.answer(&socket, ask, deadline).await
    }

    /// Sends the whole datagram; the system may be out of room for it for a moment.
    fn poll_send(
        &mut self,
        socket: &UdpSocket,
        ask: &Ask,
        deadline: u64,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let output = &mut self.shared.buffers.borrow_mut().output;
        output.clear();
        self.shared.client.render(ask, output);
        match socket.poll_send(context, output) {
            Poll::Ready(sent) => Poll::Ready(sent.map(drop)),
            Poll::Pending => {
                ready!(self.alarm.poll_expired(deadline, context));
                Poll::Ready(Err(ErrorKind::TimedOut.into()))
            }
        }
    }

    /// Waits for the first datagram that comes, or the word that none will.
    async fn answer(&mut self, socket: &UdpSocket, ask: &Ask, deadline: u64) -> Result<(), ErrorClass> {
        loop {
            let ready = tokio::select! {
                biased;
                ready = socket.ready(Interest::READABLE | Interest::ERROR) => ready.map_err(|error| self.unsent(&error))?,
                () = poll_fn(|context| self.alarm.poll_expired(deadline, context)) => return Err(ErrorClass::Timeout),
            };
            if let Some(verdict) = self.read(socket, ask) {
                return verdict;
            }
            if ready.is_error() {
                told(socket).map_err(|error| self.unsent(&error))?;
            }
        }
    }

    /// Reads what came, if anything did.
    fn read(&mut self, socket: &UdpSocket, ask: &Ask) -> Option<Result<(), ErrorClass>> {
        let shared = Rc::clone(&self.shared);
        let Buffers { input, .. } = &mut *shared.buffers.borrow_mut();
        match socket.try_recv(input) {
            Ok(length) => {
                shared.received(length);
                let why = shared.client.wrong(ask, &input[..length]);
                self.trouble = why;
                Some(if self.trouble.is_none() { Ok(()) } else { Err(ErrorClass::Check) })
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => Some(Err(self.unsent(&error))),
        }
    }
}

/// What ICMP told a socket. That makes it ready for an error and not for reading; the runtime believes it until it is told
/// that it is over.
fn told(socket: &UdpSocket) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.try_io(Interest::ERROR, || Err::<(), _>(ErrorKind::WouldBlock.into())) {
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

/// A socket that hears only this address, on a port that was not used lately.
fn open(address: SocketAddr, ports: &mut Ports) -> io::Result<std::net::UdpSocket> {
    let mut tries = 0;
    loop {
        tries += 1;
        let socket = match address {
            SocketAddr::V4(_) => std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => std::net::UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
        }?;
        let port = socket.local_addr()?.port();
        // A socket on the target's own port might hear itself, and answer for a target that is not there.
        let is_own = port == address.port();
        if !is_own && (ports.take(port) || tries >= TRIES) {
            socket.connect(address)?;
            socket.set_nonblocking(true)?;
            return Ok(socket);
        }
        if tries >= TRIES * TRIES {
            return Err(ErrorKind::AddrNotAvailable.into());
        }
    }
}

/// The class of an error of a socket: ICMP says that nobody listens there, or there is no way.
fn unsent(error: &io::Error) -> ErrorClass {
    match error.kind() {
        ErrorKind::ConnectionRefused => ErrorClass::Refused,
        ErrorKind::TimedOut => ErrorClass::Timeout,
        _ => ErrorClass::Dial,
    }
}
