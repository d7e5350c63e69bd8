//! The UDP proxy on real sockets: faithful without faults, and each fault as it is seen from outside.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod faithful;
mod faults;
mod sessions;
mod support;
