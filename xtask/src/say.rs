//! Writing to standard output. A reader that went away does not end a test run.

use std::io::Write as _;

/// Writes one line, at once.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
