//! Frames and faults on them, without sockets: what holds for all splits of all sequences.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod faults;
mod made;
mod moments;
mod splits;
