//! `shakedown leaks` on good files and bad ones: an answer for each, in order, and exit codes by the worst.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// An hour at a second; grows by so much in it, with noise of 1.
fn trace(growth: f64) -> String {
    let mut text = "seconds,bytes\n".to_owned();
    for at in 0..3_600 {
        let noise = (f64::from(at) * 0.618_033_988_75).fract();
        writeln!(text, "{at},{}", 1_000.0 + noise + growth * f64::from(at) / 3_600.0).unwrap();
    }
    text
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
    folder
}

fn leaks(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shakedown"))
        .arg("leaks")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn answers(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_leak_is_told_with_its_slope_and_its_limit_and_drawn() {
    let folder = folder(&[("leak.csv", trace(60.0).as_bytes())]);
    let arguments = ["leak.csv", "--limit", "1180", "--unit", "bytes", "--plot", "leak.svg"];
    let output = leaks(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let answer = &answers(&output)[0];
    assert_eq!((&answer["verdict"], &answer["file"]), (&"leak".into(), &"leak.csv".into()));
    let number = |name: &str| answer[name].as_f64().unwrap();
    assert!((55.0..65.0).contains(&number("slope_per_hour")), "{answer}");
    assert!((1.7..2.3).contains(&number("time_to_limit_h")), "{answer}");
    assert!(
        answer["slope_ci"][0].as_f64() <= Some(60.0) && answer["slope_ci"][1].as_f64() >= Some(60.0),
        "{answer}"
    );
    assert!(number("confidence") > 0.9 && number("min_detectable_per_hour") > 0.0, "{answer}");
    assert!(answer["growth_bound_per_hour"].is_null() && answer["onset_s"].is_number(), "{answer}");
    assert!(fs::read_to_string(folder.path().join("leak.svg")).unwrap().starts_with("<svg"));
}

#[test]
fn no_leak_has_a_bound_and_too_little_has_no_verdict() {
    let short = "t,v\r\n2024-01-01T00:00:00Z,1\r\n2024-01-01T00:00:10Z,2\r\n";
    let folder = folder(&[("flat.csv", trace(0.0).as_bytes()), ("short.csv", short.as_bytes())]);
    let output = leaks(folder.path(), &["flat.csv"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let answer = &answers(&output)[0];
    assert_eq!(answer["verdict"], "noleak");
    assert!(answer["growth_bound_per_hour"].is_number() && answer["time_to_limit_h"].is_null(), "{answer}");
    let output = leaks(folder.path(), &["short.csv"]);
    assert_eq!((output.status.code(), &answers(&output)[0]["verdict"]), (Some(2), &"inconclusive".into()));
}

#[test]
fn a_bad_file_takes_no_other_files_answer() {
    let text = "t,v\n0,1\n1,red\n";
    let folder =
        folder(&[("bad.csv", text.as_bytes()), ("flat.csv", trace(0.0).as_bytes()), ("empty.csv", b"")]);
    let output = leaks(folder.path(), &["bad.csv", "flat.csv", "empty.csv", "gone.csv", "."]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    let answers = answers(&output);
    let errors: Vec<&str> = answers.iter().map(|answer| answer["error"].as_str().unwrap_or("")).collect();
    assert_eq!(errors[0], "line 3: expected a number in the second column, found `red`");
    assert_eq!(answers[1]["verdict"], "noleak");
    assert_eq!(errors[2], "expected a header and samples, found an empty file");
    assert!(errors[3].starts_with("cannot be read") && errors[4].contains("found a folder"), "{errors:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("bad.csv: line 3"));
}

#[test]
fn the_order_of_files_is_the_order_of_answers_and_changes_none() {
    let folder = folder(&[("leak.csv", trace(60.0).as_bytes()), ("flat.csv", trace(0.0).as_bytes())]);
    let there = answers(&leaks(folder.path(), &["leak.csv", "flat.csv"]));
    let mut back = answers(&leaks(folder.path(), &["flat.csv", "leak.csv"]));
    back.reverse();
    assert_eq!(there, back);
}

#[test]
fn one_plot_is_for_one_file() {
    let folder = folder(&[("flat.csv", trace(0.0).as_bytes())]);
    let output = leaks(folder.path(), &["flat.csv", "flat.csv", "--plot", "x.svg"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(output.stdout.is_empty() && !folder.path().join("x.svg").exists());
}
