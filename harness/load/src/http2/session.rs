//! Connections of HTTP/2: opened when needed, shared by their streams, and given up when they are of no use.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::Reason;
use h2::client::{Builder, SendRequest};
use shakedown_scenarios::workload::Habits;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Mutex;
use tokio::task::{AbortHandle, spawn_local};

use super::talk::{Http2, Talk};
use crate::client::ErrorClass;
use crate::dial::{Sealing, Undialled, broken, dial};
use crate::shared::Shared;
use crate::stream::Stream;

/// What a target may send of one answer, and of all answers of a connection, before it was read: where it is read at once this bounds
/// what a flood costs.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// The largest window that there is (RFC 9113, section 6.9.1).
const WINDOW_BYTES_MAX: u32 = (1 << 31) - 1;
/// The most bytes of a head, as for HTTP/1.1.
const HEAD_BYTES_MAX: u32 = 64 * 1024;

/// The connections of one load, by their place. Who waits for one to be opened waits at its place.
#[derive(Default)]
pub(crate) struct Sessions {
    places: RefCell<Vec<Rc<Place>>>,
}

/// Where one connection is.
#[derive(Default)]
struct Place {
    open: Mutex<Option<Rc<Session>>>,
    /// How many openings have failed here, and how the last one did.
    failed: RefCell<(u64, Option<Undialled>)>,
}

/// One open connection. It is closed when its last stream and its place have let it go.
pub(super) struct Session {
    sender: SendRequest<Bytes>,
    driver: AbortHandle,
    facts: Rc<Facts>,
    asked: Cell<u32>,
}

/// What is known of a connection's bytes.
struct Facts {
    /// Why there will be no more of them.
    end: Cell<Option<ErrorClass>>,
    /// When some came last, or else when it was opened; in nanoseconds since the start of the load.
    heard: Cell<u64>,
}

/// Why a request has no answer.
pub(super) enum Failure {
    /// It failed.
    Of(ErrorClass),
    /// The target has not looked at it; failing that, it failed like this.
    Unseen(ErrorClass),
}

/// The open connection at a place; it is opened if there is none that takes another request. Where an opening fails it fails for all who
/// waited for it: trying once for each of them would take so long that a target which is back would not be found.
pub(super) async fn open<T: Talk>(
    shared: &Rc<Shared<Http2<T>>>,
    place: usize,
) -> Result<Rc<Session>, Undialled> {
    let place = shared.common.place(place);
    let failures = place.failed.borrow().0;
    let mut open = place.open.lock().await;
    let most = shared.habits.requests_per_connection.unwrap_or(u32::MAX);
    if let Some(session) = open.as_ref().filter(|session| session.takes(most)) {
        session.asked.set(session.asked.get().saturating_add(1));
        return Ok(Rc::clone(session));
    }
    *open = None;
    if let (now, Some(undialled)) = &*place.failed.borrow()
        && *now != failures
    {
        return Err(undialled.clone());
    }
    let opened = Session::open(shared).await;
    if let Err(undialled) = &opened {
        let mut failed = place.failed.borrow_mut();
        *failed = (failed.0 + 1, Some(undialled.clone()));
    }
    let session = Rc::new(opened?);
    *open = Some(Rc::clone(&session));
    Ok(session)
}

/// The windows of each stream and of a whole connection with so many, in bytes. Where answers are read slowly all streams have room for
/// their own: what waits on one would otherwise keep the others from reading.
fn windows(habits: Habits, streams: usize) -> (u32, u32) {
    let Some(stream) = habits.ahead() else { return (STREAM_WINDOW_BYTES, CONNECTION_WINDOW_BYTES) };
    let all = u64::from(stream).saturating_mul(streams as u64);
    let all = u32::try_from(all).unwrap_or(u32::MAX).clamp(CONNECTION_WINDOW_BYTES, WINDOW_BYTES_MAX);
    (stream, all)
}

// === impl Sessions ===

impl Sessions {
    fn place(&self, place: usize) -> Rc<Place> {
        let mut places = self.places.borrow_mut();
        if places.len() <= place {
            places.resize_with(place + 1, Rc::default);
        }
        Rc::clone(&places[place])
    }

    /// A request timed out that was sent at this moment. A connection on which nothing at all has come since may lead nowhere any
    /// more: the next request opens another.
    pub(super) fn give_up_silent(&self, place: usize, sent: u64) {
        let place = self.place(place);
        // Where it is locked a new one is being opened already.
        let Ok(mut open) = place.open.try_lock() else { return };
        if open.as_ref().is_some_and(|session| session.facts.heard.get() < sent) {
            *open = None;
        }
    }
}

// === impl Session ===

