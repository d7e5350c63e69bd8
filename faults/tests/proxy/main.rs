//! The proxy with real sockets on loopback.

mod faithful;
mod support;
