//! Faults on real connections: in a server of its own, and in the proxy before one.

#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

mod acts;
mod bodies;
mod bytes;
mod corpus;
mod dead;
mod faithful;
mod fates;
mod frames;
mod shop;
mod slow;
mod streams;
mod stress;
mod support;
mod upgrade;
