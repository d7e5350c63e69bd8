//! What was found: the journal of a run, its analysis, and the pages for people and machines.
//!
//! [`journal`] is the contract with the runner. The judge never touches a target: it reads a folder and writes files.

pub mod journal;
