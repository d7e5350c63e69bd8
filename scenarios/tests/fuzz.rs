//! The short run of the project's `fuzz` folder on what this package reads: whatever comes, what its check says holds,
//! and no 10 KiB of it take more than 16 MiB of memory: a thousand problems are told with all their words.

#![allow(clippy::print_stdout, reason = "figures are for whoever reads the log of a test")]

#[path = "../../fuzz/src/experiment.rs"]
mod experiment;
#[path = "../../fuzz/src/memory.rs"]
mod memory;
#[path = "../../fuzz/src/short.rs"]
mod short;

use shakedown_scenarios::plan::plan;
use shakedown_scenarios::read::read;

#[test]
fn safety_12_no_input_breaks_it_or_takes_much_memory() {
    short::run("experiment", 300, 16 << 20, experiment::check);
}

/// The most that an experiment may take, bytes.
const EXPERIMENT_MAX: usize = 256 << 20;

fn each(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(", ")
}

fn with_faults(faults: &str) -> String {
    let target = r#"{"web": Process(argv: ["web", "{port}"])}"#;
    let links = r#"{"a": Tcp(to: "web")}"#;
    let gates = r#"[NoLeak(of: "web")]"#;
    let phases = r#"(chaos: "24h")"#;
    format!(
        "Experiment(name: \"much\", targets: {target}, links: {links}, phases: {phases}, gates: {gates}, faults: [{faults}])"
    )
}

fn slow(number: usize, hold: &str, every: &str) -> String {
    let act = r#"Latency(link: "a", delay: "1ms")"#;
    format!(r#"(name: "{number}", at: "{number}ms", hold: "{hold}", every: "{every}", do: {act})"#)
}

/// What is much in each way that is allowed or refused. The first one is as much as a plan may be.
fn much() -> [(&'static str, String); 6] {
    let held = each(65, |number| slow(number, "59s", "60s"));
    let variables =
        format!(r#"name: "{}", variables: {{"a": "{}"}}"#, "${a}".repeat(1_200), "x".repeat(5_000));
    [
        ("cues", with_faults(&slow(0, "100ms", "1s"))),
        ("faults that hold at once", with_faults(&held)),
        ("unknown fields", format!("Experiment({})", each(900, |number| format!("nam{number}: 1")))),
        (
            "unknown words",
            format!("Experiment(targets: {{{}}})", each(400, |at| format!(r#""{at}": Proces()"#))),
        ),
        ("brackets", "(".repeat(10_000)),
        ("variables", format!("Experiment({variables})")),
    ]
}

#[test]
fn safety_35_an_experiment_that_is_much_takes_no_more_memory_than_it_may() {
    let all = much();
    let experiment = read("cues.ron", &all[0].1, &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(plan(&experiment, 42, 1.0).unwrap().cues.len() > 80_000, "what is to be much is not");
    for (name, text) in all {
        let peak = memory::peak_of(|| experiment::check(text.as_bytes()));
        println!("{name}: {} bytes of text, {peak} of memory", text.len());
        assert!(peak <= EXPERIMENT_MAX, "{name}: {peak} bytes of memory");
    }
}
