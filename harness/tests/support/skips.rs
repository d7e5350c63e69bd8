//! Tests that could not run here.

use std::fs;

/// Names a test that could not run here, with its reason, for the closing lines of the test command.
pub fn skipped(test: &str, reason: &str) {
    eprintln!("skipped: {test}: {reason}");
    if let Some(file) = std::env::var_os("SHAKEDOWN_SKIPS") {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{test}\t{reason}").unwrap();
    }
}
