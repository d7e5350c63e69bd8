//! What both drivers need: to ask the test to look at a proxy.

use std::io::{Write as _, stdin, stdout};

/// What toxics are given.
pub mod given {
    /// Milliseconds.
    pub const LATENCY: u32 = 150;
    /// Milliseconds, after the update.
    pub const LATENCY_UPDATED: u32 = 400;
    /// Kilobytes a second.
    pub const RATE: u32 = 100;
    /// Milliseconds that an end is late.
    pub const CLOSE_DELAY: u32 = 200;
    /// Milliseconds.
    pub const TIMEOUT: u32 = 150;
    /// Bytes on average, bytes more or less, microseconds between pieces.
    pub const SLICER: [u32; 3] = [100, 20, 2000];
    /// Bytes.
    pub const LIMIT: u32 = 5;
}

/// Asks the test to look at a proxy, and waits until it has.
pub fn see(words: &[&str]) {
    let mut out = stdout().lock();
    writeln!(out, "see {}", words.join(" ")).expect("the test reads what we write");
    out.flush().expect("the test reads what we write");
    let mut answer = String::new();
    stdin().read_line(&mut answer).expect("the test answers");
    assert_eq!(answer, "seen\n");
}
