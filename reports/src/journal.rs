//! The journal: what happened, written as it happens. It is the contract between the runner and the judge.
//!
//! Moments are microseconds since the start of the load (`at_us`; negative before it, while targets start), taken from
//! the monotonic clock. The wall clock stands once, in [`Meta`].

pub mod record;

pub use record::*;
