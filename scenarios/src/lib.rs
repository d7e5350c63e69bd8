//! The vocabulary of shakedown: what an experiment is, how one is read, checked and planned.
//!
//! Read in this order: [`experiment`] (the whole), [`target`], [`workload`], [`fault`], [`probe`], [`gate`], [`guard`]
//! (its parts), [`units`] (its quantities), then `read` (from text, with the place of every mistake), `check` (do
//! the parts fit?), [`plan`] (every moment fixed), [`seed`] (where chance comes from).
//!
//! This floor knows no runtime, no clock and no socket.

mod check;
pub mod experiment;
pub mod fault;
pub mod gate;
pub mod guard;
pub mod library;
pub mod placeholder;
mod places;
pub mod plan;
pub mod probe;
pub mod problem;
pub mod read;
pub mod seed;
mod suggest;
pub mod syntax;
pub mod target;
pub mod units;
pub mod workload;
