//! What can be broken, and how it is undone whatever happens.
//!
//! Read in this order: [`toxic`] (faults on bytes, decided), [`alarm`] (deadlines finer than the runtime's), [`proxy`]
//! (faults on bytes, done), [`process`] (who is who, and signals that never hit the wrong one), [`pressure`] (faults on
//! the host), [`ledger`] (what holds and how it is undone, on disk before it is done), [`undo`] (how), [`guardian`] (who
//! does so when the harness cannot), [`recover`] (who does so when both are gone), [`proof`] (what a heal hands back).
//!
//! This floor knows neither experiments' timelines nor verdicts: it injects, proves and heals what it is told to.

pub mod alarm;
mod clock;
pub mod guardian;
pub mod ledger;
pub mod pressure;
pub mod process;
pub mod proof;
pub mod proxy;
pub mod recover;
pub mod toxic;
pub mod undo;
