//! The control plane over raw HTTP: what Toxiproxy's clients rely on, what Toxiproxy does wrong, and our own API.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod better;
mod control;
mod conventions;
mod effects;
mod endpoints;
mod errors;
mod links;
mod metrics;
mod native;
mod peers;
mod safety;
mod support;
mod toxics;
