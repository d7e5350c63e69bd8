//! The vocabulary of shakedown: what an experiment is, how one is read, checked and planned.
//!
//! Read in this order: [`experiment`] (the whole), [`target`], [`workload`], [`fault`], [`probe`], [`export`], [`gate`],
//! [`guard`] (its parts), [`units`] (its quantities), [`protocol`] and [`words`] (what higher floors have the words for),
//! [`placeholder`] (what is put into a process's arguments at the start), [`trace`] (arrivals that were recorded). Then the way from text to timeline: [`syntax`]
//! (text to tree), [`read`] (tree to experiment), `check` (do the parts fit?), [`problem`] (everything that is wrong,
//! told at once), [`plan`] (every moment fixed), [`seed`] (where chance comes from). [`library`] and [`template`] hold the
//! experiments that come along, [`reference`](mod@reference) says what every word of one is for.
//!
//! This floor knows no runtime, no clock and no socket.

mod check;
pub mod experiment;
pub mod export;
pub mod fault;
pub mod gate;
pub mod guard;
pub mod library;
pub mod placeholder;
mod places;
pub mod plan;
pub mod probe;
pub mod problem;
pub mod protocol;
pub mod read;
pub mod reference;
pub mod seed;
mod suggest;
pub mod syntax;
pub mod target;
pub mod template;
pub mod toxic;
pub mod trace;
pub mod units;
pub mod words;
pub mod workload;
