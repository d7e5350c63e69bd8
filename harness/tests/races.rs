//! `shakedown races` on the pairs of `fixtures/races`, on packages that are no good, and on our own models.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/voyage.rs"]
mod voyage;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use voyage::{Voyage, all};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn races(manifest: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shakedown"));
    command.arg("races").arg("--manifest-path").arg(manifest).args(arguments).output().unwrap()
}

fn answer(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

fn text<'a>(model: &'a Value, field: &str) -> &'a str {
    model[field].as_str().unwrap_or_default()
}

/// How the wrong one of each pair is found.
const BUGGY: [(&str, &str); 16] = [
    ("aba_on_a_free_list", "assertion"),
    ("broken_seqlock", "assertion"),
    ("channel_close_against_send", "assertion"),
    ("check_then_act_pool_limit", "assertion"),
    ("circuit_breaker_half_open", "assertion"),
    ("config_reload_against_readers", "assertion"),
    ("credential_file_of_two_tasks", "assertion"),
    ("double_checked_initialisation", "race"),
    ("double_release_of_a_connection", "assertion"),
    ("event_bus_copy_on_write", "assertion"),
    ("job_started_against_cancelled", "assertion"),
    ("lock_order", "deadlock"),
    ("lost_wake_up", "deadlock"),
    ("missed_notify_of_an_operation_queue", "deadlock"),
    ("relaxed_publication", "race"),
    ("worker_keeps_its_context", "leak"),
];

#[test]
fn every_buggy_model_of_the_pairs_is_found_and_every_fixed_one_passes() {
    let manifest = root().join("fixtures/races/Cargo.toml");
    let output = races(&manifest, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let answer = answer(&output);
    let models = answer["models"].as_array().unwrap();
    assert_eq!((models.len(), text(&answer, "verdict")), (2 * BUGGY.len(), "fail"));
    for (pair, outcome) in BUGGY {
        let model = |which: &str| {
            let name = format!("pairs::{pair}::{which}");
            models.iter().find(|model| text(model, "name") == name).unwrap()
        };
        let (buggy, fixed) = (model("buggy"), model("fixed"));
        assert_eq!(text(buggy, "outcome"), outcome, "{buggy}");
        assert!(text(buggy, "place").contains(pair), "{buggy}");
        assert!(!buggy["interleaving"].as_array().unwrap().is_empty(), "{buggy}");
        // All was played: nothing bounded it, and loom says how many there were.
        assert_eq!(text(fixed, "outcome"), "pass", "{fixed}");
        assert!(fixed["iterations"].as_u64().unwrap() > 1 && fixed["preemptions"].is_null(), "{fixed}");
    }
    let why = |pair: &str| {
        let name = format!("pairs::{pair}::buggy");
        text(models.iter().find(|model| text(model, "name") == name).unwrap(), "why")
    };
    assert!(why("lost_wake_up").contains("lost wake-up"), "{}", why("lost_wake_up"));
    assert!(why("lock_order").contains("wait for locks"), "{}", why("lock_order"));
    replays(models.iter().find(|model| text(model, "name") == "pairs::broken_seqlock::buggy").unwrap());
}

/// What is printed for people plays the very interleaving, at once, and again.
fn replays(model: &Value) {
    assert!(model["iterations"].as_u64().unwrap() > 1, "{model}");
    for _ in 0..2 {
        let output = typed(text(model, "replay")).env("NO_COLOR", "1").output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(!output.status.success() && said.contains("two halves of different figures"), "{said}");
        assert!(said.contains("iter{1}") && !said.contains("iter{2}"), "{said}");
    }
}

/// The command `(cd FOLDER && NAME=VALUE … PROGRAM ARGUMENT …)` as a shell would start it; nothing in it is quoted here.
fn typed(command: &str) -> Command {
    assert!(!command.contains('\''), "{command}");
    let inner = command.strip_prefix("(cd ").and_then(|rest| rest.strip_suffix(')')).unwrap();
    let (folder, run) = inner.split_once(" && ").unwrap();
    let words: Vec<&str> = run.split(' ').collect();
    let settings = words.iter().take_while(|word| word.contains('=')).count();
    let mut typed = Command::new(words[settings]);
    typed.current_dir(folder).args(&words[settings + 1..]);
    typed.envs(words[..settings].iter().map(|word| word.split_once('=').unwrap()));
    typed
}

/// A package without dependencies of its own, so that it builds at once.
fn package(folder: &Path, source: &str) -> PathBuf {
    std::fs::create_dir_all(folder.join("src")).unwrap();
    let manifest = "[package]\nname = \"lonely\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("src/lib.rs"), source).unwrap();
    folder.join("Cargo.toml")
}

#[test]
fn what_cannot_be_played_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let check = |output: Output, word: &str| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains(word), "expected `{word}` in: {said}");
        assert!(output.stdout.is_empty(), "no answer is given: {:?}", output.stdout);
    };
    check(races(&folder.path().join("Cargo.toml"), &[]), "does not exist");
    let broken = package(&folder.path().join("broken"), "fn main( {");
    check(races(&broken, &[]), "do not build with `--cfg loom`");
    // A test that is no model is not played, and not taken for one.
    let plain = package(&folder.path().join("plain"), "#[test]\nfn fails() { panic!(\"never mind\") }");
    check(races(&plain, &[]), "expected at least one model, found none");
}

