//! Histories of real runs: of a primary and its replica, and of a Redis behind a flaky link.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/skips.rs"]
mod skips;
#[path = "support/voyage.rs"]
mod voyage;

use std::fs;

use serde_json::Value;
use skips::skipped;
use voyage::{Voyage, all};

/// The finding about the history of a workload.
fn finding(voyage: &Voyage, workload: &str) -> Value {
    let summary = voyage.summary();
    let findings = summary["consistency"].as_array().unwrap();
    findings.iter().find(|finding| finding["workload"] == workload).unwrap().clone()
}

/// What `shakedown history` says of a history that the run kept: its exit code, and the answer.
fn history(voyage: &Voyage, model: &str, workload: &str) -> (Option<i32>, Value) {
    let file = voyage.folder().join(format!("histories/{workload}.000001.jsonl.zst"));
    let output = voyage.shakedown(&["history", "--model", model, file.to_str().unwrap()]).output().unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

/// The library's experiment, twice as fast: it asks about no times.
fn stale_read(voyage: &Voyage, acknowledge: &str) -> std::process::Output {
    let set = format!("acknowledge={acknowledge}");
    voyage.command("stale-read", &["--rehearse", "2", "--set", &set]).output().unwrap()
}

#[test]
fn a_stale_read_during_a_partition_is_caught_and_its_cure_passes() {
    let voyage = Voyage::new("");
    let output = stale_read(&voyage, "early");
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    let found = finding(&voyage, "registers");
    assert_eq!((&found["verdict"], &found["model"]), (&"fail".into(), &"register".into()), "{found}");
    assert_eq!(found["during"], serde_json::json!(["replica cut off"]), "{found}");
    let stuck: Vec<&Value> =
        found["window"].as_array().unwrap().iter().filter(|op| op["is_stuck"] == true).collect();
    assert_eq!(
        (stuck.len(), &stuck[0]["f"], &stuck[0]["fate"]),
        (1, &"read".into(), &"ok".into()),
        "{found}"
    );
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("history of registers") && told.contains("replica cut off"), "{told}");
    let page = voyage.read("report.html");
    assert!(page.contains("<h2>Consistency</h2>") && page.contains("the operations that show it"));
    assert!(page.contains(
        "<figure class=\"leak\" role=\"img\" aria-label=\"operations of registers, during replica cut off\">"
    ));
    assert!(voyage.read("plots/history-1-registers.svg").contains("read"));
    assert!(voyage.read("report.md").contains("## Consistency"));
    assert!(voyage.read("junit.xml").contains(r#"classname="consistency""#));
    let (code, answer) = history(&voyage, "register", "registers");
    assert_eq!((code, &answer["verdict"], &answer["ops"]), (Some(1), &"false".into(), &found["operations"]));
    drop(voyage);

    let voyage = Voyage::new("");
    let output = stale_read(&voyage, "late");
    let found = finding(&voyage, "registers");
    assert_eq!(found["verdict"], "pass", "{found}");
    assert!(
        found["open"].as_u64().unwrap() > 0,
        "writes were under way when the replica was cut off: {found}"
    );
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
}

#[test]
fn a_killed_run_keeps_its_history_up_to_there_and_says_that_its_end_is_missing() {
    let text = shakedown_scenarios::library::find("stale-read").unwrap().text;
    let voyage = Voyage::new(&text.replace("\"early\"", "\"late\""));
    let mut running = voyage.start(&["--rehearse", "2"]);
    voyage.wait_for(&mut running, "inject ");
    running.murder();
    let output = voyage.report();
    assert_eq!(output.status.code(), Some(2), "{}", all(&output));
    let found = finding(&voyage, "registers");
    assert_eq!(found["verdict"], "inconclusive");
    assert!(found["why"].as_str().unwrap().contains("the run was cut"), "{found}");
    assert!(found["operations"].as_u64().unwrap() > 100, "{found}");
    let (code, answer) = history(&voyage, "register", "registers");
    assert_eq!(
        (code, &answer["ops"]),
        (Some(0), &found["operations"]),
        "what is there is a history: {answer}"
    );
    // A segment that is lost, or torn, is no other verdict than that nobody knows.
    let file = voyage.folder().join("histories/registers.000001.jsonl.zst");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(voyage.report().status.code(), Some(2));
    let torn = finding(&voyage, "registers");
    assert!(torn["operations"].as_u64() < found["operations"].as_u64(), "{torn}");
    fs::remove_file(&file).unwrap();
    assert_eq!(voyage.report().status.code(), Some(2));
    let lost = finding(&voyage, "registers");
    assert!(lost["why"].as_str().unwrap().contains("cannot be read"), "{lost}");
}

/// A Redis, a link that is cut, reset and slow, and clients of three kinds.
const REDIS: &str = r#"Experiment(
    name: "redis-operations",
    targets: {
        "redis": Process(argv: [
            "redis-server", "--bind", "127.0.0.1", "--port", "{port}",
            "--save", "", "--appendonly", "no", "--dir", "{dir}",
        ]),
    },
    links: { "flaky": Tcp(to: "redis") },
    workloads: {
        "registers": Operations(
            to: Link("flaky"), arrivals: Poisson("150/s"), timeout: "200ms", model: CasRegister, operations_per_key: 200,
        ),
        "sets": Operations(to: Link("flaky"), arrivals: Poisson("50/s"), timeout: "200ms", model: Set, operations_per_key: 100),
        "careful": Operations(to: Link("flaky"), arrivals: Poisson("50/s"), timeout: "200ms", model: Counter),
        "careless": Operations(to: Link("flaky"), arrivals: Poisson("50/s"), timeout: "200ms", model: Counter, retries: 2),
    },
    phases: (warmup: "0s", baseline: "1s", chaos: "7s", recovery: "1s"),
    faults: [
        (name: "late answers", at: "0s", hold: "1s", do: Latency(link: "flaky", delay: "250ms", way: Downstream)),
        (name: "resets", at: "2500ms", hold: "500ms", do: Reset(link: "flaky")),
        (name: "cut off", at: "4s", hold: "1s", do: Partition(link: "flaky")),
    ],
    consistency: [(of: "registers"), (of: "sets"), (of: "careful"), (of: "careless")],
)"#;

#[test]
fn a_redis_is_consistent_behind_a_flaky_link_and_a_client_that_sends_an_increment_twice_is_not() {
    if !["/usr/bin/redis-server", "/usr/local/bin/redis-server"].iter().any(|it| fs::exists(it).unwrap()) {
        return skipped(
            "a_redis_is_consistent_behind_a_flaky_link_and_a_client_that_sends_an_increment_twice_is_not",
            "redis-server is not installed",
        );
    }
    let voyage = Voyage::new(REDIS);
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(1), "{}\n{}", all(&output), finding(&voyage, "careless"));
    for (workload, model) in [("registers", "cas-register"), ("sets", "set"), ("careful", "counter")] {
        let found = finding(&voyage, workload);
        assert_eq!(found["verdict"], "pass", "{found}");
        assert!(found["open"].as_u64().unwrap() > 0, "some were never answered: {found}");
        let (code, answer) = history(&voyage, model, workload);
        assert_eq!((code, &answer["verdict"]), (Some(0), &"true".into()), "{answer}");
    }
    assert!(finding(&voyage, "registers")["keys"].as_u64().unwrap() > 5, "objects were left for new ones");
    let found = finding(&voyage, "careless");
    assert_eq!(found["verdict"], "fail", "{found}");
    assert!(!found["during"].as_array().unwrap().is_empty(), "a sum is wrong since some fault held: {found}");
    let reasons = voyage.summary()["reasons"].clone();
    let about: Vec<&str> =
        reasons.as_array().unwrap().iter().map(|it| it["about"].as_str().unwrap()).collect();
    assert_eq!(about, ["history of careless"], "{reasons}");
}

