//! Loads against real sockets on the loopback: what is counted is what happened.

mod ends;
mod errors;
mod hostile;
mod http;
mod stall;
mod support;
mod tcp;
