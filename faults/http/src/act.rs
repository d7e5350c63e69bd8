//! What a fault does to an exchange: one act, one file.
//!
//! An act takes part at up to four points, and is asked at each of them in this order: how long to wait before the
//! request goes on, what to do to the request, what to answer instead of asking upstream, and how to dress the response
//! (its head, and the stages that its body passes through). All of that is decided here; nothing in here waits.
//!
//! Acts that only bytes can show (a wrong `Content-Length`, bad chunking, a slow head, GOAWAY) leave what they want in
//! the response's extensions, see [`wire`](crate::wire).

mod abort;
mod answer;
mod bad_chunk;
mod connection;
mod delay;
mod garbage;
mod grpc_status;
mod header;
mod informational;
mod merge_patch;
mod redirect_loop;
mod replace_body;
mod rewrite;
mod too_many_requests;
mod trickle;
mod truncate_body;
mod wrong_length;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, Uri, Version, header as names};
use serde::{Deserialize, Serialize};
use shakedown_scenarios::units::Span;

pub use abort::{Abort, AbortHow, StreamCode};
pub use answer::Answer;
pub use bad_chunk::{BadChunk, BadChunkKind};
pub use delay::Delay;
pub(crate) use delay::around;
pub use garbage::Garbage;
pub use grpc_status::GrpcStatus;
pub use header::{HeaderChange, HeaderEdit, Side};
pub use informational::Informational;
pub use merge_patch::MergePatch;
pub use redirect_loop::RedirectLoop;
pub use replace_body::ReplaceBody;
pub use rewrite::Rewrite;
pub use too_many_requests::TooManyRequests;
pub use trickle::Trickle;
pub use truncate_body::{TruncateBody, TruncateEnd};
pub use wrong_length::WrongLength;

use crate::body::Stages;
use crate::error::Aborted;
use crate::problem::Finder;
use crate::set::Bite;

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum HttpAct {
    /// Waits: before the request goes on, between head and body, before each chunk of the body.
    Delay(Delay),
    /// Ends the exchange in the middle: the connection is closed or reset, an HTTP/2 stream gets RST_STREAM.
    Abort(Abort),
    /// Answers without asking upstream.
    Answer(Answer),
    /// Answers with 1xx before the answer (HTTP/1.1 only). Needs the proxy.
    Informational(Informational),
    /// Adds, replaces, removes or inflates a header.
    Header(HeaderChange),
    /// Asks the server for something else: another method, path or query.
    Rewrite(Rewrite),
    /// Puts another body in the place of the response's.
    ReplaceBody(ReplaceBody),
    /// Changes parts of a JSON body.
    MergePatch(MergePatch),
    /// Ends the response's body early.
    TruncateBody(TruncateBody),
    /// Answers 429 with `Retry-After`.
    TooManyRequests(TooManyRequests),
    /// Redirects to where the request came, for ever.
    RedirectLoop(RedirectLoop),
    /// Sends the response slowly.
    Trickle(Trickle),
    /// Answers with a gRPC status and nothing else.
    GrpcStatus(GrpcStatus),
    /// Answers with `Connection: close` (HTTP/1 only).
    KeepAliveClose,
    /// Ends the HTTP/2 connection with GOAWAY once this response is done. Needs the proxy.
    GoAway,
    /// Claims a length that the body does not have (HTTP/1 only). Needs the proxy.
    WrongLength(WrongLength),
    /// Breaks the chunked framing of the response (HTTP/1 only). Needs the proxy.
    BadChunk(BadChunk),
    /// Sends bytes that are no HTTP in the place of a response (HTTP/1 only). Needs the proxy.
    Garbage(Garbage),
}

/// What an act may know of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) version: Version,
}

/// A response in the making.
pub(crate) struct Dressing<'a> {
    /// Its head.
    pub(crate) head: &'a mut http::response::Parts,
    /// What its body passes through.
    pub(crate) stages: &'a mut Stages,
    /// What takes the place of its body.
    pub(crate) replaced: &'a mut Option<Bytes>,
    /// How long its body is, if that is known.
    pub(crate) length: Option<u64>,
    /// What asked for it.
    pub(crate) asked: Asked<'a>,
}