/// A PostgreSQL behind a link that is cut for a second, and clients that want their transactions kept apart more or less.
const POSTGRES: &str = r##"Experiment(
    name: "postgres-operations",
    targets: {
        "db": Process(
            argv: ["{shakedown}", "postgres", "--port", "{port}", "--dir", "{dir}", "--setup", "{dir}/tables.sql"],
            files: {
                "tables.sql": r#"CREATE TABLE accounts (bank text, account int, balance bigint NOT NULL, PRIMARY KEY (bank, account));

CREATE TABLE lists (list text PRIMARY KEY, elements text NOT NULL);

"#,
            },
            ready_within: "1m",
        ),
    },
    links: { "flaky": Tcp(to: "db") },
    workloads: {
        "bank": Operations(to: Link("flaky"), arrivals: Poisson("60/s"), timeout: "500ms", model: Bank),
        "lists": Operations(
            to: Link("flaky"), arrivals: Poisson("60/s"), timeout: "500ms", model: ListAppend, operations_per_key: 50,
        ),
        "careless": Operations(
            to: Link("flaky"), arrivals: Poisson("100/s"), timeout: "500ms", model: Bank, keys: 6, isolation: ReadCommitted,
        ),
    },
    phases: (warmup: "0s", baseline: "500ms", chaos: "4s", recovery: "500ms"),
    faults: [
        (name: "slow", at: "0s", hold: "1500ms", do: Latency(link: "flaky", delay: "5ms")),
        (name: "cut off", at: "2s", hold: "1s", do: Partition(link: "flaky")),
    ],
    consistency: [(of: "bank"), (of: "lists"), (of: "careless")],
)"##;

#[test]
fn a_postgresql_keeps_transactions_apart_as_far_as_it_is_asked_to() {
    if shakedown::postgres::programs().is_none() {
        return skipped(
            "a_postgresql_keeps_transactions_apart_as_far_as_it_is_asked_to",
            "postgresql is not installed",
        );
    }
    let voyage = Voyage::new(POSTGRES);
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(1), "{}\n{}", all(&output), finding(&voyage, "careless"));
    for (workload, model) in [("bank", "bank"), ("lists", "list-append")] {
        let found = finding(&voyage, workload);
        assert_eq!((&found["verdict"], &found["model"]), (&"pass".into(), &model.into()), "{found}");
        let [operations, failed] = ["operations", "failed"].map(|it| found[it].as_u64().unwrap());
        assert!(
            failed > 0 && operations > failed,
            "some were refused or cut off, and some were done: {found}"
        );
        let (code, answer) = history(&voyage, model, workload);
        assert_eq!((code, &answer["verdict"]), (Some(0), &"true".into()), "{answer}");
    }
    let found = finding(&voyage, "careless");
    assert_eq!(found["verdict"], "fail", "{found}");
    assert!(found["why"].as_str().unwrap().contains("is not consistent"), "{found}");
    let window = found["window"].as_array().unwrap();
    assert!(window.iter().any(|op| op["is_stuck"] == true && op["fate"] == "ok"), "{found}");
}
