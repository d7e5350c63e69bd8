//! The relay between a real client and a real server, and between raw streams.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod ends;
mod faults;
mod stress;
mod support;
