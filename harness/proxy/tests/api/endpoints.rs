//! Every endpoint of Toxiproxy's API: what it answers when all is well.

use std::net::TcpListener;

use crate::support::{Api, options, without_ports};

const P: &str = r#"{"name":"p","listen":"127.0.0.1:PORT","upstream":"up:1","enabled":true,"toxics":[]}"#;
const BODY: &str = r#"{"name":"p","listen":"localhost:0","upstream":"up:1"}"#;
const NONE: &str = r#"{"name":"p","listen":"127.0.0.1:PORT","upstream":"up:1","enabled":false,"toxics":[]}"#;

#[test]
fn a_proxy_comes_and_goes() {
    let api = Api::start();
    api.check("POST /proxies", BODY, 201, P);
    api.check("GET /proxies/p", "", 200, P);
    api.check("GET /proxies", "", 200, &format!(r#"{{"p":{P}}}"#));
    let gone = api.check("DELETE /proxies/p", "", 204, "");
    assert_eq!(gone.header("content-type"), None);
    api.check("GET /proxies", "", 200, "{}");
}

#[test]
fn a_proxy_may_begin_disabled_and_keeps_its_text_until_it_starts() {
    let api = Api::start();
    let body = r#"{"name":"p","listen":"localhost:0","upstream":"up:1","enabled":false}"#;
    let disabled = r#"{"name":"p","listen":"localhost:0","upstream":"up:1","enabled":false,"toxics":[]}"#;
    api.check("POST /proxies", body, 201, disabled);
    let first = api.check("POST /proxies/p", r#"{"enabled":true}"#, 200, P).body;
    api.check("POST /proxies/p", r#"{"enabled":false}"#, 200, NONE);
    let second = api.check("PATCH /proxies/p", r#"{"enabled":true}"#, 200, P).body;
    assert_eq!(first, second, "the port is kept");
}

#[test]
fn where_nothing_is_said_a_proxy_listens_on_this_machine_alone() {
    Api::start().check("POST /proxies", r#"{"name":"p","upstream":"up:1"}"#, 201, P);
}

#[test]
fn an_update_changes_what_it_names_and_no_more() {
    let api = Api::start();
    let before = api.json("POST /proxies", BODY);
    for method in ["POST", "PATCH"] {
        let after =
            api.json(&format!("{method} /proxies/p"), r#"{"name":"q","upstream":"other:2","toxics":null}"#);
        assert_eq!((&after["name"], &after["upstream"]), (&"p".into(), &"other:2".into()));
        assert_eq!(after["listen"], before["listen"]);
        api.json("POST /proxies/p", r#"{"upstream":"up:1"}"#);
    }
    api.check("POST /proxies/p", "{}", 200, P);
    let moved = api.json("POST /proxies/p", r#"{"listen":"127.0.0.1:0"}"#);
    assert_ne!(moved["listen"], before["listen"]);
}

#[test]
fn the_same_address_in_other_words_is_no_change() {
    let api = Api::start();
    let before = api.json("POST /proxies", BODY);
    let port = before["listen"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let after = api.json("POST /proxies/p", &format!(r#"{{"listen":"localhost:{port}"}}"#));
    assert_eq!(after["listen"], before["listen"]);
}

#[test]
fn toxics_are_listed_upstream_first() {
    let api = Api::start();
    api.proxy("p", "up:1");
    for (name, stream) in [("a", "downstream"), ("b", "upstream"), ("c", "downstream"), ("d", "upstream")] {
        api.json(
            "POST /proxies/p/toxics",
            &format!(r#"{{"name":"{name}","type":"noop","stream":"{stream}"}}"#),
        );
    }
    let toxics = api.json("GET /proxies/p/toxics", "");
    let names: Vec<&str> =
        toxics.as_array().unwrap().iter().map(|toxic| toxic["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["b", "d", "a", "c"]);
    assert_eq!(api.json("GET /proxies/p", "")["toxics"], toxics);
}

#[test]
fn a_toxic_comes_changes_and_goes() {
    let api = Api::start();
    api.proxy("p", "up:1");
    let toxic = |latency| {
        let attributes = format!(r#"{{"latency":{latency},"jitter":5}}"#);
        format!(
            r#"{{"attributes":{attributes},"name":"t","type":"latency","stream":"upstream","toxicity":0.7}}"#
        )
    };
    let body = r#"{"name":"t","type":"latency","stream":"upstream","toxicity":0.7,"attributes":{"latency":100,"jitter":5}}"#;
    api.check("POST /proxies/p/toxics", body, 200, &toxic(100));
    api.check("GET /proxies/p/toxics/t", "", 200, &toxic(100));
    api.check("GET /proxies/p/toxics", "", 200, &format!("[{}]", toxic(100)));
    let change = r#"{"name":"u","type":"noop","stream":"downstream","attributes":{"LATENCY":7}}"#;
    for method in ["POST", "PATCH"] {
        api.check(&format!("{method} /proxies/p/toxics/t"), change, 200, &toxic(7));
    }
    let all = api.json("PATCH /proxies/p/toxics/t", r#"{"toxicity":1.0}"#);
    assert_eq!(all["toxicity"].to_string(), "1");
    api.check("DELETE /proxies/p/toxics/t", "", 204, "");
    api.check("GET /proxies/p/toxics", "", 200, "[]");
}

#[test]
fn toxics_survive_a_disabled_proxy() {
    let api = Api::start();
    api.proxy("p", "up:1");
    api.json("POST /proxies/p/toxics", r#"{"type":"noop"}"#);
    api.json("POST /proxies/p", r#"{"enabled":false}"#);
    api.json("POST /proxies/p/toxics", r#"{"type":"latency"}"#);
    let again = api.json("POST /proxies/p", r#"{"enabled":true}"#);
    assert_eq!(again["toxics"].as_array().unwrap().len(), 2);
}

#[test]
fn a_reset_starts_every_proxy_and_takes_off_all_toxics() {
    let api = Api::start();
    api.json("POST /proxies", BODY);
    api.json("POST /proxies/p/toxics", r#"{"type":"noop"}"#);
    api.json("POST /proxies/p", r#"{"enabled":false}"#);
    api.check("POST /reset", "anything at all", 204, "");
    api.check("GET /proxies/p", "", 200, P);
}

#[test]
fn populate_makes_what_is_missing_and_leaves_what_is_right() {
    let api = Api::start();
    api.check("POST /populate", "[]", 201, r#"{"proxies":null}"#);
    api.check("POST /populate", "null", 201, r#"{"proxies":null}"#);
    api.check("POST /populate", &format!("[{BODY}]"), 201, &format!(r#"{{"proxies":[{P}]}}"#));
    let first = api.json("GET /proxies/p", "");
    api.json("POST /proxies/p/toxics", r#"{"type":"noop"}"#);
    let same = format!(r#"[{{"name":"p","listen":{},"upstream":"up:1"}}]"#, first["listen"]);
    let kept = api.json("POST /populate", &same);
    assert_eq!(kept["proxies"][0]["toxics"].as_array().unwrap().len(), 1);
    let other = format!(r#"[{{"name":"p","listen":{},"upstream":"other:2"}}]"#, first["listen"]);
    let replaced = api.json("POST /populate", &other);
    assert_eq!(replaced["proxies"][0]["upstream"], "other:2");
    assert_eq!(replaced["proxies"][0]["listen"], first["listen"]);
    assert_eq!(replaced["proxies"][0]["toxics"].as_array().unwrap().len(), 0);
}

/// A list is for `noxious-client` alone, which says its four headers and no more.
#[test]
fn populate_answers_with_an_object_whoever_says_more_about_itself_than_noxious_client() {
    let api = Api::start();
    let body = r#"[{"name":"p","listen":"127.0.0.1:0","upstream":"up:1","enabled":true}]"#;
    let its = "accept: */*\r\ncontent-type: application/json\r\n";
    let proxies = |headers: &str| {
        let answer = api.ask_with("POST /populate", headers, body);
        assert_eq!(answer.status, 201);
        without_ports(&answer.body)
    };
    assert_eq!(proxies(its), format!("[{P}]"));
    let object = format!(r#"{{"proxies":[{P}]}}"#);
    for headers in [
        "",
        "accept: */*\r\n",
        "content-type: application/json\r\n",
        &format!("{its}User-Agent: anybody\r\n"),
        &format!("{its}Connection: close\r\n"),
        &its.replace("*/*", "application/json"),
        &its.replace("json", "json; charset=utf-8"),
    ] {
        assert_eq!(proxies(headers), object, "{headers}");
        assert_eq!(api.ask("DELETE /proxies/p", "").status, 204);
    }
}

#[test]
fn populate_keeps_what_was_made_before_it_failed() {
    let api = Api::start();
    let taken = api.proxy("taken", "up:1");
    let answer = api
        .ask("POST /populate", &format!(r#"[{BODY},{{"name":"q","listen":"{taken}","upstream":"up:1"}}]"#));
    assert_eq!(answer.status, 500);
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["proxies"][0]["name"], "p");
    assert_eq!(body["error"], format!("listen tcp {taken}: bind: address already in use"));
    assert_eq!(api.ask("GET /proxies/q", "").status, 404);
}

#[test]
fn a_config_is_the_body_of_populate() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("toxiproxy.json");
    std::fs::write(
        &config,
        format!(r#"[{BODY},{{"name":"q","listen":"localhost:0","upstream":"x:1","enabled":false}}]"#),
    )
    .unwrap();
    let api = Api::with(&shakedown_proxy::server::Options { config: Some(config), ..options() });
    api.check("GET /proxies/p", "", 200, P);
    assert_eq!(api.json("GET /proxies/q", "")["enabled"], false);
}

#[test]
fn a_config_that_is_wrong_or_missing_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("toxiproxy.json");
    let refused =
        || Api::refused(&shakedown_proxy::server::Options { config: Some(config.clone()), ..options() });
    assert!(refused().contains("read the config"), "{}", refused());
    std::fs::write(&config, r#"[{"name":"p","upstream":"up:1"},{"name":"q"}]"#).unwrap();
    assert!(refused().ends_with("missing required field: upstream at proxy 2"), "{}", refused());
    std::fs::write(&config, "[{").unwrap();
    assert!(refused().ends_with("bad request body: unexpected EOF"), "{}", refused());
}

#[test]
fn a_taken_port_is_told_and_no_proxy_is_begun() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let refused = Api::refused(&shakedown_proxy::server::Options { port, ..options() });
    assert!(refused.contains("name a free port with `--port`") && refused.contains("in use"), "{refused}");
}
