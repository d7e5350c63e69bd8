//! Load that tells the truth: arrivals × client × checks.
//!
//! Read in this order: [`arrivals`] (when requests are due), `users` (the same in the closed model), `mix`, `rows` and `template`
//! (what is asked), `client` (what a protocol sends and how it reads an answer), `queue` (which connection takes a request,
//! and who waits), `tls` (who is believed), `dial` and `stream` (a connection, in the clear or not), `lane` (requests one
//! after the other or side by side), `connection` (the edge that moves bytes), `http2` (the edge that moves streams), `udp` (the edge that moves datagrams),
//! `throttle` and `reading` (how a slow consumer reads), `backoff` (how a target that is down is spared), [`recorder`] and [`endpoints`]
//! (what is counted), `history` (what operations with a meaning began and were told), `blocks` (its way to the disk), `timer`, `alarm` and `slice` (waking on time), `wish` (how it is told to end), `pacer` (the load's own task), `outbox` (windows on
//! their way out), `run` (the thread and its handle).
//!
//! Arrivals, clients and checks are separate values; no loop knows a combination of them. Everything but `clock`, `timer`,
//! `alarm`, `slice`, `reading`, `tls`, `dial`, `stream`, `connection`, `http2`, `udp`, `pacer`, `outbox` and `run` is pure. One load is one
//! thread with one runtime: its state needs no locks (what it shares with others stands in `wish` and `blocks`), and a target's stall in one workload cannot make another one late.
//!
//! Each latency counts from when the request was *due*, whether or not a connection was free: a stall of the target is
//! felt by everyone who was to come during it ("coordinated omission" is what leaving them out is called). In the closed
//! model nobody comes by themselves: users wait for their answers, and latency is service time.

mod alarm;
pub mod arrivals;
mod backoff;
mod blocks;
mod client;
mod clock;
mod common;
mod connection;
mod dial;
mod doze;
pub mod endpoints;
mod examples;
mod history;
mod http2;
mod lane;
mod mix;
mod outbox;
mod pacer;
mod queue;
mod reading;
pub mod recorder;
mod rows;
mod run;
mod shared;
mod slice;
mod socket;
mod start;
mod stream;
mod sync;
mod template;
mod throttle;
mod timer;
mod tls;
mod udp;
mod users;
mod wish;

pub use client::{ClientError, ErrorClass};
pub use common::Start;
pub use history::{HistoryEnd, HistoryPlace};
pub use pacer::Ending;
pub use queue::{WAITING_MAX, WAITING_SECONDS_MAX};
pub use recorder::histogram;
pub use run::{Load, LoadEnd};
pub use start::start;
pub use tls::look_at;
pub use wish::Stopper;
