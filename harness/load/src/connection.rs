//! One kept connection: dials when it must, sends, reads, gives up in time, and dials again after a failure.
//!
//! A connection serves one request after the other and never two at once. Whatever leaves it in doubt (a timeout, a
//! broken answer, bytes that nobody asked for) closes it, so that the answer to one request is never taken for that
//! to the next. It keeps no buffer of its own: bytes are read into one that all connections of the thread share.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use shakedown_scenarios::units::Span;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::consume_budget;

use crate::alarm::Alarm;
use crate::backoff;
use crate::client::telling::{QUOTED_BYTES_KEPT, bytes, of_system, quoted};
use crate::client::{Client, ErrorClass, Reading};
use crate::dial::{Sealing, broken, dial};
use crate::mix::Ask;
use crate::reading::SlowReading;
use crate::shared::{Buffers, Shared};
use crate::stream::Stream;

/// One connection and the task that serves it.
pub(crate) struct Connection<C: Client> {
    shared: Rc<Shared<C>>,
    seat: usize,
    stream: Option<Stream>,
    answer: C::Answer,
    /// What the socket did not take at once of a request, or of a reply to what came.
    unsent: Vec<u8>,
    alarm: Alarm,
    failures: u32,
    /// Requests that the present stream was asked.
    asked: u32,
    /// Whether any of the present request may have reached the target.
    was_sent: bool,
    /// Whether our side of the present stream was closed.
    is_ended: bool,
    /// When the answer was whole, as far as that is noted.
    arrived: Option<u64>,
    /// Bytes of the present answer.
    read: usize,
    /// Only a slow consumer has one.
    reading: Option<SlowReading>,
    /// What the network did to the present request, in words.
    trouble: Option<String>,
    /// Where what came is not the protocol, the beginning of the piece in which that was found.
    strange: Vec<u8>,
}

/// The verdict on an answer, and whether the connection may take the next request.
type Answered = (Result<(), ErrorClass>, bool);

/// What came of waiting for an answer.
enum Step {
    /// It is over.
    Over(Answered),
    /// Bytes came, and there may be more at once.
    More,
}

impl<C: Client> Connection<C> {
    /// A connection that is not open yet, on this seat.
    pub(crate) fn new(shared: Rc<Shared<C>>, seat: usize) -> Self {
        let answer = shared.client.answer();
        let reading = SlowReading::of(shared.clock, shared.habits);
        let alarm = Alarm::new(shared.clock);
        Self {
            shared,
            seat,
            stream: None,
            answer,
            unsent: Vec::new(),
            alarm,
            failures: 0,
            asked: 0,
            was_sent: false,
            is_ended: false,
            arrived: None,
            read: 0,
            reading,
            trouble: None,
            strange: Vec::new(),
        }
    }

    /// Serves requests for as long as the load lives, beginning with this one; without one the connection is opened first.
    pub(crate) async fn serve(mut self, first: Option<Ask>) {
        let mut next = first;
        loop {
            match next {
                Some(ask) => {
                    self.take_up_with_what_follows(ask).await;
                    self.shared.rest(self.failures).await;
                }
                None => self.hold().await,
            }
            // Where nothing is waited for on the way (an exchange without an answer), the others come first all the same.
            consume_budget().await;
            next = Some(match self.shared.next(self.seat) {
                Some(ask) => ask,
                None => self.free().await,
            });
        }
    }

    /// Waits for the next request; a connection that is held is opened again meanwhile.
    async fn free(&mut self) -> Ask {
        loop {
            if let Some(ask) = self.idle().await {
                return ask;
            }
            self.hold().await;
        }
    }

    /// Opens the connection once, if it is not open; no request is there that this could fail.
    async fn hold(&mut self) {
        if self.stream.is_some() {
            return;
        }
        let deadline = self.shared.clock.now().saturating_add(self.shared.timeout);
        match self.open(deadline).await {
            Ok(stream) => (self.stream, self.failures) = (Some(stream), 0),
            Err(_) => {
                self.failures = self.failures.saturating_add(1);
                self.shared.rest(self.failures).await;
            }
        }
    }

    /// One request, and those of the same user that follow it.
    async fn take_up_with_what_follows(&mut self, ask: Ask) {
        let mut next = Some(ask);
        while let Some(ask) = next {
            let verdict = self.take_up(ask).await;
            let kind = verdict.ok().and_then(|()| self.shared.client.follows(&ask));
            next = kind.and_then(|kind| self.shared.follow(kind, &ask));
        }
    }

