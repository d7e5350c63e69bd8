//! What is said in streams, whoever says it.

use bytes::Bytes;
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use shakedown_scenarios::workload::Workload;

use crate::client::http::shown;
use crate::client::{ClientError, ErrorClass};
use crate::mix::Ask;

/// Requests of HTTP/2 and what they expect: pure, as a [`Client`](crate::client::Client) of bytes is. Several seats talk over one
/// connection.
pub(crate) trait Talk: 'static {
    /// The state of asking and of reading one answer; kept by a seat and used again for the next.
    type Answer: 'static;

    /// The state for a new seat.
    fn answer(&self) -> Self::Answer;

    /// Whether what is sent for a request of this kind has a place for a key.
    fn has_key(&self, kind: usize) -> bool;

    /// A request begins, in nanoseconds since the start of the load; it may be asked more than once.
    fn begins(&self, _: &Ask, _: &mut Self::Answer, _now: u64) {}

    /// What is asked; the same however often it is made.
    ///
    /// # Errors
    ///
    /// The class of a request that cannot be said in HTTP/2.
    fn ask(&self, ask: &Ask, answer: &Self::Answer) -> Result<Parcel, ErrorClass>;

    /// The head of the answer.
    fn head(&self, ask: &Ask, answer: &mut Self::Answer, status: StatusCode, headers: &HeaderMap);

    /// A piece of its body.
    fn body(&self, ask: &Ask, answer: &mut Self::Answer, piece: &[u8]);

    /// It is whole, with these trailers.
    fn judge(
        &self,
        ask: &Ask,
        answer: &mut Self::Answer,
        trailers: Option<&HeaderMap>,
    ) -> Result<(), ErrorClass>;

    /// Why the answer that was read last is wrong, for people. Asked of few.
    fn why(&self, ask: &Ask, answer: &Self::Answer, class: ErrorClass) -> Option<String>;

    /// How long a request may take from when it was due, in nanoseconds, to be right.
    fn within(&self, ask: &Ask) -> Option<u64>;

    /// The kind of the request that follows a right answer to this one, of the same user and with the same key.
    fn follows(&self, _: &Ask) -> Option<u32> {
        None
    }
}

/// What is asked, without whom.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub method: Method,
    pub path: PathAndQuery,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Who is talked to, and what is said.
#[derive(Debug)]
pub(crate) struct Http2<T> {
    pub(super) talk: T,
    scheme: Scheme,
    authority: Authority,
    streams: usize,
}

/// What a workload is to its requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// What the target is called.
    pub host: &'a str,
    /// Whether TLS is spoken.
    pub is_sealed: bool,
    /// Streams of one connection.
    pub streams: u32,
}

// === impl Frame ===

impl<'a> Frame<'a> {
    /// Of a workload that calls its target `host`.
    pub(crate) const fn of(host: &'a str, workload: &Workload) -> Self {
        Self { host, is_sealed: workload.tls().is_some(), streams: workload.streams() }
    }
}

// === impl Http2 ===

impl<T: Talk> Http2<T> {
    /// Prepares to say this in such a frame.
    pub(crate) fn new(frame: Frame<'_>, talk: T) -> Result<Self, ClientError> {
        let authority = Authority::try_from(frame.host);
        Ok(Self {
            talk,
            scheme: if frame.is_sealed { Scheme::HTTPS } else { Scheme::HTTP },
            authority: authority.map_err(|_| ClientError::Host(shown(frame.host)))?,
            streams: frame.streams.max(1) as usize,
        })
    }

    /// Streams of one connection.
    pub(super) const fn streams(&self) -> usize {
        self.streams
    }

    /// A request, and its body.
    pub(super) fn request(&self, parcel: Parcel) -> (Request<()>, Bytes) {
        let mut request = Request::new(());
        *request.method_mut() = parcel.method;
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(parcel.path);
        *request.uri_mut() = Uri::from_parts(parts).expect("it has all its parts");
        *request.headers_mut() = parcel.headers;
        (request, parcel.body)
    }
}
