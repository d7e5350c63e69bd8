//! One kept connection: dials when it must, sends, reads, gives up in time, and dials again after a failure.
//!
//! A connection serves one request after the other and never two at once. Whatever leaves it in doubt (a timeout, a
//! broken answer, bytes that nobody asked for) closes it, so that the answer to one request is never taken for that
//! to the next. It keeps no buffer of its own: bytes are read into one that all connections of the thread share.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until};

use crate::client::{Client, ErrorClass, Reading};
use crate::mix::Ask;
use crate::recorder::Course;
use crate::shared::Shared;

/// One connection and the task that serves it.
pub(crate) struct Connection<C: Client> {
    shared: Rc<Shared<C>>,
    seat: usize,
    stream: Option<TcpStream>,
    answer: C::Answer,
    /// What the socket did not take at once of a request.
    unsent: Vec<u8>,
    /// Fires at or before the deadline of the present request and is then set anew: moving it for each request would
    /// cost more than the request's own book-keeping.
    alarm: Pin<Box<Sleep>>,
    failures: u32,
}

/// What became of a read.
enum Read {
    /// Bytes came; whether there may be more at once.
    Some { reading: Reading, more: bool },
    /// Nothing there.
    Nothing,
    /// The target closed its side.
    Closed,
}

impl<C: Client> Connection<C> {
    /// A connection that is not open yet, on this seat.
    pub(crate) fn new(shared: Rc<Shared<C>>, seat: usize) -> Self {
        let answer = shared.client.answer();
        let alarm = Box::pin(sleep_until(shared.clock.deadline(0)));
        Self { shared, seat, stream: None, answer, unsent: Vec::new(), alarm, failures: 0 }
    }

    /// Serves requests, beginning with this one, for as long as the load lives.
    pub(crate) async fn serve(mut self, first: Ask) {
        let mut ask = first;
        loop {
            self.take_up(ask).await;
            self.rest().await;
            let next = self.shared.queue.borrow_mut().take_or_rest(self.seat);
            ask = match next {
                Some(ask) => ask,
                None => self.idle().await,
            };
        }
    }

    async fn take_up(&mut self, ask: Ask) {
        let sent = self.shared.clock.now();
        self.shared.recorder.borrow_mut().sent(sent);
        let verdict = self.exchange(&ask, sent.saturating_add(self.shared.timeout)).await;
        let done = self.shared.clock.now();
        self.failures = match verdict {
            Err(class) if class.is_absence() => self.failures.saturating_add(1),
            _ => 0,
        };
        self.shared.done(Course { due: ask.due, sent, done }, verdict);
    }

    async fn rest(&mut self) {
        if let Some(rest) = self.shared.backoff.rest(self.failures) {
            let until =
                self.shared.clock.now().saturating_add(u64::try_from(rest.as_nanos()).unwrap_or(u64::MAX));
            sleep_until(self.shared.clock.deadline(until)).await;
        }
    }

    /// One request and its answer. The stream is put back only where the next request may use it.
    async fn exchange(&mut self, ask: &Ask, deadline: u64) -> Result<(), ErrorClass> {
        let stream = match self.stream.take().filter(|stream| self.is_fresh(stream)) {
            Some(stream) => stream,
            None => self.dial(deadline).await?,
        };
        self.send(&stream, ask).map_err(|error| broken(&error))?;
        let (verdict, keep) = self.receive(&stream, deadline).await?;
        if keep && self.unsent.is_empty() {
            self.stream = Some(stream);
        }
        verdict
    }

