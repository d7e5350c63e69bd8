//! The library's experiments against real servers, from Debian's packages, and the quickstart.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/skips.rs"]
mod skips;
#[path = "support/voyage.rs"]
mod voyage;

use skips::skipped;
use voyage::{Voyage, all};

fn installed(program: &str) -> bool {
    ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        .iter()
        .any(|folder| std::path::Path::new(folder).join(program).is_file())
}

/// Runs an experiment of the library as it is, and sees that every fault was proven and healed and that every gate held.
///
/// How long something took is not asserted, for the machine may be shared: a gate on times that did not hold is printed.
/// That things became normal again at all is asserted, at any speed.
fn passes(name: &str) {
    let voyage = Voyage::new("");
    let output = voyage.command(name, &[]).output().unwrap();
    let summary = voyage.summary();
    let reasons = summary["reasons"].as_array().unwrap();
    assert_eq!(output.status.code() == Some(0), reasons.is_empty(), "{}", all(&output));
    for reason in reasons {
        assert!(is_about_time(reason), "{}", all(&output));
        eprintln!("{name} was too slow here: {reason}");
    }
    for file in ["plan.ron", "ledger", "run.sqlite", "report.html", "report.md", "junit.xml", "summary.json"]
    {
        assert!(voyage.folder().join(file).is_file(), "{file} is missing");
    }
    assert!(voyage.left_over().is_empty());
    let faults = summary["faults"].clone();
    let faults = faults.as_array().unwrap();
    assert!(!faults.is_empty());
    for fault in faults {
        assert_eq!(fault["bit"]["proven"], true, "{fault}");
        assert_eq!(fault["heal"]["proven"], true, "{fault}");
    }
}

/// Whether a reason of a verdict is about latency, lateness or the length of a recovery that did come.
fn is_about_time(reason: &serde_json::Value) -> bool {
    let about = reason["about"].as_str().unwrap();
    let never_came = reason.to_string().contains("until the end of the run");
    !never_came
        && (about == "harness"
            || ["p95", "p99", "recovery from"].iter().any(|start| about.starts_with(start)))
}

#[test]
fn the_quickstart_passes() {
    passes("quickstart");
}

#[test]
#[ignore = "it takes a minute, and `protocols` has the same faults in short runs"]
fn a_shop_comes_back_from_bad_networks() {
    passes("bad-network");
}

#[test]
#[ignore = "it takes a minute, and `protocols` has the same faults in short runs"]
fn a_shop_is_left_alone_by_what_cuts_the_other_one() {
    passes("split-brain");
}

#[test]
#[ignore = "it takes a minute, and `protocols` has the same faults in short runs"]
fn a_shop_comes_back_from_faults_on_its_answers() {
    passes("http-faults");
}

#[test]
#[ignore = "it takes half a minute, and the load's own tests go on journeys through nginx"]
fn visitors_come_to_the_end_of_their_visits_again() {
    passes("checkout");
}

#[test]
#[ignore = "it takes half a minute, and the load's own tests send every opening to nginx"]
fn hostile_openings_are_refused_cleanly() {
    if installed("nginx") {
        passes("malformed");
    } else {
        skipped("hostile_openings_are_refused_cleanly", "nginx is not installed");
    }
}

#[test]
#[ignore = "it takes a minute, and `protocols` has the same faults in short runs"]
fn a_shop_comes_back_from_a_name_server_that_lies() {
    passes("dns-faults");
}

#[test]
#[ignore = "it takes a minute, and `protocols` has faults on datagrams in short runs"]
fn a_shop_comes_back_from_lost_and_late_datagrams() {
    if installed("socat") {
        passes("udp-faults");
    } else {
        skipped("a_shop_comes_back_from_lost_and_late_datagrams", "socat is not installed");
    }
}

#[test]
#[ignore = "it takes a minute, and `protocols` has the same faults in short runs"]
fn curl_comes_back_from_wrong_certificates() {
    if installed("curl") {
        passes("tls-certificates");
    } else {
        skipped("curl_comes_back_from_wrong_certificates", "curl is not installed");
    }
}

#[test]
#[ignore = "it takes a minute, and `redis-cache` is run on a Redis too"]
fn redis_comes_back_from_a_partition() {
    if installed("redis-server") {
        passes("redis-partition");
    } else {
        skipped("redis_comes_back_from_a_partition", "redis-server is not installed");
    }
}

#[test]
fn a_cache_answers_rightly_over_a_bad_link_and_after_a_crash() {
    if installed("redis-server") {
        passes("redis-cache");
    } else {
        skipped("a_cache_answers_rightly_over_a_bad_link_and_after_a_crash", "redis-server is not installed");
    }
}

#[test]
fn a_bank_keeps_its_money_when_its_database_is_cut_off_and_crashes() {
    if shakedown::postgres::programs().is_some() {
        passes("postgres-bank");
    } else {
        skipped(
            "a_bank_keeps_its_money_when_its_database_is_cut_off_and_crashes",
            "postgresql is not installed",
        );
    }
}

#[test]
#[ignore = "it takes half a minute, and `tests/consistency` asks the same of a smaller run"]
fn a_postgresql_loses_updates_at_its_usual_isolation_and_none_when_it_is_serializable() {
    const NAME: &str = "a_postgresql_loses_updates_at_its_usual_isolation_and_none_when_it_is_serializable";
    if shakedown::postgres::programs().is_none() {
        return skipped(NAME, "postgresql is not installed");
    }
    for (isolation, code) in [("ReadCommitted", 1), ("Serializable", 0)] {
        let voyage = Voyage::new("");
        let set = format!("isolation={isolation}");
        let output = voyage.command("postgres-anomaly", &["--set", &set]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{isolation}: {}", all(&output));
    }
}

#[test]
fn a_hundred_sockets_come_back() {
    if installed("nginx") {
        passes("websocket-100");
    } else {
        skipped("a_hundred_sockets_come_back", "nginx is not installed");
    }
}

#[test]
fn a_thousand_requests_a_second_are_answered_rightly() {
    if installed("nginx") {
        passes("api-1000rps");
    } else {
        skipped("a_thousand_requests_a_second_are_answered_rightly", "nginx is not installed");
    }
}

#[test]
fn streams_over_tls_come_back_from_a_wrong_certificate() {
    if installed("nginx") {
        passes("http2-tls");
    } else {
        skipped("streams_over_tls_come_back_from_a_wrong_certificate", "nginx is not installed");
    }
}

#[test]
#[ignore = "it takes a minute, and `protocols` has the same faults in short runs"]
fn nginx_comes_back_from_a_slow_upstream() {
    if installed("nginx") {
        passes("nginx-slow-upstream");
    } else {
        skipped("nginx_comes_back_from_a_slow_upstream", "nginx is not installed");
    }
}
