//! The control plane of the stand-alone fault proxy.
//!
//! Read in this order:
//! - what is asked of the data plane, so that the rest can be tried without one: [`engine`];
//! - what there is: [`held`] (a toxic), [`entry`] (a proxy), [`links`] (other links and their faults), [`collection`] (all of them), [`address`], [`error`],
//!   and what is told of them to a log: [`news`];
//! - what is said about it, request by request and without sockets: [`handle`], [`toxiproxy`] (the API that existing
//!   clients speak), [`v1`] (our own), [`metrics`];
//! - the thin shell around it: [`server`].
//!
//! It never waits for data: every request is answered from what is in memory, or by opening or closing a listener.

pub mod address;
pub mod collection;
pub mod engine;
pub mod entry;
pub mod error;
pub mod handle;
pub mod held;
pub mod links;
pub mod metrics;
pub mod news;
pub mod server;
pub mod toxiproxy;
pub mod v1;
