//! `/metrics`: when it is there, and what it says.

use shakedown_proxy::server::Options;

use crate::support::{Api, options, without_ports};

#[test]
fn without_a_flag_there_is_no_such_path() {
    let api = Api::with(&Options { proxy_metrics: false, runtime_metrics: false, ..options() });
    api.check("GET /metrics", "", 404, "404 page not found\n");
}

#[test]
fn toxiproxys_counters_have_its_names_and_labels() {
    let api = Api::start();
    api.proxy("p", "up:1");
    let answer = api.ask("GET /metrics", "");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = without_ports(&answer.body);
    for name in ["toxiproxy_proxy_received_bytes_total", "toxiproxy_proxy_sent_bytes_total"] {
        for direction in ["upstream", "downstream"] {
            let labels =
                format!(r#"direction="{direction}",listener="127.0.0.1:PORT",proxy="p",upstream="up:1""#);
            assert!(text.contains(&format!("\n{name}{{{labels}}} 0\n")), "{text}");
        }
    }
    assert!(text.contains("\nprocess_open_fds ") && text.contains("\nprocess_cpu_seconds_total "), "{text}");
}

#[test]
fn each_flag_shows_its_own_part() {
    let proxies = Api::with(&Options { runtime_metrics: false, ..options() }).ask("GET /metrics", "").body;
    assert!(proxies.contains("toxiproxy_proxy_sent_bytes_total") && !proxies.contains("process_open_fds"));
    let runtime = Api::with(&Options { proxy_metrics: false, ..options() }).ask("GET /metrics", "").body;
    assert!(!runtime.contains("toxiproxy_proxy_sent_bytes_total") && runtime.contains("process_open_fds"));
}

#[test]
fn toxics_are_shown_with_hostile_names_within_their_quotes() {
    let api = Api::start();
    api.json("PUT /v1/proxies/a%22%7D%0Ab", r#"{"upstream":"up:1"}"#);
    api.json("PUT /v1/proxies/a%22%7D%0Ab/toxics/t%5C", r#"{"toxic":{"Partition":{}}}"#);
    let text = api.ask("GET /metrics", "").body;
    let row = r#"shakedown_proxy_toxic_bit{name="t\\",proxy="a\"}\nb",type="partition"} 0"#;
    assert!(text.lines().any(|line| line == row), "{text}");
}
