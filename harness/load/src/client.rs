//! Clients: what a protocol sends, and how it reads an answer.
//!
//! A client is pure: bytes go in and out, and [`connection`](crate::connection) moves them. So a protocol knows neither
//! sockets nor time, and its rules hold however the network cuts the bytes.

pub(crate) mod exchanges;
pub(crate) mod http;
pub(crate) mod journey;
pub(crate) mod malformed;
pub(crate) mod notebook;
pub(crate) mod operations;
pub(crate) mod phrase;
pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod search;
pub(crate) mod secret;
pub(crate) mod tcp;
pub(crate) mod telling;
pub(crate) mod texts;
pub(crate) mod websocket;

use crate::dial::SealingRequest;
use crate::history::HistoryEnd;
use crate::mix::Ask;

/// A protocol with its requests and what they expect.
pub(crate) trait Client: 'static {
    /// The state of reading one answer; kept by a connection and used again for the next.
    type Answer: 'static;

    /// The state for a new connection.
    fn answer(&self) -> Self::Answer;

    /// A connection was opened: appends what is said on it before its first request, and prepares to read the answer to
    /// that. Whether there is anything to say; if so, the target must answer.
    fn greet(&self, _: &mut Self::Answer, _: &mut Vec<u8>) -> bool {
        false
    }

    /// What asks for TLS where it is spoken; `None`: it is, from the first byte on.
    fn asks_for_tls(&self) -> Option<&'static SealingRequest> {
        None
    }

    /// Whether all connections are open from the start, opened again when they are lost, and used in turn.
    fn holds(&self) -> bool {
        false
    }

    /// Whether an answer may be read a little later than it arrived, which is noted: nobody waits for what we say to it.
    fn reads_late(&self) -> bool {
        false
    }

    /// Whether what is sent for a request of this kind has a place for a key.
    fn has_key(&self, kind: usize) -> bool;

    /// A request begins on this seat, in nanoseconds since the start of the load; a connection may have to be opened first.
    fn begins(&self, _: &Ask, _: &mut Self::Answer, _seat: usize, _now: u64) {}

    /// Whether a request that was sent and failed so is to be sent once more, as the same one.
    fn asks_again(&self, _: &mut Self::Answer, _: ErrorClass) -> bool {
        false
    }

    /// A request that began ended, in whatever way; whether any of it may have reached the target.
    fn ends(&self, _: &mut Self::Answer, _was_sent: bool, _now: u64) {}

    /// A second of the load is over.
    fn second(&self) {}

    /// The load is over. How the history that was kept of it ended, if one was.
    fn finish(&self) -> Option<HistoryEnd> {
        None
    }

    /// The kind of the request that follows a right answer to this one, of the same user and with the same key; `None`:
    /// nothing does.
    fn follows(&self, _: &Ask) -> Option<u32> {
        None
    }

    /// Appends the bytes of a request, and prepares to read its answer.
    fn ask(&self, ask: &Ask, answer: &mut Self::Answer, out: &mut Vec<u8>);

    /// Whether the answer is whole before a byte has come.
    fn whole_at_once(&self, answer: &Self::Answer) -> bool;

    /// Reads what came; appends to `reply` what has to be said to it before the answer can go on.
    fn read(&self, answer: &mut Self::Answer, bytes: &[u8], reply: &mut Vec<u8>) -> Reading;

    /// Whether what the target says may be quoted: where it was told a secret it may give it back.
    fn may_quote(&self) -> bool {
        true
    }

    /// Why the request that came to its end just now failed so, for people: what was wanted and what came instead. Asked of few.
    fn why(&self, _: &Self::Answer, _: ErrorClass) -> Option<String> {
        None
    }

    /// The target closed its side: whether the answer is whole thereby.
    fn closed(&self, answer: &mut Self::Answer) -> Result<(), ErrorClass>;

    /// How long a request may take from when it was due, in nanoseconds, to be right; longer is an error of class `slow`.
    fn within(&self, _: &Ask) -> Option<u64> {
        None
    }

    /// Whether nothing more is said on this connection: the client then closes its side behind what it has said.
    fn sends_no_more(&self, _: &Self::Answer) -> bool {
        false
    }

    /// A request came to this end on its connection, which may mean something else. Whether it goes on over a new
    /// connection, with what [`Self::goes_on_with`] says there.
    fn goes_on(&self, _: &mut Self::Answer, _: &mut Result<(), ErrorClass>) -> bool {
        false
    }

    /// Appends what a request goes on with over a new connection, and prepares to read the answer.
    fn goes_on_with(&self, _: &mut Self::Answer, _: &mut Vec<u8>) {}

    /// Reads what came while nothing was asked, `total` bytes since the last answer with these. Whether the connection can
    /// take a request after that; `reply` is as in [`Self::read`].
    fn unasked(&self, answer: &mut Self::Answer, bytes: &[u8], total: u64, reply: &mut Vec<u8>) -> bool;
}

