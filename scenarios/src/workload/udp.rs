//! Datagrams that are answered by datagrams.

use serde::{Deserialize, Serialize};

use super::{Arrivals, Destination, TcpExchange};
use crate::units::Span;

/// Send one datagram, expect one back. Each exchange has a socket, and so a port, of its own: a late answer, or the copy of one,
/// comes to where nobody listens any more, and counts for no other. No answer in time is an error of class `timeout`, and
/// a system that says that nobody listens there one of class `refused`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UdpWorkload {
    /// The path the load takes.
    pub to: Destination,
    /// When exchanges are due.
    pub arrivals: Arrivals,
    /// An exchange that is not answered this long after it was sent is an error of class `timeout`.
    pub timeout: Span,
    /// How many exchanges may be under way at once, 1 to 10,000; in the closed model as many as there are users. A link keeps
    /// 1,024 clients, each exchange being one, and gives up the one that was heard of longest ago for another: more exchanges a second
    /// than 1,024 in the time that answers take lose some. The run says so.
    pub sockets: u32,
    /// The mix; one is drawn for each arrival, by weight. The first datagram that comes back is the answer: it starts with
    /// `expect` and ends with `until`, or is an error of class `check`.
    pub exchanges: Vec<TcpExchange>,
}
