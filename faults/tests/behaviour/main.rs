//! What each toxic does to a way of a connection, in one list for the pure chain and the real proxy: the same script of
//! bytes, ends, waits and toxics is played on both, on both ways.
//!
//! One file for each kind of toxic: first its behaviours (`play`), then what can be said only of the chain, whose clock is
//! exact. `laws` is what holds of all of them under any order of events.

#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped here has failed the test")]

mod aim;
mod bandwidth;
mod blackhole;
mod buffers;
mod chain;
mod chunks;
mod coalesce;
mod corrupt;
mod ends;
mod latency;
mod laws;
mod limits;
mod loss;
mod partition;
mod reset;
mod script;
mod slicer;
mod slow_read;
mod stall;
mod timeout;
mod wire;
