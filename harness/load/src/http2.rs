//! HTTP/2: each request is a stream, and several share a connection.
//!
//! The seats of a load are streams here: the first `streams` of them share the first connection, and so on, so that a new one is
//! opened only when the others are full. Frames are the library's; what is asked, what a right answer looks like and what is counted
//! are those of HTTP/1.1.

mod answer;
mod fed;
mod grpc;
mod request;
mod session;

use std::future::poll_fn;
use std::rc::Rc;

use tokio::task::coop::consume_budget;

use self::answer::Reader;
pub(crate) use self::request::{Frame, Http2Client};
use self::session::{Failure, Sessions};
use crate::alarm::Alarm;
use crate::backoff;
use crate::client::ErrorClass;
use crate::lane::Lane;
use crate::mix::Ask;
use crate::shared::Shared;

impl Lane for Http2Client {
    type Common = Sessions;

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
        let place = seat / shared.client.streams();
        Seat { shared, seat, place, alarm, failures: 0, reader: Reader::default() }.serve(first)
    }
}

/// One seat: a place for one stream at a time.
struct Seat {
    shared: Rc<Shared<Http2Client>>,
    seat: usize,
    /// Which of the load's connections it uses.
    place: usize,
    alarm: Alarm,
    failures: u32,
    reader: Reader,
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
        let deadline = sent.saturating_add(self.shared.timeout);
        let Self { shared, place, alarm, reader, .. } = self;
        let verdict = tokio::select! {
            biased;
            verdict = exchange(shared, *place, &ask, reader) => verdict,
            () = poll_fn(|context| alarm.poll_expired(deadline, context)) => Err(ErrorClass::Timeout),
        };
        if verdict == Err(ErrorClass::Timeout) {
            self.shared.common.give_up_silent(self.place, sent);
        }
        let done = self.shared.clock.now();
        let verdict = self.shared.end(&ask, (sent, done), self.shared.client.within(&ask), verdict);
        self.failures = backoff::in_a_row(self.failures, verdict);
    }
}

/// One request and its answer. What the target says it has not looked at, because it was about to leave, is asked once more on a new
/// connection, as RFC 9113, section 6.8, allows; its time goes on.
async fn exchange(
    shared: &Rc<Shared<Http2Client>>,
    place: usize,
    ask: &Ask,
    reader: &mut Reader,
) -> Result<(), ErrorClass> {
    match once(shared, place, ask, reader).await {
        Err(Failure::Unseen(_)) => match once(shared, place, ask, reader).await {
            Err(Failure::Unseen(class) | Failure::Of(class)) => Err(class),
            Ok(()) => Ok(()),
        },
        Err(Failure::Of(class)) => Err(class),
        Ok(()) => Ok(()),
    }
}

async fn once(
    shared: &Rc<Shared<Http2Client>>,
    place: usize,
    ask: &Ask,
    reader: &mut Reader,
) -> Result<(), Failure> {
    let session = session::open(shared, place).await.map_err(Failure::Of)?;
    let failed = |error: h2::Error| session.failure(&error);
    let (request, body) = shared.client.request(ask);
    let mut sender = session.sender().await?;
    let (answer, mut sending) = sender.send_request(request, body.is_empty()).map_err(failed)?;
    if !body.is_empty() {
        sending.send_data(body, true).map_err(failed)?;
    }
    let (head, mut body) = answer.await.map_err(failed)?.into_parts();
    let expected = shared.client.expected(ask);
    reader.begin(expected, head.status, &head.headers);
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(failed)?;
        reader.body(expected, &piece);
        // What was read makes room for more; a stream that has ended meanwhile needs none.
        let _ = body.flow_control().release_capacity(piece.len());
    }
    let trailers = body.trailers().await.map_err(failed)?;
    reader.judge(expected, trailers.as_ref()).map_err(Failure::Of)
}
