//! The library's experiments against real servers, from Debian's packages, and the quickstart.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/voyage.rs"]
mod voyage;

use voyage::{Voyage, all, skipped};

fn installed(program: &str) -> bool {
    ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        .iter()
        .any(|folder| std::path::Path::new(folder).join(program).is_file())
}

/// Runs an experiment of the library as it is, and sees that it passes and that every fault was proven and healed.
fn passes(name: &str) {
    let voyage = Voyage::new("");
    let output = voyage.command(name, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    for file in ["plan.ron", "ledger", "run.sqlite", "report.html", "report.md", "junit.xml", "summary.json"]
    {
        assert!(voyage.folder().join(file).is_file(), "{file} is missing");
    }
    assert!(voyage.left_over().is_empty());
    let faults = voyage.summary()["faults"].clone();
    let faults = faults.as_array().unwrap();
    assert!(!faults.is_empty());
    for fault in faults {
        assert_eq!(fault["bit"]["proven"], true, "{fault}");
        assert_eq!(fault["heal"]["proven"], true, "{fault}");
    }
}

#[test]
fn the_quickstart_passes() {
    passes("quickstart");
}

#[test]
fn redis_comes_back_from_a_partition() {
    if installed("redis-server") {
        passes("redis-partition");
    } else {
        skipped("redis_comes_back_from_a_partition", "redis-server is not installed");
    }
}

#[test]
fn nginx_comes_back_from_a_slow_upstream() {
    if installed("nginx") {
        passes("nginx-slow-upstream");
    } else {
        skipped("nginx_comes_back_from_a_slow_upstream", "nginx is not installed");
    }
}
