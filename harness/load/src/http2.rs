//! HTTP/2: each request is a stream, and several share a connection.
//!
//! The seats of a load are streams here: the first `streams` of them share the first connection, and so on, so that a new one is
//! opened only when the others are full. Frames are the library's; what is asked, what a right answer looks like and what is counted
//! are those of HTTP/1.1.

mod answer;
mod fed;
mod grpc;
mod journey;
mod request;
mod session;
mod slow;
pub(crate) mod talk;

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;

use h2::RecvStream;
use shakedown_scenarios::units::Span;
use tokio::task::coop::consume_budget;

pub(crate) use self::journey::Journeys;
pub(crate) use self::request::Requests;
use self::session::{Failure, Sessions};
use self::talk::Talk;
pub(crate) use self::talk::{Frame, Http2};
use crate::alarm::Alarm;
use crate::backoff;
use crate::client::ErrorClass;
use crate::lane::Lane;
use crate::mix::Ask;
use crate::reading::SlowReading;
use crate::shared::Shared;

impl<T: Talk> Lane for Http2<T> {
    type Common = Sessions;

    fn holds(&self) -> bool {
        false
    }

    fn has_key(&self, kind: usize) -> bool {
        self.talk.has_key(kind)
    }

    fn serve(
        shared: Rc<Shared<Self>>,
        seat: usize,
        first: Option<Ask>,
    ) -> impl Future<Output = ()> + 'static {
        let alarm = Alarm::new(shared.clock);
        let reading = SlowReading::of(shared.clock, shared.habits);
        let (place, answer) = (seat / shared.client.streams(), shared.client.talk.answer());
        let talker = Talker { shared, place, answer, reading, trouble: Cell::default() };
        Seat { talker, seat, alarm, failures: 0 }.serve(first)
    }
}

/// One seat: a place for one stream at a time.
struct Seat<T: Talk> {
    talker: Talker<T>,
    seat: usize,
    alarm: Alarm,
    failures: u32,
}

/// Who asks from a seat.
struct Talker<T: Talk> {
    shared: Rc<Shared<Http2<T>>>,
    /// Which of the load's connections it uses.
    place: usize,
    answer: T::Answer,
    /// Only a slow consumer has one: each of its streams reads at the rate.
    reading: Option<SlowReading>,
    /// What the connection did to the present request, in words.
    trouble: Cell<Option<String>>,
}

// === impl Seat ===

impl<T: Talk> Seat<T> {
    async fn serve(mut self, first: Option<Ask>) {
        let shared = Rc::clone(&self.talker.shared);
        let mut next = first;
        loop {
            if let Some(ask) = next {
                self.take_up_with_what_follows(ask).await;
                shared.rest(self.failures).await;
            }
            consume_budget().await;
            next = Some(shared.next_or_handed(self.seat).await);
        }
    }

    /// One request, and those of the same user that follow it.
    async fn take_up_with_what_follows(&mut self, ask: Ask) {
        let shared = Rc::clone(&self.talker.shared);
        let mut next = Some(ask);
        while let Some(ask) = next {
            let verdict = self.take_up(ask).await;
            let kind = verdict.ok().and_then(|()| shared.client.talk.follows(&ask));
            next = kind.and_then(|kind| shared.follow(kind, &ask));
        }
    }

    async fn take_up(&mut self, ask: Ask) -> Result<(), ErrorClass> {
        let Self { talker, alarm, .. } = self;
        let shared = Rc::clone(&talker.shared);
        let sent = shared.begin();
        let deadline = sent.saturating_add(shared.timeout);
        shared.client.talk.begins(&ask, &mut talker.answer, sent);
        let verdict = tokio::select! {
            biased;
            verdict = talker.exchange(&ask) => verdict,
            () = poll_fn(|context| alarm.poll_expired(deadline, context)) => Err(ErrorClass::Timeout),
        };
        if verdict == Err(ErrorClass::Timeout) {
            shared.common.give_up_silent(talker.place, sent);
        }
        let done = shared.clock.now();
        let within = shared.client.talk.within(&ask);
        let verdict = shared.end(&ask, (sent, done), within, verdict, |class| talker.why(&ask, class));
        self.failures = backoff::in_a_row(self.failures, verdict);
        verdict
    }
}

// === impl Talker ===

impl<T: Talk> Talker<T> {
    /// One request and its answer. What the target says it has not looked at, because it was about to leave, is asked once more on a
    /// new connection, as RFC 9113, section 6.8, allows; its time goes on.
    async fn exchange(&mut self, ask: &Ask) -> Result<(), ErrorClass> {
        match self.once(ask).await {
            Err(Failure::Unseen(_)) => match self.once(ask).await {
                Err(Failure::Unseen(class) | Failure::Of(class)) => Err(class),
                Ok(()) => Ok(()),
            },
            Err(Failure::Of(class)) => Err(class),
            Ok(()) => Ok(()),
        }
    }

    /// Why the present request failed so, for people.
    fn why(&self, ask: &Ask, class: ErrorClass) -> String {
        if let Some(trouble) = self.trouble.take() {
            return trouble;
        }
        let timeout = Span::nanos(self.shared.timeout);
        match (self.shared.client.talk.why(ask, &self.answer, class), class) {
            (Some(why), _) => why,
            (None, ErrorClass::Timeout) => format!("no whole answer within {timeout}"),
            (None, class) => format!("an error of class {}", class.word()),
        }
    }

    async fn once(&mut self, ask: &Ask) -> Result<(), Failure> {
        self.trouble.set(None);
        let Self { shared, place, answer, reading, trouble } = self;
        let client = &shared.client;
        let session = session::open(shared, *place).await.map_err(|undialled| {
            trouble.set(Some(undialled.why));
            Failure::Of(undialled.class)
        })?;
        let told = |error: &h2::Error| trouble.set(Some(error.to_string()));
        let failed = |error: h2::Error| {
            told(&error);
            session.failure(&error)
        };
        let (request, body) = client.request(client.talk.ask(ask, answer).map_err(Failure::Of)?);
        let mut sender = session.sender().await.inspect_err(told).map_err(|error| session.unsent(&error))?;
        let (head, mut sending) = sender.send_request(request, body.is_empty()).map_err(failed)?;
        if !body.is_empty() {
            sending.send_data(body, true).map_err(failed)?;
        }
        let (head, mut body) = head.await.map_err(failed)?.into_parts();
        client.talk.head(ask, answer, head.status, &head.headers);
        let take = |piece: &[u8]| client.talk.body(ask, answer, piece);
        match reading {
            Some(reading) => slow::read(&mut body, reading, take).await,
            None => read(&mut body, take).await,
        }
        .map_err(failed)?;
        let trailers = body.trailers().await.map_err(failed)?;
        client.talk.judge(ask, answer, trailers.as_ref()).map_err(Failure::Of)
    }
}

/// Reads a body to its end, as fast as it comes.
async fn read(body: &mut RecvStream, mut take: impl FnMut(&[u8])) -> Result<(), h2::Error> {
    while let Some(piece) = body.data().await {
        let piece = piece?;
        take(&piece);
        // What was read makes room for more; a stream that has ended meanwhile needs none.
        let _ = body.flow_control().release_capacity(piece.len());
    }
    Ok(())
}
