//! Whole runs of the real program and what they exit with.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/voyage.rs"]
mod voyage;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use voyage::{Voyage, all};

/// A shop with its store; the parts that differ are put in.
fn experiment(shop: &str, workload: &str, rest: &str) -> String {
    format!(
        r#"Experiment(
            name: "a-run",
            targets: {{
                "store": Process(argv: ["{{shakedown}}", "demo", "--role", "store", "--port", "{{port}}"]),
                "shop": Process(
                    argv: ["{{shakedown}}", "demo", "--port", "{{port}}", "--db", "{{link:shop-store}}"],
                    ready: Http("/healthz"), {shop}
                ),
            }},
            links: {{ "shop-store": Tcp(to: "store"), "clients-shop": Tcp(to: "shop") }},
            workloads: {{ "browse": Http(to: Link("clients-shop"), {workload} requests: [(get: "/items/{{n}}")]) }},
            {rest}
        )"#
    )
}

const CALM: &str = r#"arrivals: Poisson("100/s"), timeout: "1s","#;

#[test]
fn a_target_that_is_killed_and_not_restarted_fails_and_names_gate_and_moment() {
    let rest = r#"
        phases: (warmup: "0s", baseline: "3s", chaos: "4s", recovery: "3s"),
        faults: [(name: "crash", at: "1s", do: Kill(target: "shop"))],
        gates: [ErrorRatio(of: "browse", below: "1%", over: Recovery)],"#;
    let voyage = Voyage::new(&experiment("", CALM, rest));
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("error ratio of browse") && text.contains("recovery"), "{text}");
    assert!(text.contains("recovery at 00:0"), "the moment is named: {text}");
    assert!(text.contains("was still down at the end of the load"), "{text}");
    assert!(text.contains("why requests failed") && text.contains("browse, GET /items/{n}, "), "{text}");
}

#[test]
fn load_that_could_not_be_offered_is_inconclusive_and_says_why() {
    // One connection and an answer that takes a fifth of a second: five of two hundred requests a second get out.
    let address = pong_server(Duration::from_millis(200));
    let text = ping_experiment(address, r#"arrivals: Constant("200/s"), connections: 1, timeout: "1s","#);
    let voyage = Voyage::new(&text);
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(2), "{}", all(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("never sent") || text.contains("not sent") || text.contains("offered"), "{text}");
}

#[test]
fn the_guard_stops_a_run_and_heals() {
    let rest = r#"
        phases: (warmup: "0s", baseline: "2s", chaos: "60s", recovery: "1s"),
        faults: [(name: "gone", at: "0s", hold: "50s", do: Partition(link: "shop-store"))],
        guard: (stop_if: [ErrorRatio(of: "browse", above: "50%", for: "2s")]),
        gates: [ErrorRatio(of: "browse", below: "50%", over: Baseline)],"#;
    let voyage = Voyage::new(&experiment("", CALM, rest));
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(3), "{}", all(&output));
    assert!(voyage.read("report.md").contains("above 50%"), "{}", voyage.read("report.md"));
    assert!(voyage.left_over().is_empty());
}

#[test]
fn chaos_does_not_begin_on_an_unsteady_baseline() {
    let rest = r#"
        phases: (warmup: "0s", baseline: "2s", chaos: "60s", recovery: "1s"),
        faults: [(name: "never", at: "0s", do: Kill(target: "shop"))],
        hypothesis: [Http(target: "shop", path: "/no-such-page")],"#;
    let voyage = Voyage::new(&experiment("", CALM, rest));
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    let text = all(&output);
    assert!(text.contains("steady state did not hold before chaos") && text.contains("status 404"), "{text}");
    assert!(!text.contains("inject    never"), "{text}");
}

#[test]
fn every_kind_of_fault_bites_and_heals() {
    let rest = r#"
        phases: (warmup: "1s", baseline: "2s", chaos: "33s", recovery: "3s"),
        faults: [
            (name: "latency", at: "0s", hold: "2s", do: Latency(link: "shop-store", delay: "20ms", jitter: "10ms")),
            (name: "black hole", at: "3s", hold: "2s", do: Blackhole(link: "shop-store", way: Upstream)),
            (name: "partition", at: "6s", hold: "2s", do: Partition(link: "shop-store", way: Downstream)),
            (name: "resets", at: "9s", hold: "1s", do: Reset(link: "clients-shop")),
            (name: "refusal", at: "11s", hold: "2s", do: Refuse(link: "shop-store")),
            (name: "thin pipe", at: "14s", hold: "2s", do: Bandwidth(link: "clients-shop", rate: "4KiB/s")),
            (name: "frozen", at: "17s", hold: "1s", do: Stop(target: "shop")),
            (name: "busy", at: "19s", hold: "2s", do: CpuPressure(workers: 1, load: "30%")),
            (name: "full", at: "22s", hold: "2s", do: MemoryPressure(size: "64MiB", ramp: "500ms")),
            (name: "restart", at: "26s", do: Restart(target: "shop")),
            (name: "crash", at: "29s", do: Kill(target: "shop")),
        ],
        gates: [ErrorRatio(of: "browse", below: "5%", over: Recovery)],"#;
    let shop = r#"restart: OnExit(from: "100ms", to: "1s"),"#;
    let voyage = Voyage::new(&experiment(shop, CALM, rest));
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    let summary = voyage.summary();
    let faults = summary["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 11);
    for fault in faults {
        assert_eq!(fault["bit"]["proven"], true, "{fault}");
        assert_eq!(fault["heal"]["proven"], true, "{fault}");
    }
}

#[test]
fn a_fault_that_cannot_bite_is_unproven_and_makes_the_run_inconclusive() {
    // Nobody uses the link, so nothing on it can be delayed.
    let rest = r#"
        phases: (warmup: "0s", baseline: "1s", chaos: "3s", recovery: "1s"),
        faults: [(name: "idle", at: "0s", hold: "1s", do: Latency(link: "unused", delay: "20ms"))],
        gates: [ErrorRatio(of: "browse", below: "5%")],"#;
    let text = experiment("", CALM, rest).replace(r#"links: {"#, r#"links: { "unused": Tcp(to: "store"),"#);
    let voyage = Voyage::new(&text);
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(2), "{}", all(&output));
    assert!(all(&output).contains("idle"), "{}", all(&output));
}

#[test]
fn a_run_without_load_watches_to_its_end() {
    let text = r#"Experiment(
        name: "watch",
        targets: { "store": Process(argv: ["{shakedown}", "demo", "--role", "store", "--port", "{port}"]) },
        phases: (warmup: "0s", baseline: "2s", chaos: "2s", recovery: "2s"),
        faults: [(name: "crash", at: "500ms", hold: "500ms", do: Stop(target: "store"))],
        hypothesis: [Tcp(target: "store")],
        gates: [Rss(of: "store", below: "1GiB")],
    )"#;
    let voyage = Voyage::new(text);
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    assert_eq!(voyage.summary()["faults"][0]["bit"]["proven"], true);
}

