//! The short run of the project's `fuzz` folder on what this package reads: whatever comes, what its check says holds,
//! and no 10 KiB of it take more than 1 MiB of memory.

#![allow(clippy::print_stdout, reason = "figures are for whoever reads the log of a test")]

#[path = "../../../fuzz/src/memory.rs"]
mod memory;
#[path = "../../../fuzz/src/short.rs"]
mod short;
#[path = "../../../fuzz/src/websocket.rs"]
mod websocket;

#[test]
fn safety_12_no_input_breaks_it_or_takes_much_memory() {
    short::run("websocket", 1_000, 1 << 20, websocket::check);
}
