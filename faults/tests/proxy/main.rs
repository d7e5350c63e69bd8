//! The proxy with real sockets on loopback.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod faithful;
mod stress;
mod support;
mod toxics;
