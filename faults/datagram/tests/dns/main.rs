//! The DNS responder on real sockets, asked by another implementation of the wire format.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod faults;
mod forwarding;
mod hostile;
mod support;
mod truth;