    async fn take_up(&mut self, ask: Ask) -> Result<(), ErrorClass> {
        let sent = self.shared.begin();
        self.was_sent = false;
        self.shared.client.begins(&ask, &mut self.answer, self.seat, sent);
        let mut verdict = self.exchange(&ask, sent.saturating_add(self.shared.timeout)).await;
        while let Err(class) = verdict
            && self.was_sent
            && self.shared.client.asks_again(&mut self.answer, class)
        {
            let deadline = self.shared.clock.now().saturating_add(self.shared.timeout);
            verdict = self.exchange(&ask, deadline).await;
        }
        let now = self.shared.clock.now();
        // A history is told in the order in which we learn of things.
        self.shared.client.ends(&mut self.answer, self.was_sent, now);
        let done = self.arrived.map_or(now, |arrived| arrived.clamp(sent, now));
        let within = self.shared.client.within(&ask);
        let verdict = self.shared.end(&ask, (sent, done), within, verdict, |class| self.why(class));
        self.failures = backoff::in_a_row(self.failures, verdict);
        verdict
    }

    /// Why the present request failed so, for people.
    fn why(&self, class: ErrorClass) -> String {
        if let Some(trouble) = &self.trouble {
            return trouble.clone();
        }
        let (timeout, came) = (Span::nanos(self.shared.timeout), bytes(self.read as u64));
        if class == ErrorClass::Timeout && !self.was_sent {
            return format!("no connection within {timeout}");
        }
        match (self.shared.client.why(&self.answer, class), class) {
            (Some(why), ErrorClass::Protocol)
                if !self.strange.is_empty() && self.shared.client.may_quote() =>
            {
                format!("{why}: {}", quoted(&self.strange))
            }
            (Some(why), _) => why,
            (None, ErrorClass::Timeout) => format!("no whole answer within {timeout}: {came} came"),
            (None, ErrorClass::Closed) => format!("closed before the answer was whole: {came} came"),
            (None, class) => format!("an error of class {}: {came} came", class.word()),
        }
    }

    /// The class of an error on an open connection, whose words are kept.
    fn broken(&mut self, error: &io::Error) -> ErrorClass {
        self.trouble = Some(of_system(error));
        broken(error)
    }

    /// One request, over as many connections as it takes.
    async fn exchange(&mut self, ask: &Ask, deadline: u64) -> Result<(), ErrorClass> {
        let mut verdict = self.exchange_once(ask, deadline).await;
        while self.shared.client.goes_on(&mut self.answer, &mut verdict) {
            verdict = self.go_on(deadline).await;
        }
        verdict
    }

    /// The next part of a request, on a connection of its own.
    async fn go_on(&mut self, deadline: u64) -> Result<(), ErrorClass> {
        self.trouble = None;
        let mut stream = self.dial(deadline).await?;
        self.unsent.clear();
        self.say(&stream, |client, answer, out| client.goes_on_with(answer, out))
            .map_err(|error| self.broken(&error))?;
        let (verdict, _) = self.receive(&mut stream, deadline).await?;
        verdict
    }

    /// One request and its answer. The stream is put back only where the next request may use it.
    async fn exchange_once(&mut self, ask: &Ask, deadline: u64) -> Result<(), ErrorClass> {
        self.trouble = None;
        let mut stream = match self.kept().await {
            Some(stream) => stream,
            None => self.open(deadline).await?,
        };
        self.was_sent = true;
        let awake = self.shared.doze.awake_for(ask.kind);
        self.send(&stream, ask).map_err(|error| self.broken(&error))?;
        self.asked = self.asked.saturating_add(1);
        let (verdict, keep) = self.receive(&mut stream, deadline).await?;
        drop(awake);
        self.shared.doze.note(ask.kind, self.read, self.arrived.is_some());
        let is_last = self.shared.habits.requests_per_connection.is_some_and(|most| self.asked >= most);
        if keep && !is_last {
            self.stream = Some(stream);
        }
        verdict
    }

    /// The kept connection, as far as is known still open. That costs no call to the system: the runtime knows whether
    /// anything came since the last read.
    async fn kept(&mut self) -> Option<Stream> {
        let mut stream = self.stream.take()?;
        let state = poll_fn(|context| Poll::Ready(self.poll_unasked(&mut stream, &mut 0, context))).await;
        matches!(state, Poll::Pending | Poll::Ready(true)).then_some(stream)
    }

