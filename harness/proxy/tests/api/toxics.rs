//! Toxiproxy's toxics at the control plane: defaults, units, what is refused.

use crate::support::Api;

#[track_caller]
fn answers(body: &str, expected: &str) {
    let api = Api::start();
    api.proxy("p", "up:1");
    api.check("POST /proxies/p/toxics", body, 200, expected);
}

#[track_caller]
fn refuses(body: &str, message: &str) {
    let api = Api::start();
    api.proxy("p", "up:1");
    let answer = api.ask("POST /proxies/p/toxics", body);
    assert_eq!(answer.status, 400, "{body}: {answer:?}");
    assert!(answer.body.contains(message), "{}", answer.body);
    api.check("GET /proxies/p/toxics", "", 200, "[]");
}

#[test]
fn every_type_has_its_attributes_in_their_order_and_zero_by_default() {
    for (kind, attributes) in [
        ("noop", "{}"),
        ("latency", r#"{"latency":0,"jitter":0}"#),
        ("bandwidth", r#"{"rate":0}"#),
        ("slow_close", r#"{"delay":0}"#),
        ("timeout", r#"{"timeout":0}"#),
        ("reset_peer", r#"{"timeout":0}"#),
        ("limit_data", r#"{"bytes":0}"#),
    ] {
        let tail =
            format!(r#""name":"{kind}_downstream","type":"{kind}","stream":"downstream","toxicity":1"#);
        answers(&format!(r#"{{"type":"{kind}"}}"#), &format!(r#"{{"attributes":{attributes},{tail}}}"#));
    }
    let slicer = r#""attributes":{"average_size":100,"size_variation":20,"delay":30}"#;
    answers(
        &format!(r#"{{"type":"slicer",{slicer}}}"#),
        &format!(
            r#"{{{slicer},"name":"slicer_downstream","type":"slicer","stream":"downstream","toxicity":1}}"#
        ),
    );
}

#[test]
fn a_stream_is_found_in_any_case_and_echoed_as_sent() {
    answers(
        r#"{"type":"noop","stream":"UpStream"}"#,
        r#"{"attributes":{},"name":"noop_UpStream","type":"noop","stream":"UpStream","toxicity":1}"#,
    );
}

#[test]
fn unknown_attributes_are_dropped() {
    answers(
        r#"{"name":"b","type":"bandwidth","attributes":{"RATE":9,"colour":"red"}}"#,
        r#"{"attributes":{"rate":9},"name":"b","type":"bandwidth","stream":"downstream","toxicity":1}"#,
    );
}

#[test]
fn a_share_of_32_bits_comes_back_as_it_was_written() {
    for (sent, echoed) in [("0.7", "0.7"), ("0", "0"), ("1.0", "1"), ("0.1", "0.1"), ("0.05", "0.05")] {
        answers(
            &format!(r#"{{"name":"n","type":"noop","toxicity":{sent}}}"#),
            &format!(
                r#"{{"attributes":{{}},"name":"n","type":"noop","stream":"downstream","toxicity":{echoed}}}"#
            ),
        );
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_reason() {
    for (kind, attributes, message) in [
        ("latency", r#"{"latency":-1}"#, "latency is -1; allowed are 0 to 86400000"),
        ("latency", r#"{"jitter":-5}"#, "jitter is -5"),
        ("latency", r#"{"latency":86400001}"#, "allowed are 0 to 86400000"),
        ("bandwidth", r#"{"rate":-1}"#, "rate is -1"),
        ("slow_close", r#"{"delay":-1}"#, "delay is -1"),
        ("timeout", r#"{"timeout":-1}"#, "timeout is -1"),
        ("reset_peer", r#"{"timeout":-1}"#, "timeout is -1"),
        ("slicer", "{}", "average_size is 0; pieces have at least 1 byte"),
        ("slicer", r#"{"average_size":5,"size_variation":6}"#, "size_variation is 6; allowed are 0 to 5"),
        ("slicer", r#"{"average_size":-5}"#, "average_size is -5"),
        ("limit_data", r#"{"bytes":-1}"#, "bytes is -1"),
    ] {
        refuses(&format!(r#"{{"type":"{kind}","attributes":{attributes}}}"#), message);
    }
    for toxicity in ["-1", "5", "1.0001"] {
        refuses(&format!(r#"{{"type":"noop","toxicity":{toxicity}}}"#), "allowed are 0 to 1");
    }
}
