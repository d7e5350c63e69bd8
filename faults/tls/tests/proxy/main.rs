//! The proxy between real sockets: faithful without faults, and each fault as a client sees it.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod acceptor;
mod faithful;
mod faults;
mod live;
mod stress;
mod support;
mod upstream;
