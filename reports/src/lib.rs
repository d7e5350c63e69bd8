//! What was found: the journal of a run, its analysis, and the pages for people and machines.
//!
//! Read in this order: [`journal`] (the contract with the runner), [`analysis`] (the judge), `consistency` (the histories), [`pages`] (what people and
//! machines read), [`leak_plot()`] (one leak finding), [`history_plot()`]
//! (operations that cannot be), [`show`] (how quantities are told). [`report()`] does it all for a run folder. The judge never
//! touches a target: it reads a folder and writes files.

pub mod analysis;
mod consistency;
mod history_plot;
pub mod journal;
mod leak_plot;
pub mod pages;
mod report;
pub mod show;

pub use consistency::{HISTORIES, Now};
pub use history_plot::{Bar, HistoryPlot, history_plot};
pub use leak_plot::{Leads, LeakPlot, Picture, leak_plot, leak_png};
pub use report::{PLAN, ReportError, judge, report};
