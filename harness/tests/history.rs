//! `shakedown history` as people and scripts call it: answers, windows, pictures, exit codes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Lines of a register: process, type, f, value.
fn lines(events: &[(u32, &str, &str, &str)]) -> String {
    let line = |(at, (process, kind, f, value)): (usize, &(u32, &str, &str, &str))| {
        format!(
            "{{\"index\":{at},\"process\":{process},\"type\":\"{kind}\",\"f\":\"{f}\",\"value\":{value},\"time\":{}}}\n",
            at * 1_000
        )
    };
    events.iter().enumerate().map(line).collect()
}

/// Two writes after each other, many more operations, and a read of what the first of the last two wrote.
fn stale() -> String {
    let mut events = Vec::new();
    let values: Vec<String> = (0..50).map(|it| it.to_string()).collect();
    for value in &values {
        events.extend([(0, "invoke", "write", value.as_str()), (0, "ok", "write", value)]);
    }
    events.extend([(1, "invoke", "read", "null"), (1, "ok", "read", "48")]);
    lines(&events)
}

fn history(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shakedown"));
    command.arg("history").args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

fn answers(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let right = lines(&[(0, "invoke", "write", "1"), (0, "ok", "write", "1")]);
    fs::write(folder.path().join("right.jsonl"), &right).unwrap();
    fs::write(folder.path().join("stale.jsonl"), stale()).unwrap();
    fs::write(folder.path().join("broken.jsonl"), format!("{right}{{\"process\":")).unwrap();
    folder
}

#[test]
fn each_file_has_its_answer_and_the_worst_is_the_exit_code() {
    let folder = folder();
    let right = history(folder.path(), &["--model", "register", "right.jsonl"]);
    assert_eq!((right.status.code(), &answers(&right)[0]["verdict"]), (Some(0), &"true".into()));
    assert_eq!(
        (&answers(&right)[0]["ops"], &answers(&right)[0]["window"]),
        (&1.into(), &Value::Array(vec![]))
    );
    let broken = history(folder.path(), &["--model", "register", "right.jsonl", "broken.jsonl"]);
    assert_eq!(broken.status.code(), Some(64));
    let told = answers(&broken);
    assert!(
        told[1]["verdict"].is_null() && told[1]["error"].as_str().unwrap().starts_with("line 3: "),
        "{told:?}"
    );
    let all = history(folder.path(), &["--model", "register", "broken.jsonl", "stale.jsonl", "right.jsonl"]);
    assert_eq!((all.status.code(), answers(&all).len()), (Some(1), 3));
    let missing = history(folder.path(), &["--model", "register", "none.jsonl"]);
    assert_eq!(missing.status.code(), Some(64));
}

#[test]
fn a_window_is_short_and_marks_what_cannot_be() {
    let folder = folder();
    // With compare-and-set among them it takes the search; without, the zones of values tell.
    let cas = stale()
        + &lines(&[(3, "invoke", "cas", "[9999,3]")]).replace("\"index\":0,", "").replace(",\"time\":0", "");
    fs::write(folder.path().join("cas.jsonl"), cas).unwrap();
    for file in ["stale.jsonl", "cas.jsonl"] {
        let output = history(folder.path(), &["--model", "cas-register", file, "--plot", "out.svg"]);
        assert_eq!(output.status.code(), Some(1));
        let answer = &answers(&output)[0];
        let window = answer["window"].as_array().unwrap();
        assert!(window.len() <= 3, "{answer}");
        let stuck: Vec<&Value> = window.iter().filter(|it| it["stuck"] == true).collect();
        assert_eq!((stuck.len(), &stuck[0]["f"], &stuck[0]["value"]), (1, &"read".into(), &"48".into()));
        let svg = fs::read_to_string(folder.path().join("out.svg")).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("read 48") && svg.contains("process 1"), "{svg}");
        fs::remove_file(folder.path().join("out.svg")).unwrap();
    }
}

#[test]
fn usage_that_cannot_be_is_refused() {
    let folder = folder();
    for arguments in [
        &["right.jsonl"][..],
        &["--model", "registers", "right.jsonl"],
        &["--model", "register", "--fail", "maybe", "right.jsonl"],
        &["--model", "register", "--memory", "much", "right.jsonl"],
        &["--model", "register", "--timeout", "-1s", "right.jsonl"],
        &["--model", "lock", "--init", "maybe", "right.jsonl"],
        &["--model", "register", "--plot", "x.svg", "right.jsonl", "stale.jsonl"],
        &["--model", "register", "stale.jsonl", "--plot", "no/such/folder/x.svg"],
    ] {
        let output = history(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    let short = history(folder.path(), &["--model", "register", "--timeout", "0s", "stale.jsonl"]);
    assert!(matches!(short.status.code(), Some(1 | 2)), "no time is no reason to fail in another way");
}