/// What has been read of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It is not whole yet.
    More,
    /// It is whole, or cannot become right any more.
    Whole {
        /// Whether it is right.
        verdict: Result<(), ErrorClass>,
        /// Whether the connection can take the next request.
        keep: bool,
    },
}

/// Why a request failed, as the report counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorClass {
    /// Nobody listens, or who does takes no connection.
    Refused,
    /// The target (or a proxy) reset the connection.
    Reset,
    /// The connection was closed before the answer was whole.
    Closed,
    /// No whole answer in time.
    Timeout,
    /// No connection for another reason: no route, no address, no descriptors left.
    Dial,
    /// What came is not the protocol, or passes its bounds.
    Protocol,
    /// Another status than expected.
    Status,
    /// The right status, and other content than expected.
    Check,
    /// Nothing where something was to be found: a cache that does not have a key.
    Miss,
    /// Another transaction was in the way: a deadlock, or a failure to serialize.
    Conflict,
    /// Right, and later than expected.
    Slow,
    /// No TLS with the target: its certificate is not believed, or what it says is no TLS that we speak. One that says nothing is a
    /// `timeout`, one that hangs up is `closed`.
    Tls,
}

impl ErrorClass {
    /// All classes; each one's place is its index.
    pub const ALL: [Self; 12] = [
        Self::Refused,
        Self::Reset,
        Self::Closed,
        Self::Timeout,
        Self::Dial,
        Self::Protocol,
        Self::Status,
        Self::Check,
        Self::Miss,
        Self::Conflict,
        Self::Slow,
        Self::Tls,
    ];

    /// The word that windows and reports use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Dial => "dial",
            Self::Protocol => "protocol",
            Self::Status => "status",
            Self::Check => "check",
            Self::Miss => "miss",
            Self::Conflict => "conflict",
            Self::Slow => "slow",
            Self::Tls => "tls",
        }
    }

    /// Whether the target was not there at all (or not as who it should be), so that trying again at once would only hammer it.
    pub(crate) const fn is_absence(self) -> bool {
        matches!(self, Self::Refused | Self::Reset | Self::Closed | Self::Dial | Self::Protocol | Self::Tls)
    }
}

/// A workload that cannot be sent as it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Nothing to send.
    #[error("expected at least one request in the mix, found none")]
    Empty,
    /// Nothing would ever be drawn.
    #[error("expected some weight in a mix of {0}, found none")]
    Weights(usize),
    /// The process may not open so many.
    #[error(
        "expected room for {connections} connections, found a limit of {allowed} descriptors: raise it (`ulimit -n`) or ask for fewer"
    )]
    Descriptors {
        /// What was asked for.
        connections: usize,
        /// `RLIMIT_NOFILE`.
        allowed: u64,
    },
    /// A replay of nothing.
    #[error("expected the trace `{0}` to have been read, found no arrival")]
    Trace(String),
    /// Data that was not read.
    #[error("expected the file `{0}` to have been read, found no row")]
    Rows(String),
    /// A row whose path is too long.
    #[error(
        "expected a path that HTTP/2 can hold (64 KiB), found row {row} of the file `{file}`: shorten it"
    )]
    Row {
        /// The file.
        file: String,
        /// The row, from 1; the line of names does not count.
        row: usize,
    },
    /// A message that was not read.
    #[error("expected the file `{0}` to have been read, found no message")]
    Message(String),
    /// Not a method.
    #[error("expected a method such as `GET` (letters, no CONNECT), found `{0}`")]
    Method(String),
    /// Not a path.
    #[error("expected a path that starts with `/` and has only visible ASCII characters, found `{0}`")]
    Path(String),
    /// Not a header.
    #[error("expected a header name and value without control characters, found `{0}`")]
    Header(String),
    /// A header that the client writes itself.
    #[error("expected no `{0}` header: the client writes it from the body")]
    Framing(String),
    /// A header about connections, which requests of HTTP/2 do not have.
    #[error("expected no `{0}` header: requests of HTTP/2 say nothing of their connection")]
    Connection(String),
    /// Not Base64.
    #[error("expected a message in Base64, found `{0}`")]
    Base64(String),
    /// A secret that is not there.
    #[error("expected the environment variable `{0}` to hold a secret, found none: set it before the run")]
    Unset(String),
    /// A secret that would break the request it stands in.
    #[error(
        "expected the environment variable `{0}` to hold a secret without control characters, found some"
    )]
    Secret(String),
    /// Not a regular expression.
    #[error("expected a regular expression of moderate size, found `{0}`")]
    Regex(String),
    /// Certificates that cannot be read.
    #[error("expected a file of certificates (PEM) at `{file}`, {why}")]
    Authority {
        /// Where they should stand.
        file: String,
        /// What was found instead.
        why: String,
    },
    /// TLS that cannot be spoken as it was asked for.
    #[error("TLS cannot be spoken like that: {0}")]
    Tls(String),
    /// Not a host.
    #[error("expected a host such as `shop.local:8080`, found `{0}`")]
    Host(String),
}