impl Session {
    async fn open<T: Talk>(shared: &Rc<Shared<Http2<T>>>) -> Result<Self, Undialled> {
        let tls = shared.tls.as_ref().map(|connector| Sealing { connector, asks: None });
        let stream = dial(shared.address, None, tls).await?;
        if !stream.agreed_on(b"h2") {
            let why = "expected the target to agree to `h2` (ALPN), found that it does not".to_owned();
            return Err(Undialled { class: ErrorClass::Protocol, why });
        }
        let facts = Rc::new(Facts { end: Cell::new(None), heard: Cell::new(shared.clock.now()) });
        let (stream_window, window) = windows(shared.habits, shared.client.streams());
        let heard = Heard { stream, has_read: false, shared: Rc::clone(shared), facts: Rc::clone(&facts) };
        let shaken = Builder::new()
            .enable_push(false)
            .initial_window_size(stream_window)
            .initial_connection_window_size(window)
            .max_header_list_size(HEAD_BYTES_MAX)
            .handshake(heard)
            .await;
        let unopened = |error: h2::Error| Undialled { class: facts.class(&error), why: error.to_string() };
        let (sender, connection) = shaken.map_err(unopened)?;
        // Each stream is told how the connection ended.
        let driver = spawn_local(async move { drop(connection.await) }).abort_handle();
        Ok(Self { sender, driver, facts, asked: Cell::new(1) })
    }

    fn takes(&self, most: u32) -> bool {
        self.facts.end.get().is_none() && !self.driver.is_finished() && self.asked.get() < most
    }

    /// Where a request is sent. A connection that was lost, or that the target is about to leave, while nothing was asked is nobody's
    /// fault.
    pub(super) async fn sender(&self) -> Result<SendRequest<Bytes>, h2::Error> {
        self.sender.clone().ready().await.inspect_err(|_| self.asked.set(u32::MAX))
    }

    /// How a request failed for which there was no stream.
    pub(super) fn unsent(&self, error: &h2::Error) -> Failure {
        Failure::Unseen(self.facts.class(error))
    }

    /// How a stream failed.
    pub(super) fn failure(&self, error: &h2::Error) -> Failure {
        let class = self.facts.class(error);
        let left = error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR);
        if left {
            self.asked.set(u32::MAX);
            return Failure::Unseen(class);
        }
        Failure::Of(class)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

// === impl Facts ===

impl Facts {
    /// The class of an error of a connection, or of one of its streams.
    fn class(&self, error: &h2::Error) -> ErrorClass {
        if error.is_io() {
            return self.end.get().unwrap_or_else(|| error.get_io().map_or(ErrorClass::Reset, broken));
        }
        match error.reason() {
            // It took no stream, as who refuses takes no connection.
            Some(Reason::REFUSED_STREAM) if error.is_reset() && error.is_remote() => ErrorClass::Refused,
            Some(Reason::NO_ERROR) if error.is_go_away() && error.is_remote() => ErrorClass::Closed,
            _ if error.is_remote() => ErrorClass::Reset,
            _ => ErrorClass::Protocol,
        }
    }

    fn end(&self, class: ErrorClass) {
        if self.end.get().is_none() {
            self.end.set(Some(class));
        }
    }
}

/// A connection's bytes on their way to the library: counted, and with the reason of their end noted.
///
/// Between two reads others run: a target that sends faster than answers are read would keep the connection's task running, and a
/// library that holds many small frames for streams that cannot come to take them takes that for an attack.
struct Heard<T: Talk> {
    stream: Stream,
    has_read: bool,
    shared: Rc<Shared<Http2<T>>>,
    facts: Rc<Facts>,
}

// === impl Heard ===

impl<T: Talk> Heard<T> {
    fn noted<R>(&self, result: io::Result<R>) -> io::Result<R> {
        if let Err(error) = &result {
            self.facts.end(broken(error));
        }
        result
    }
}

impl<T: Talk> AsyncRead for Heard<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.has_read) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        self.noted(read)?;
        match buffer.filled().len() - before {
            0 => self.facts.end(ErrorClass::Closed),
            bytes => {
                self.has_read = true;
                self.shared.received(bytes);
                self.facts.heard.set(self.shared.clock.now());
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Talk> AsyncWrite for Heard<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        Poll::Ready(self.noted(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(context));
        Poll::Ready(self.noted(flushed))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use shakedown_scenarios::units::Bandwidth;

    use super::*;

    #[test]
    fn all_streams_that_are_read_slowly_have_room_for_their_own() {
        let windows = |rate: u64, streams| {
            let read_rate = Some(Bandwidth::bytes_per_second(rate));
            windows(Habits { read_rate, ..Habits::default() }, streams)
        };
        assert_eq!(windows(20_000, 1), (20_000, CONNECTION_WINDOW_BYTES));
        assert_eq!(windows(20_000, 100), (20_000, 2_000_000));
        assert_eq!(windows(u64::MAX, usize::MAX), (65_536, WINDOW_BYTES_MAX));
    }
}