/// What comes in the place of upstream's answer.
pub(crate) enum Instead {
    Answer(Response<Bytes>),
    Abort(Aborted),
}

/// The largest body that a fault may bring along, and the largest header it may make.
pub(crate) const TEXT_MAX: usize = 1024 * 1024;

/// Longer waits are a way of saying "for ever", for which there is `abort` and a healing.
pub(crate) const WAIT_MAX: Span = Span::secs(3600);

// === impl Dressing ===

impl Dressing<'_> {
    /// Whether this response may have a body (RFC 9110, section 6.4.1).
    pub(crate) fn may_have_body(&self) -> bool {
        let bodiless = is_bodiless(self.head.status) || self.head.status.is_informational();
        !bodiless && ![Method::HEAD, Method::CONNECT].contains(self.asked.method)
    }

    /// Whether this is a response of HTTP/1 that may have a body.
    pub(crate) fn has_http1_body(&self) -> bool {
        self.asked.version <= Version::HTTP_11 && self.may_have_body()
    }
}

// === impl HttpAct ===

impl HttpAct {
    /// Notes all that is wrong.
    pub(crate) fn check(&self, mut finder: Finder<'_>) {
        match self {
            Self::Delay(act) => act.check(finder.within("delay")),
            Self::Answer(act) => act.check(finder.within("answer")),
            Self::Informational(act) => act.check(finder.within("informational")),
            Self::Header(act) => act.check(finder.within("header")),
            Self::Rewrite(act) => act.check(finder.within("rewrite")),
            Self::ReplaceBody(act) => act.check(finder.within("replace_body")),
            Self::MergePatch(act) => act.check(finder.within("merge_patch")),
            Self::TooManyRequests(act) => act.check(finder.within("too_many_requests")),
            Self::RedirectLoop(act) => act.check(finder.within("redirect_loop")),
            Self::Trickle(act) => act.check(finder.within("trickle")),
            Self::GrpcStatus(act) => act.check(finder.within("grpc_status")),
            Self::WrongLength(act) => act.check(finder.within("wrong_length")),
            Self::Garbage(act) => act.check(finder.within("garbage")),
            // Whatever their parts are, it can be done.
            Self::Abort(_)
            | Self::TruncateBody(_)
            | Self::BadChunk(_)
            | Self::KeepAliveClose
            | Self::GoAway => {}
        }
    }

    /// Whether all that it does is done to responses, so that it can wait for their status.
    pub(crate) fn is_on_responses(&self) -> bool {
        match self {
            Self::Delay(act) => act.before.is_zero(),
            Self::Abort(act) => act.after.is_some(),
            Self::Header(act) => act.on == Side::Response,
            Self::Answer(_)
            | Self::Informational(_)
            | Self::Rewrite(_)
            | Self::TooManyRequests(_)
            | Self::RedirectLoop(_)
            | Self::GrpcStatus(_) => false,
            Self::ReplaceBody(_)
            | Self::MergePatch(_)
            | Self::TruncateBody(_)
            | Self::Trickle(_)
            | Self::KeepAliveClose
            | Self::GoAway
            | Self::WrongLength(_)
            | Self::BadChunk(_)
            | Self::Garbage(_) => true,
        }
    }

    /// How long to wait before the request goes on.
    pub(crate) fn wait_before(&self, bite: &mut Bite) -> Span {
        match self {
            Self::Delay(act) => act.wait_before(bite),
            _ => Span::ZERO,
        }
    }

    /// What it does to the request.
    pub(crate) fn edit_request(&self, request: &mut http::request::Parts, bite: &mut Bite) {
        match self {
            Self::Header(act) => act.edit(Side::Request, &mut request.headers, bite),
            Self::Rewrite(act) => act.edit(request, bite),
            Self::Informational(act) => act.want(request, bite),
            _ => {}
        }
    }

