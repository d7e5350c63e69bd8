//! Does a series leak? Memory, descriptors, threads, rows, queue lengths: any values over time.
//!
//! Read in this order: [`csv`] (how a [`Series`] comes in), [`Finding`] (the answer), [`detect`] (the way to it), `view`
//! and `blocks` (a trace made small), `jumps`, `teeth` and `waves` (what is no growth), `shapes` and `noise` (what growth
//! and noise look like), `fit` (which of them explain the trace, by Bayesian model averaging), `judge` (what they say
//! together). [`Watch`] asks again and again while a run grows, [`under_load`] asks what growth follows, [`compare`] whether
//! one run is worse than another. How good it is stands in `README.md`. It does not know where a series comes from, nor what
//! a value costs.

mod blocks;
mod compare;
pub mod csv;
mod detect;
mod finding;
mod fit;
mod floors;
mod going;
mod grain;
mod judge;
mod jumps;
mod linear;
mod load;
mod mixture;
mod noise;
mod series;
mod shapes;
mod spells;
mod stamp;
mod stats;
mod teeth;
mod view;
mod watch;
mod waves;

pub use compare::{Comparison, Worse, compare};
pub use detect::{detect, explain};
pub use finding::{Finding, Verdict};
pub use floors::{Floor, FloorFinding, Floors, Pace, PaceFinding, Phase, floors, paces};
pub use load::{Follows, LoadFinding, under_load};
pub use series::Series;
pub use spells::Estimate;
pub use watch::{Look, Watch};
