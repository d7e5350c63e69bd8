//! The exact texts that clients and their test suites compare.

use crate::support::{Api, LONG};

fn api() -> Api {
    let api = Api::start();
    api.proxy("p", "up:1");
    api.json(
        "POST /proxies/p/toxics",
        r#"{"name":"t","type":"latency","stream":"upstream","attributes":{"latency":10}}"#,
    );
    api
}

#[track_caller]
fn check(api: &Api, what: &str, body: &str, status: u16, message: &str) {
    let expected = format!("{}\n", serde_json::json!({ "error": message, "status": status }));
    let before = api.ask("GET /proxies", "").body;
    let answer = api.ask(what, body);
    assert_eq!((answer.status, answer.body.as_str()), (status, expected.as_str()), "{what} {body}");
    assert_eq!(api.ask("GET /proxies", "").body, before, "what is refused changes nothing: {what} {body}");
}

#[test]
fn a_body_that_cannot_be_read() {
    let api = api();
    for what in [
        "POST /proxies",
        "POST /proxies/p",
        "PATCH /proxies/p",
        "POST /proxies/p/toxics",
        "PATCH /proxies/p/toxics/t",
    ] {
        check(&api, what, "", 400, "bad request body: EOF");
        check(&api, what, r#"{"name":"#, 400, "bad request body: unexpected EOF");
        for body in ["x", "[]", "5", r#""text""#, "{]", r#"{"name":5,"enabled":3,"toxicity":"x"}"#] {
            let answer = api.ask(what, body);
            assert_eq!(answer.status, 400, "{what} {body}");
            assert!(answer.body.starts_with(r#"{"error":"bad request body: "#), "{}", answer.body);
        }
    }
    let answer = api.ask("POST /populate", "");
    assert_eq!(answer.body, r#"{"error":"bad request body: EOF","status":400,"proxies":null}"#);
}

#[test]
fn fields_that_are_missing_in_the_order_they_are_looked_at() {
    let api = api();
    check(&api, "POST /proxies", "{}", 400, "missing required field: name");
    check(&api, "POST /proxies", "null", 400, "missing required field: name");
    check(&api, "POST /proxies", r#"{"name":""}"#, 400, "missing required field: name");
    check(&api, "POST /proxies", r#"{"name":"p"}"#, 400, "missing required field: upstream");
    check(&api, "POST /proxies", r#"{"name":"p","upstream":""}"#, 400, "missing required field: upstream");
    check(
        &api,
        "POST /proxies",
        r#"{"name":"p","upstream":"x","listen":"nonsense"}"#,
        409,
        "proxy already exists",
    );
    let populate = |body, message: &str| {
        let expected = format!(r#"{{"error":"{message}","status":400,"proxies":null}}"#);
        api.check("POST /populate", body, 400, &expected);
    };
    populate(r#"[{"upstream":"x"}]"#, "missing required field: name at proxy 1");
    populate(r#"[{"name":"a","upstream":"x"},{"name":"b"}]"#, "missing required field: upstream at proxy 2");
}

#[test]
fn what_is_not_there_and_what_is_there_already() {
    let api = api();
    for what in [
        "GET /proxies/x",
        "POST /proxies/x",
        "DELETE /proxies/x",
        "GET /proxies/x/toxics",
        "POST /proxies/x/toxics",
    ] {
        check(&api, what, "", 404, "proxy not found");
    }
    for method in ["GET", "POST", "PATCH", "DELETE"] {
        check(&api, &format!("{method} /proxies/x/toxics/t"), "{}", 404, "proxy not found");
        check(&api, &format!("{method} /proxies/p/toxics/x"), "{}", 404, "toxic not found");
    }
    check(&api, "POST /proxies", r#"{"name":"p","upstream":"x:1"}"#, 409, "proxy already exists");
    // Names count across both streams.
    let twin = r#"{"name":"t","type":"noop","stream":"downstream"}"#;
    check(&api, "POST /proxies/p/toxics", twin, 409, "toxic already exists");
}

#[test]
fn toxics_in_the_order_they_are_looked_at() {
    let api = api();
    let path = "POST /proxies/p/toxics";
    let stream = "stream was invalid, can be either upstream or downstream";
    check(&api, path, r#"{"type":"x","stream":"sideways"}"#, 400, stream);
    check(&api, path, r#"{"type":"noop","stream":""}"#, 400, stream);
    check(&api, path, r#"{"name":"t","type":"LATENCY"}"#, 400, "invalid toxic type");
    check(&api, path, "{}", 400, "invalid toxic type");
    let twin = r#"{"name":"t","type":"latency","attributes":{"latency":"x"}}"#;
    check(&api, path, twin, 409, "toxic already exists");
    for value in ["1.5", "1e3", r#""10""#, "true", "9223372036854775808"] {
        let answer = api.ask(path, &format!(r#"{{"type":"latency","attributes":{{"latency":{value}}}}}"#));
        assert_eq!(answer.status, 400, "{value}");
        assert!(
            answer.body.starts_with(r#"{"error":"bad request body: json: cannot unmarshal"#),
            "{}",
            answer.body
        );
    }
}

#[test]
fn addresses_that_cannot_be_listened_on() {
    let api = api();
    let taken = api.json("GET /proxies/p", "")["listen"].as_str().unwrap().to_owned();
    let create = |listen: &str| format!(r#"{{"name":"q","upstream":"x:1","listen":"{listen}"}}"#);
    let in_use = format!("listen tcp {taken}: bind: address already in use");
    check(&api, "POST /proxies", &create(&taken), 500, &in_use);
    let localhost = taken.replace("127.0.0.1", "localhost");
    check(&api, "POST /proxies", &create(&localhost), 500, &in_use);
    let nonsense = "listen tcp: address nonsense: missing port in address";
    check(&api, "POST /proxies", &create("nonsense"), 500, nonsense);
    check(&api, "POST /proxies/p", r#"{"listen":"xx"}"#, 500, "address xx: missing port in address");
    api.proxy("r", "x:1");
    check(&api, "POST /proxies/r", &format!(r#"{{"listen":"{taken}"}}"#), 500, &in_use);
    assert_eq!(api.json("GET /proxies/r", "")["enabled"], true);
}

#[test]
fn limits_are_stated_and_kept() {
    let api = api();
    let long = "n".repeat(257);
    let body = format!(r#"{{"name":"{long}","upstream":"x:1"}}"#);
    check(&api, "POST /proxies", &body, 400, "invalid value: name has 257 bytes; allowed are at most 256");
    let body = format!(r#"{{"name":"q","upstream":"{}"}}"#, "u".repeat(301));
    check(
        &api,
        "POST /proxies",
        &body,
        400,
        "invalid value: upstream has 301 bytes; allowed are at most 300",
    );
    let body = format!(r#"{{"name":"{}"}}"#, "n".repeat(1 << 20));
    check(&api, "POST /proxies", &body, 413, "request body is too large: at most 1048576 bytes");
    let toxics: Vec<String> =
        (0..257).map(|number| format!(r#"{{"name":"{number}","type":"noop"}}"#)).collect();
    let body = format!(r#"{{"name":"q","upstream":"x:1","toxics":[{}]}}"#, toxics.join(","));
    check(&api, "POST /proxies", &body, 400, "too many toxics on a proxy: at most 256");
    assert!(LONG.as_secs() > 1);
}