    /// Dials, and says what comes before the first request.
    async fn open(&mut self, deadline: u64) -> Result<Stream, ErrorClass> {
        let _awake = self.shared.doze.awake();
        let mut stream = self.dial(deadline).await?;
        self.unsent.clear();
        if !self
            .say(&stream, |client, answer, out| client.greet(answer, out))
            .map_err(|error| self.broken(&error))?
        {
            return Ok(stream);
        }
        match self.receive(&mut stream, deadline).await? {
            (Ok(()), true) => Ok(stream),
            (Ok(()), false) => Err(ErrorClass::Closed),
            (Err(class), _) => Err(class),
        }
    }

    async fn dial(&mut self, deadline: u64) -> Result<Stream, ErrorClass> {
        (self.asked, self.is_ended, self.arrived) = (0, false, None);
        let shared = Rc::clone(&self.shared);
        let _awake = shared.doze.awake();
        let asks = shared.client.asks_for_tls();
        let tls = shared.tls.as_ref().map(|connector| Sealing { connector, asks });
        let mut stream = tokio::select! {
            biased;
            stream = dial(shared.address, shared.habits.ahead(), tls) => stream.map_err(|undialled| {
                self.trouble = Some(undialled.why);
                undialled.class
            }),
            () = poll_fn(|context| self.poll_expired(deadline, context)) => Err(ErrorClass::Timeout),
        }?;
        // In the closed model, and for a slow consumer, an answer counts when it was read: what comes next follows from then.
        if shared.users.is_none() && self.reading.is_none() {
            stream.note_arrivals(shared.clock);
        }
        Ok(stream)
    }

    /// Renders a request and sends what the socket takes of it now.
    fn send(&mut self, stream: &Stream, ask: &Ask) -> io::Result<()> {
        self.say(stream, |client, answer, out| client.ask(ask, answer, out))
    }

    /// Sends what the socket takes now of what a client writes, behind what it has not taken before.
    fn say<T>(
        &mut self,
        stream: &Stream,
        write: impl FnOnce(&C, &mut C::Answer, &mut Vec<u8>) -> T,
    ) -> io::Result<T> {
        (self.arrived, self.read) = (None, 0);
        let output = &mut self.shared.buffers.borrow_mut().output;
        output.clear();
        let said = write(&self.shared.client, &mut self.answer, output);
        let sent = if self.unsent.is_empty() { taken(stream.try_write(output))? } else { 0 };
        self.unsent.extend_from_slice(&output[sent..]);
        Ok(said)
    }

    /// Sends the rest of the request, if there is one, and reads until the answer is whole; an answer may come first.
    async fn receive(&mut self, stream: &mut Stream, deadline: u64) -> Result<Answered, ErrorClass> {
        if self.unsent.is_empty() && self.shared.client.whole_at_once(&self.answer) {
            return Ok((Ok(()), true));
        }
        let _awake = (!self.unsent.is_empty()).then(|| self.shared.doze.awake());
        loop {
            match poll_fn(|context| self.poll_receive(stream, deadline, context)).await? {
                Step::Over(answered) => return Ok(answered),
                Step::More => self.let_others_run(deadline).await?,
            }
        }
    }

