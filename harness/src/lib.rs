//! The harness: it runs an experiment and writes down what happened.
//!
//! Read in this order:
//! - what happens next, purely: [`conductor`];
//! - one `select!` that carries it out: [`setup`] (what stands before it), [`runner`], [`display`];
//! - its hands: [`targets`] (processes), [`links`] (ports and proxies), [`injections`] and [`keeper`] (faults, and the
//!   ledger they are in), [`placeholders`], [`limits`];
//! - its eyes: [`sampler`] (resources), [`exports`] (figures that targets tell of themselves),
//!   [`probes`] and [`asking`] (questions), [`host`], [`doctor`];
//! - around it: [`traces`] (recorded arrivals, rows and messages), [`authorities`] (whom load believes), [`preflight`], [`run_folder`], [`clock`], [`console`], [`exit`], [`cli`], [`commands`];
//! - [`demo`]: the demonstration target, so that the first run needs no server; [`postgres`]: a database of an experiment's
//!   own.
//!
//! It never judges: the report is made from the journal by `shakedown-reports`.

pub mod asking;
pub mod authorities;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod conductor;
pub mod console;
pub mod demo;
pub mod display;
pub mod doctor;
pub mod exit;
pub mod exports;
pub mod host;
pub mod injections;
pub mod keeper;
pub mod limits;
pub mod links;
pub mod placeholders;
pub mod postgres;
pub mod preflight;
pub mod probes;
pub mod run_folder;
pub mod runner;
pub mod sampler;
pub mod setup;
pub mod targets;
pub mod traces;
