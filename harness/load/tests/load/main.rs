//! Loads against real sockets on the loopback: what is counted is what happened.

#![expect(clippy::unwrap_used, reason = "the helpers of a test are as free to fail as the test itself")]

mod beginning;
mod closed;
mod ends;
mod errors;
mod grpc;
mod habits;
mod hostile;
mod http;
mod http2;
mod journey;
mod malformed;
mod nginx;
mod postgres;
mod redis;
mod servers;
mod shapes;
#[path = "../../../tests/support/skips.rs"]
mod skips;
mod stall;
mod support;
mod tcp;
mod tls;
mod udp;
mod websocket;
mod whys;
