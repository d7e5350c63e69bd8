//! The harness: it runs an experiment and writes down what happened.
//!
//! Read in this order: [`conductor`] (what happens next, purely), [`runner`] (one `select!` that carries it out),
//! [`targets`], [`links`], [`injections`], [`probes`], [`sampler`] (the hands and eyes of the runner), [`run_folder`],
//! [`preflight`], [`doctor`] and [`display`] around it, then the command line in `cli` and `commands`.
//!
//! It never judges: the report is made from the journal by `shakedown-reports`.

pub mod asking;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod conductor;
pub mod console;
pub mod demo;
pub mod display;
pub mod doctor;
pub mod exit;
pub mod host;
pub mod injections;
pub mod keeper;
pub mod limits;
pub mod links;
pub mod placeholders;
pub mod preflight;
pub mod probes;
pub mod run_folder;
pub mod runner;
pub mod sampler;
pub mod targets;
