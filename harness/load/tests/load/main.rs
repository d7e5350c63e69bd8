//! Loads against real sockets on the loopback: what is counted is what happened.

mod support;

mod http;