    /// What it puts in the place of upstream's answer.
    pub(crate) fn instead(&self, asked: Asked<'_>, bite: &mut Bite) -> Option<Instead> {
        let answer = match self {
            Self::Abort(act) => return act.instead().map(Instead::Abort).inspect(|_| bite.mark().bit()),
            Self::Answer(act) => act.response(),
            Self::TooManyRequests(act) => act.response(),
            Self::RedirectLoop(act) => act.response(asked.uri),
            Self::GrpcStatus(act) => act.response(),
            _ => return None,
        };
        bite.mark().bit();
        Some(Instead::Answer(answer))
    }

    /// What it does to the response.
    pub(crate) fn dress(&self, response: &mut Dressing<'_>, bite: &mut Bite) {
        match self {
            Self::Delay(act) => act.dress(response, bite),
            Self::Abort(act) => act.dress(response, bite),
            Self::Header(act) => act.edit(Side::Response, &mut response.head.headers, bite),
            Self::ReplaceBody(act) => act.dress(response, bite),
            Self::MergePatch(act) => act.dress(response, bite),
            Self::TruncateBody(act) => act.dress(response, bite),
            Self::Trickle(act) => act.dress(response, bite),
            Self::KeepAliveClose => connection::close(response, bite),
            Self::GoAway => connection::go_away(response, bite),
            Self::WrongLength(act) => act.dress(response, bite),
            Self::BadChunk(act) => act.dress(response, bite),
            Self::Garbage(act) => act.dress(response, bite),
            Self::Rewrite(_)
            | Self::Answer(_)
            | Self::Informational(_)
            | Self::TooManyRequests(_)
            | Self::RedirectLoop(_)
            | Self::GrpcStatus(_) => {}
        }
    }
}

/// Every act with parts of its own can stand where any act can.
macro_rules! from_parts {
    ($($act:ident($parts:ty)),* $(,)?) => {$(
        impl From<$parts> for HttpAct {
            fn from(act: $parts) -> Self {
                Self::$act(act)
            }
        }
    )*};
}

from_parts!(
    Delay(Delay),
    Abort(Abort),
    Answer(Answer),
    Informational(Informational),
    Header(HeaderChange),
    Rewrite(Rewrite),
    ReplaceBody(ReplaceBody),
    MergePatch(MergePatch),
    TruncateBody(TruncateBody),
    TooManyRequests(TooManyRequests),
    RedirectLoop(RedirectLoop),
    Trickle(Trickle),
    GrpcStatus(GrpcStatus),
    WrongLength(WrongLength),
    BadChunk(BadChunk),
    Garbage(Garbage),
);

/// Whether a response of this status never has a body.
pub(crate) fn is_bodiless(status: StatusCode) -> bool {
    [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}

/// A response of a fault's own making.
pub(crate) fn canned(status: StatusCode, body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
    *response.status_mut() = status;
    response
}

/// A header's name as people write it, unless it says how the message itself is framed: a server that is told two
/// things about that is a server with a bug, not a fault that was asked for.
pub(crate) fn editable(name: &str) -> Option<HeaderName> {
    const FRAMING: [HeaderName; 5] =
        [names::CONTENT_LENGTH, names::TRANSFER_ENCODING, names::CONNECTION, names::UPGRADE, names::TRAILER];
    HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| !FRAMING.contains(name))
}

/// A header's value as people write it.
pub(crate) fn value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()
}

/// What is told of names that are not [`editable`].
pub(crate) const NAME_FORM: &str = "a header's name, and not content-length, transfer-encoding, connection, upgrade or \
    trailer (for these there are wrong_length, bad_chunk and keep_alive_close)";
pub(crate) const VALUE_FORM: &str = "a header's value of visible ASCII characters, at most 1 MiB";
pub(crate) const BODY_FORM: &str = "a body of at most 1 MiB";
