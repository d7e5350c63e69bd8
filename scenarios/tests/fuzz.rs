//! The short run of the project's `fuzz` folder on what this package reads: whatever comes, what its check says holds,
//! and no 10 KiB of it take more than 16 MiB of memory: a thousand problems are told with all their words.

#![allow(clippy::print_stdout, reason = "figures are for whoever reads the log of a test")]

#[path = "../../fuzz/src/experiment.rs"]
mod experiment;
#[path = "../../fuzz/src/memory.rs"]
mod memory;
#[path = "../../fuzz/src/short.rs"]
mod short;

#[test]
fn safety_12_no_input_breaks_it_or_takes_much_memory() {
    short::run("experiment", 300, 16 << 20, experiment::check);
}
