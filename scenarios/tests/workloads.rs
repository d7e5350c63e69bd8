//! Workloads: what an experiment says of them, what that means, and how a plan shows it.

#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped here has failed the test")]

use shakedown_scenarios::plan::{Plan, plan};
use shakedown_scenarios::read::read;
use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{Arrivals, Think, Workload};

/// The plan of an experiment whose only workload is this.
fn planned(workload: &str) -> Plan {
    let text = format!(
        r#"Experiment(
            name: "load",
            targets: {{ "shop": Process(argv: ["./shop", "{{port}}"]) }},
            workloads: {{ "browse": {workload} }},
            phases: (chaos: "1m"),
            gates: [NoLeak(of: "shop")],
        )"#
    );
    plan(&read("load.ron", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}")), 1, 1.0).unwrap()
}

fn http(arrivals: &str) -> Plan {
    planned(&format!(r#"Http(to: Target("shop"), arrivals: {arrivals}, requests: [(get: "/")])"#))
}

fn workload(plan: &Plan) -> &Workload {
    &plan.experiment.workloads["browse"]
}

/// What is written means this, is told in these words, and comes back from the text of the plan.
fn check(written: &str, meant: &Arrivals, words: &str) {
    let plan = http(written);
    assert_eq!(workload(&plan).arrivals(), meant, "{written}");
    assert_eq!(Plan::from_ron(&plan.to_ron()).unwrap(), plan, "{written}");
    let line = format!("\nload\n  browse  HTTP straight to shop, {words}\n");
    assert!(plan.timeline().contains(&line), "{}", plan.timeline());
}

#[test]
fn users_wait_for_their_answers() {
    const CLOSED: &str = " (closed model: latency is service time)";
    let closed = |users, think| Arrivals::Closed { users, think };
    check(
        "Closed(users: 64)",
        &closed(64, Think::Constant(Span::ZERO)),
        &format!("64 users, each waits for an answer, then asks again at once{CLOSED}"),
    );
    check(
        r#"Closed(users: 1, think: "200ms")"#,
        &closed(1, Think::Constant(Span::millis(200))),
        &format!("1 user who waits for an answer, then thinks for 200ms{CLOSED}"),
    );
    check(
        r#"Closed(users: 3, think: Exponential("2s"))"#,
        &closed(3, Think::Exponential(Span::secs(2))),
        &format!("3 users, each waits for an answer, then thinks for 2s on average{CLOSED}"),
    );
}

#[test]
fn each_user_has_a_connection_of_its_own() {
    assert_eq!(workload(&http("Closed(users: 100)")).connections(), 100);
    let same =
        r#"Http(to: Target("shop"), arrivals: Closed(users: 9), connections: 9, requests: [(get: "/")])"#;
    assert_eq!(workload(&planned(same)).connections(), 9);
    assert_eq!(workload(&http(r#"Poisson("9/s")"#)).connections(), 64);
}

#[test]
fn a_rehearsal_keeps_think_times() {
    let real = http(r#"Closed(users: 3, think: "1s")"#);
    let short = plan(&real.experiment, 1, 10.0).unwrap();
    assert_eq!(short.experiment.workloads, real.experiment.workloads);
}