#[test]
fn models_of_many_threads_are_played_in_random_orders() {
    let manifest = root().join("fixtures/races/Cargo.toml");
    let output = races(&manifest, &["--engine", "shuttle", "--test", "crowds"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let answer = answer(&output);
    let models = answer["models"].as_array().unwrap();
    let expected = [
        ("crowds::one_bell_for_two_crowds::buggy", "deadlock", "no thread can go on"),
        ("crowds::one_bell_for_two_crowds::fixed", "pass", ""),
        ("crowds::seats_sold_twice::buggy", "assertion", "seats sold"),
        ("crowds::seats_sold_twice::fixed", "pass", ""),
    ];
    assert_eq!(models.len(), expected.len(), "{answer}");
    for (model, (name, outcome, why)) in models.iter().zip(expected) {
        let found = (text(model, "name"), text(model, "engine"), text(model, "outcome"));
        assert_eq!(found, (name, "shuttle", outcome), "{model}");
        assert!(text(model, "why").contains(why), "{model}");
        if outcome == "pass" {
            assert!(model["replay"].is_null() && model["checkpoint"].is_null(), "{model}");
            continue;
        }
        let schedule = std::fs::read_to_string(text(model, "checkpoint")).unwrap();
        assert!(schedule.chars().all(|letter| letter.is_ascii_hexdigit()) && !schedule.is_empty());
        let output = typed(text(model, "replay")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("failing schedule"), "{said}");
    }
}

/// One test that races, and one that does not.
const WATCHED: &str = "
#[cfg(test)]
mod tests {
    use std::cell::UnsafeCell;
    use std::sync::{Arc, Mutex};
    use std::thread;

    struct Count(UnsafeCell<u64>);
    unsafe impl Sync for Count {}

    #[test]
    fn races() {
        let count = Arc::new(Count(UnsafeCell::new(0)));
        let threads = [0, 1].map(|_| {
            let count = Arc::clone(&count);
            thread::spawn(move || unsafe { *count.0.get() += 1 })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn is_right() {
        let count = Arc::new(Mutex::new(0));
        let threads = [0, 1].map(|_| {
            let count = Arc::clone(&count);
            thread::spawn(move || *count.lock().unwrap() += 1)
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*count.lock().unwrap(), 2);
    }
}
";

#[test]
#[ignore = "a minute: it builds the standard library, and wants a nightly toolchain with rust-src"]
fn any_test_can_be_watched_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let output = races(&package(folder.path(), WATCHED), &["--engine", "tsan"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let answer = answer(&output);
    let found = |name: &str| {
        let models = answer["models"].as_array().unwrap();
        models.iter().find(|model| text(model, "name").ends_with(name)).unwrap()
    };
    let race = found("::races");
    assert_eq!((text(race, "outcome"), text(race, "why")), ("race", "data race"), "{race}");
    assert!(text(race, "place").contains("src/lib.rs:"), "{race}");
    assert!(race["interleaving"].to_string().contains("Previous"), "{race}");
    assert_eq!(text(found("::is_right"), "outcome"), "pass", "{answer}");
}

#[test]
fn what_an_engine_has_no_use_for_is_refused() {
    let manifest = root().join("fixtures/races/Cargo.toml");
    for (arguments, word) in [
        (["--engine", "shuttle", "--preemptions", "2"], "--preemptions is for --engine loom"),
        (["--engine", "loom", "--seed", "2"], "--seed is for --engine shuttle"),
        (["--engine", "tsan", "--toolchain", "no-such-toolchain"], "toolchain install no-such-toolchain"),
    ] {
        let output = races(&manifest, &arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(64) && said.contains(word), "{said}");
    }
}

#[test]
fn a_model_that_cannot_be_played_to_its_end_is_inconclusive() {
    let manifest = root().join("fixtures/races/Cargo.toml");
    let output = races(&manifest, &["broken_seqlock::fixed", "--permutations", "100"]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    let answer = answer(&output);
    let model = &answer["models"][0];
    assert_eq!((text(model, "outcome"), text(&answer, "verdict")), ("limit", "inconclusive"));
    assert!(text(model, "why").contains("100 interleavings were played, and more are left"), "{model}");
    let output = races(&manifest, &["broken_seqlock::fixed", "--branches", "5"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn models_are_a_part_of_a_runs_verdict_and_of_its_report() {
    let manifest = root().join("fixtures/races/Cargo.toml");
    let experiment = |only: &str| {
        format!(
            r#"Experiment(
                name: "with-models",
                targets: {{ "store": Process(argv: ["{{shakedown}}", "demo", "--role", "store", "--port", "{{port}}"]) }},
                phases: (warmup: "0s", baseline: "1s", chaos: "1s", recovery: "0s"),
                races: [(manifest: {:?}, tests: ["pairs"], only: [{only}])],
            )"#,
            manifest.display()
        )
    };
    let voyage = Voyage::new(&experiment(r#""lock_order""#));
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("pairs::lock_order::buggy") && told.contains("deadlock"), "{told}");
    let markdown = voyage.read("report.md");
    assert!(markdown.contains("## Races") && markdown.contains(r"pairs::lock\_order::fixed"), "{markdown}");
    let page = voyage.read("report.html");
    assert!(page.contains("the failing interleaving") && page.contains("Mutex::post_acquire"));
    assert!(voyage.read("junit.xml").contains(r#"classname="model""#));
    drop(voyage);
    let voyage = Voyage::new(&experiment(r#""lock_order::fixed", "lost_wake_up::fixed""#));
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    drop(voyage);
    let voyage = Voyage::new(&experiment(r#""no such model""#));
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(64), "{}", all(&output));
}
