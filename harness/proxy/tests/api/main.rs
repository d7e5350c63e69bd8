//! The control plane over raw HTTP: what Toxiproxy's clients rely on, what Toxiproxy does wrong, and our own API.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod conventions;
mod endpoints;
mod errors;
mod metrics;
mod native;
mod safety;
mod support;
mod toxics;