    fn poll_receive(
        &mut self,
        stream: &mut Stream,
        deadline: u64,
        context: &mut Context<'_>,
    ) -> Poll<Result<Step, ErrorClass>> {
        let mut sent;
        loop {
            sent = self.poll_send_rest(stream, context);
            if matches!(sent, Poll::Ready(Ok(()))) && self.shared.client.whole_at_once(&self.answer) {
                return Poll::Ready(Ok(Step::Over((Ok(()), true))));
            }
            match self.poll_read(stream, context) {
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Ok(Some(step))) => return Poll::Ready(Ok(step)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.broken(&error))),
                Poll::Pending => break,
            }
        }
        // A target that answers before it has read everything may have stopped reading: its answer counts more than
        // that the rest could not be sent.
        if let Poll::Ready(Err(error)) = sent {
            return Poll::Ready(Err(self.broken(&error)));
        }
        ready!(self.poll_expired(deadline, context));
        Poll::Ready(Err(ErrorClass::Timeout))
    }

    fn poll_send_rest(&mut self, stream: &mut Stream, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let sent = ready!(Pin::new(&mut *stream).poll_write(context, &self.unsent))?;
            self.unsent.drain(..sent);
        }
        ready!(Pin::new(&mut *stream).poll_flush(context))?;
        if !self.is_ended && self.shared.client.sends_no_more(&self.answer) {
            ready!(Pin::new(stream).poll_shutdown(context))?;
            self.is_ended = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once; `None` where the answer goes on and nothing more is there.
    fn poll_read(
        &mut self,
        stream: &mut Stream,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Step>>> {
        if let Some(slow) = &mut self.reading {
            ready!(slow.poll_may_read(context));
        }
        let Buffers { input, output } = &mut *self.shared.buffers.borrow_mut();
        let most = self.reading.as_ref().map_or(usize::MAX, SlowReading::piece);
        let most = most.min(input.len());
        let mut input = ReadBuf::new(&mut input[..most]);
        ready!(Pin::new(&mut *stream).poll_read(context, &mut input))?;
        if let Some(slow) = &mut self.reading {
            slow.read(input.filled().len());
        }
        if input.filled().is_empty() {
            return Poll::Ready(Ok(Some(Step::Over((self.shared.client.closed(&mut self.answer), false)))));
        }
        self.shared.received(input.filled().len());
        self.read += input.filled().len();
        output.clear();
        let reading = self.shared.client.read(&mut self.answer, input.filled(), output);
        // An answer to half a request leaves in doubt what the target makes of the rest. A reply can be sent later.
        let is_sent = self.unsent.is_empty() && stream.has_sent_all();
        self.unsent.extend_from_slice(output);
        Poll::Ready(Ok(match reading {
            Reading::Whole { verdict, keep } => {
                self.arrived = stream.arrived();
                if verdict == Err(ErrorClass::Protocol) {
                    let piece = input.filled();
                    self.strange = piece[..piece.len().min(QUOTED_BYTES_KEPT)].to_vec();
                }
                Some(Step::Over((verdict, keep && is_sent)))
            }
            Reading::More => (input.remaining() == 0).then_some(Step::More),
        }))
    }

    /// A target that sends faster than we read would keep this task running for ever: the others come first, and the
    /// deadline holds for an endless answer too.
    async fn let_others_run(&mut self, deadline: u64) -> Result<(), ErrorClass> {
        tokio::task::yield_now().await;
        if self.shared.clock.now() >= deadline { Err(ErrorClass::Timeout) } else { Ok(()) }
    }

    /// Waits for the next request and watches the open connection meanwhile: a target that closes it between two
    /// requests does nothing wrong. Nothing where a connection was lost that is to be held.
    async fn idle(&mut self) -> Option<Ask> {
        let mut unasked = 0;
        poll_fn(|context| {
            if let Some(mut stream) = self.stream.take() {
                match self.poll_unasked(&mut stream, &mut unasked, context) {
                    Poll::Pending => self.stream = Some(stream),
                    Poll::Ready(true) => {
                        self.stream = Some(stream);
                        // There may be more, but others run first.
                        context.waker().wake_by_ref();
                    }
                    Poll::Ready(false) => {}
                }
            }
            match self.shared.poll_handed(self.seat, context) {
                Poll::Ready(ask) => Poll::Ready(Some(ask)),
                Poll::Pending if self.stream.is_none() && self.shared.client.holds() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Reads what nobody asked for, once; whether the connection may be used after that.
    fn poll_unasked(
        &mut self,
        stream: &mut Stream,
        unasked: &mut u64,
        context: &mut Context<'_>,
    ) -> Poll<bool> {
        if let Poll::Ready(Err(_)) = self.poll_send_rest(stream, context) {
            return Poll::Ready(false);
        }
        let Buffers { input, output } = &mut *self.shared.buffers.borrow_mut();
        let mut input = ReadBuf::new(input);
        if ready!(Pin::new(stream).poll_read(context, &mut input)).is_err() || input.filled().is_empty() {
            return Poll::Ready(false);
        }
        self.shared.received(input.filled().len());
        *unasked += input.filled().len() as u64;
        output.clear();
        let keep = self.shared.client.unasked(&mut self.answer, input.filled(), *unasked, output);
        self.unsent.extend_from_slice(output);
        Poll::Ready(keep)
    }

    fn poll_expired(&mut self, deadline: u64, context: &mut Context<'_>) -> Poll<()> {
        self.alarm.poll_expired(deadline, context)
    }
}

fn taken(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
