//! What can be broken, and how it is undone whatever happens.
//!
//! Read in this order: [`toxic`] (faults on bytes, decided), [`proxy`] (faults on bytes, done), [`process`] (who is who,
//! and signals that never hit the wrong one), [`pressure`] (faults on the host), [`ledger`] (what holds and how it is
//! undone, on disk before it is done), [`guardian`] (who undoes it when nobody else is left), [`proof`] (what a heal
//! hands back).
//!
//! This floor knows neither experiments' timelines nor verdicts: it injects, proves and heals what it is told to.

mod clock;
pub mod process;
pub mod proof;
pub mod proxy;
pub mod toxic;
