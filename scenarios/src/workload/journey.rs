//! Journeys: several HTTP requests of one user, where what was answered is part of what is asked next.

use serde::{Deserialize, Serialize};

use super::feeder::Feeder;
use super::{Arrivals, Destination, Habits, HttpAuth, HttpRequest, HttpVersion, Tls};
use crate::units::Span;

/// Journeys of HTTP requests. A journey is one user's: its steps go one after the other, and the cookies that it is given are
/// sent back. Over HTTP/1.1 they go over one connection, which nobody else uses meanwhile; over HTTP/2 each step is a stream of
/// a connection that other users share. A connection that is lost fails the steps that are under way on it, and those who go on
/// open another.
///
/// What is due is a journey: its first step counts latency from then. A later step is due when the one before is
/// answered, so that its latency is service time. A step that fails ends its journey, and so does the end of the load; the
/// steps behind it are not sent and not counted.
///
/// In the closed model a user keeps its cookies from one journey to the next; in the open model each journey is a new
/// user's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JourneyWorkload {
    /// Which HTTP is spoken.
    #[serde(default)]
    pub version: HttpVersion,
    /// The path the load takes.
    pub to: Destination,
    /// When journeys are due.
    pub arrivals: Arrivals,
    /// A step that is not answered this long after it was sent is an error of class `timeout`.
    pub timeout: Span,
    /// How many connections may be open at once, 1 to 10,000. Over HTTP/1.1 that is how many journeys may be under way; over HTTP/2 each
    /// has room for as many as it has streams. In the closed model there are as many journeys as there are users.
    pub connections: u32,
    /// How connections are used.
    #[serde(default)]
    pub habits: Habits,
    /// TLS on every connection; `None`: it is spoken in the clear.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// What every request logs in with; `None`: nothing.
    #[serde(default)]
    pub auth: Option<HttpAuth>,
    /// `{n}` is drawn from 0 to `keys - 1`, once for a journey.
    pub keys: u64,
    /// Rows of a file; each journey has one, whose columns are names from its first step on.
    #[serde(default)]
    pub data: Option<Feeder>,
    /// The steps, in their order; 1 to 50.
    pub steps: Vec<JourneyStep>,
}

/// One step of a journey.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JourneyStep {
    /// The request. Its path, the values of its headers and its body may hold `{n}`, the names of columns and those of
    /// what steps before it captured, see [`phrase`](super::phrase). Weight and keys mean nothing.
    pub request: HttpRequest,
    /// Names, and what each stands for from here on. What is not found is an error of class `check`.
    pub capture: Vec<(String, Capture)>,
}

/// Something of an answer, of at most 4 KiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Capture {
    /// The text, number or truth value at this JSON Pointer (RFC 6901). The body is JSON of at most 64 KiB then.
    Json(String),
    /// What the first group of this regular expression matches in the first 64 KiB of the body.
    Matches(String),
    /// The value of this header; of several the first.
    Header(String),
}
