//! Readers of bytes that nobody vouches for: what must hold of each, for all bytes there are.
//!
//! Each module has a function `check` that panics where it does not hold. The programs in `fuzz_targets` hand it what
//! libFuzzer finds; the packages' own tests hand it the committed corpus with a fixed number of mutations of it (their
//! `tests/fuzz.rs` takes in the files of this folder).

pub mod api;
pub mod dns;
pub mod experiment;
pub mod http1;
pub mod websocket;
