//! The proxy with real sockets on loopback.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]
#![allow(clippy::print_stdout, reason = "figures are for whoever reads the log of a test")]

mod down;
mod faithful;
mod fates;
mod live;
mod stress;
mod support;
mod toxics;