#[test]
fn two_runs_at_once_do_not_touch_each_other() {
    let rest = r#"
        phases: (warmup: "0s", baseline: "1s", chaos: "3s", recovery: "2s"),
        faults: [(name: "crash", at: "1s", do: Kill(target: "shop"))],
        gates: [ErrorRatio(of: "browse", below: "5%", over: Recovery)],"#;
    let voyage = Voyage::new(&experiment(r#"restart: OnExit(from: "50ms", to: "1s"),"#, CALM, rest));
    let first = voyage.start(&[]);
    let second = voyage.shakedown(&["run", "experiment.ron", "--out", "elsewhere/run"]).output().unwrap();
    assert_eq!(second.status.code(), Some(0), "{}", all(&second));
    let (code, text) = first.end();
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_run_without_out_gets_a_folder_of_its_own() {
    let rest = r#"phases: (warmup: "0s", baseline: "1s", chaos: "1s", recovery: "1s"), gates: [ErrorRatio(of: "browse", below: "5%")],"#;
    let voyage = Voyage::new(&experiment("", CALM, rest));
    let output = voyage.shakedown(&["run", "experiment.ron", "--rehearse", "1.5"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    let runs: Vec<_> =
        std::fs::read_dir(voyage.path().join("runs")).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(runs.len(), 1);
    let text = std::fs::read_to_string(runs[0].path().join("report.md")).unwrap();
    assert!(text.to_lowercase().contains("rehearsal"), "{text}");
    assert!(text.contains("--rehearse 1.5"), "the command that runs it again is whole: {text}");
}

#[test]
fn a_plan_is_the_same_bytes_for_the_same_seed() {
    let voyage = Voyage::new("");
    for name in ["quickstart", "redis-partition", "nginx-slow-upstream"] {
        let plan = |seed: &str| voyage.shakedown(&["plan", name, "--ron", "--seed", seed]).output().unwrap();
        let (first, second) = (plan("7"), plan("7"));
        assert_eq!(first.status.code(), Some(0), "{}", all(&first));
        assert_eq!(first.stdout, second.stdout);
        assert_ne!(first.stdout, plan("8").stdout);
    }
}

#[test]
fn a_target_that_somebody_else_serves_is_only_loaded() {
    let text = ping_experiment(pong_server(Duration::ZERO), r#"arrivals: Constant("50/s"),"#);
    let text = text.replace("gates: [", r#"gates: [Throughput(of: "ping", above: "45/s", over: Baseline), "#);
    let voyage = Voyage::new(&text);
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
}

/// An experiment against a server of the test's own.
fn ping_experiment(address: SocketAddr, workload: &str) -> String {
    format!(
        r#"Experiment(
            name: "address",
            targets: {{ "far": Address("{address}") }},
            workloads: {{ "ping": Tcp(to: Target("far"), {workload} exchanges: [(send: "PING\r\n", expect: "+PONG\r\n")]) }},
            phases: (warmup: "0s", baseline: "2s", chaos: "1s", recovery: "1s"),
            gates: [ErrorRatio(of: "ping", below: "1%")],
        )"#
    )
}

/// Answers whatever it reads, so long after it came. Ends with the test's process.
fn pong_server(after: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |mut stream: TcpStream| {
        let mut bytes = [0; 64];
        while stream.read(&mut bytes).is_ok_and(|read| read > 0) {
            std::thread::park_timeout(after);
            if stream.write_all(b"+PONG\r\n").is_err() {
                return;
            }
        }
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

#[test]
fn a_closed_terminal_does_not_end_a_run_without_its_report() {
    let rest = r#"phases: (warmup: "0s", baseline: "1s", chaos: "1s", recovery: "1s"), gates: [ErrorRatio(of: "browse", below: "5%")],"#;
    let voyage = Voyage::new(&experiment("", CALM, rest));
    let mut command = voyage.command("experiment.ron", &[]);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    drop(command);
    drop(reader);
    assert!(voyage::eventually(Duration::from_secs(60), || child.try_wait().unwrap().is_some()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(voyage.read("report.md").contains("a-run"));
}