    async fn dial(&mut self, deadline: u64) -> Result<TcpStream, ErrorClass> {
        let connect = TcpStream::connect(self.shared.address);
        let stream = tokio::select! {
            biased;
            stream = connect => stream.map_err(|error| undialled(&error))?,
            () = expired(&self.shared, &mut self.alarm, deadline) => return Err(ErrorClass::Timeout),
        };
        // Where nobody listens on a port from which the system also serves outgoing connections, TCP may connect a
        // socket to itself: it would echo requests, and keep the target from coming back to its port.
        if stream.local_addr().is_ok_and(|local| local == self.shared.address) {
            // Without this the port would stay taken for a minute; if it fails, it just does.
            let _ = stream.set_zero_linger();
            return Err(ErrorClass::Refused);
        }
        // A request is one write, and is to leave at once; if the option fails, latencies show it.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// Renders a request and sends what the socket takes of it now.
    fn send(&mut self, stream: &TcpStream, ask: &Ask) -> io::Result<()> {
        let output = &mut self.shared.buffers.borrow_mut().output;
        output.clear();
        self.shared.client.ask(ask, &mut self.answer, output);
        let sent = taken(stream.try_write(output))?;
        self.unsent.clear();
        self.unsent.extend_from_slice(&output[sent..]);
        Ok(())
    }

    /// Sends the rest of the request, if there is one, and reads until the answer is whole; an answer may come first.
    async fn receive(
        &mut self,
        stream: &TcpStream,
        deadline: u64,
    ) -> Result<(Result<(), ErrorClass>, bool), ErrorClass> {
        if self.unsent.is_empty() && self.shared.client.whole_at_once(&self.answer) {
            return Ok((Ok(()), true));
        }
        loop {
            let interest = if self.unsent.is_empty() {
                Interest::READABLE
            } else {
                Interest::READABLE | Interest::WRITABLE
            };
            tokio::select! {
                biased;
                ready = stream.ready(interest) => { ready.map_err(|error| broken(&error))?; }
                () = expired(&self.shared, &mut self.alarm, deadline) => return Err(ErrorClass::Timeout),
            }
            // A target that answers before it has read everything may have stopped reading: its answer counts more
            // than that the rest could not be sent.
            let sent = self.send_rest(stream);
            match self.read(stream).map_err(|error| broken(&error))? {
                Read::Some { reading: Reading::Whole { verdict, keep }, .. } => return Ok((verdict, keep)),
                Read::Closed => return Ok((self.shared.client.closed(&mut self.answer), false)),
                Read::Some { reading: Reading::More, more } => {
                    if more {
                        self.let_others_run(deadline).await?;
                    }
                }
                Read::Nothing => sent.map_err(|error| broken(&error))?,
            }
        }
    }

    fn send_rest(&mut self, stream: &TcpStream) -> io::Result<()> {
        if !self.unsent.is_empty() {
            let sent = taken(stream.try_write(&self.unsent))?;
            self.unsent.drain(..sent);
        }
        Ok(())
    }

    fn read(&mut self, stream: &TcpStream) -> io::Result<Read> {
        let input = &mut self.shared.buffers.borrow_mut().input;
        match stream.try_read(input) {
            Ok(0) => Ok(Read::Closed),
            Ok(count) => {
                let now = self.shared.clock.now();
                self.shared.recorder.borrow_mut().received(now, count as u64);
                let reading = self.shared.client.read(&mut self.answer, &input[..count]);
                Ok(Read::Some { reading, more: count == input.len() })
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Read::Nothing),
            Err(error) => Err(error),
        }
    }

    /// A target that sends faster than we read would keep this task running for ever: the others come first, and the
    /// deadline holds for an endless answer too.
    async fn let_others_run(&mut self, deadline: u64) -> Result<(), ErrorClass> {
        tokio::task::yield_now().await;
        if self.shared.clock.now() >= deadline { Err(ErrorClass::Timeout) } else { Ok(()) }
    }

    /// Waits for the next request and watches the open connection meanwhile: a target that closes it between two
    /// requests does nothing wrong.
    async fn idle(&mut self) -> Ask {
        let mut unasked = 0;
        loop {
            let Some(stream) = &self.stream else {
                return self.shared.handed(self.seat).await;
            };
            tokio::select! {
                biased;
                ask = self.shared.handed(self.seat) => return ask,
                ready = stream.readable() => {
                    let keeps = ready.is_ok() && self.discard(stream, &mut unasked);
                    if !keeps {
                        self.stream = None;
                    }
                }
            }
            // Discarding is bounded, but not by anything that would let others run.
            tokio::task::yield_now().await;
        }
    }

    /// Whether a kept connection may still be used, as far as is known without asking the system: mostly the runtime
    /// knows that nothing came since the last read.
    fn is_fresh(&self, stream: &TcpStream) -> bool {
        self.discard(stream, &mut 0)
    }

    /// Reads what nobody asked for; whether the connection may still be used.
    fn discard(&self, stream: &TcpStream, unasked: &mut u64) -> bool {
        let input = &mut self.shared.buffers.borrow_mut().input;
        match stream.try_read(input) {
            Ok(0) => false,
            Ok(count) => {
                let now = self.shared.clock.now();
                self.shared.recorder.borrow_mut().received(now, count as u64);
                *unasked += count as u64;
                *unasked <= self.shared.client.unasked_bytes_max()
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// Returns once the deadline has passed.
async fn expired<C: Client>(shared: &Shared<C>, alarm: &mut Pin<Box<Sleep>>, deadline: u64) {
    loop {
        // The first await of a request whose predecessor set the alarm returns at once or waits for an earlier moment.
        alarm.as_mut().await;
        if shared.clock.now() >= deadline {
            return;
        }
        alarm.as_mut().reset(shared.clock.deadline(deadline));
    }
}

fn taken(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

/// The class of an error on an open connection.
fn broken(error: &io::Error) -> ErrorClass {
    match error.kind() {
        ErrorKind::TimedOut => ErrorClass::Timeout,
        ErrorKind::UnexpectedEof => ErrorClass::Closed,
        _ => ErrorClass::Reset,
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
