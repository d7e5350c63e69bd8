//! UDP: a proxy that does to datagrams what networks do to them.
//!
//! Everything but [`proxy`](UdpProxy) decides and waits for nothing: a [`UdpFault`] gives one datagram its [`Fate`]; a
//! [`Flow`] is one way of one session under all faults that hold, and turns a datagram into the [`Journey`]s that come of
//! it; a [`Queue`] keeps what is under way until its moment. Sockets and clocks are at the edge.

mod evidence;
mod fate;
mod fault;
mod flow;
mod proxy;
mod queue;
mod sessions;
mod spelling;
mod stage;

pub use evidence::{UdpEvidence, UdpTally};
pub use fate::{Datagram, Fate, Journey, Wait};
pub use fault::{Distribution, MOST_COPIES, MOST_FLIPS, MOST_OVERTAKERS, MOST_WAIT, UdpFault};
pub(crate) use fault::{share as check_share, wait as check_wait};
pub use flow::{Flow, MOST_JOURNEYS, UdpHolding, UdpRule};
pub use proxy::{Traffic, UdpCounters, UdpLimits, UdpProxy};
pub use queue::{Arrived, FlowKey, Full, KEEPING, Queue, Waited};
pub use sessions::{HURRIED, Seat, Sessions};
pub use stage::State;
