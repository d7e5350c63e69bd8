//! The native API: the words of an experiment, and every problem at once.

use serde_json::json;

use crate::support::Api;

fn api() -> Api {
    let api = Api::start();
    api.json("PUT /v1/proxies/a", r#"{"upstream":"up:1"}"#);
    api.json("PUT /v1/proxies/b", r#"{"upstream":"up:2"}"#);
    api
}

#[test]
fn a_put_makes_a_proxy_and_may_be_repeated() {
    let api = Api::start();
    let body = r#"{"listen":"127.0.0.1:0","upstream":"up:1","toxics":[
        {"name":"slow","toxic":{"Latency":{"delay":"100ms","jitter":"20ms"}},"aim":{"way":"Upstream"}}]}"#;
    let answer = api.ask("PUT /v1/proxies/a", body);
    assert_eq!(answer.status, 201);
    let made = api.json("GET /v1/proxies/a", "");
    assert_eq!(made["toxics"][0]["toxic"]["Latency"]["delay"], "100ms");
    assert_eq!(made["toxics"][0]["aim"]["way"], "Upstream");
    assert_eq!(made["toxics"][0]["about"], "100ms ± 20ms latency, upstream");
    assert_eq!(made["counters"]["accepted"], 0);
    let same = json!({ "listen": made["listen"], "upstream": "up:1", "toxics": [] });
    let answer = api.ask("PUT /v1/proxies/a", &same.to_string());
    assert_eq!(answer.status, 200);
    let now = api.json("GET /v1/proxies/a", "");
    assert_eq!((&now["listen"], &now["toxics"]), (&made["listen"], &json!([])));
    assert_eq!(api.json("GET /v1/proxies", "")["proxies"].as_array().unwrap().len(), 1);
    assert_eq!(api.ask("DELETE /v1/proxies/a", "").status, 204);
}

#[test]
fn every_problem_is_told_at_once() {
    let api = Api::start();
    let body = r#"{"listen":"","color":1,"enabled":"yes","toxics":[
        {"name":"x","toxic":{"Latency":{"delay":"0ms"}},"aim":{"nth":0}},
        {"name":"x","toxic":{"Latency":{"delay":"1ms"}}},
        {"name":"","toxic":{"Reset":{"side":"Left"}}},
        7]}"#;
    let answer = api.ask("PUT /v1/proxies/a", body);
    assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/json")));
    let refused: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let fields: Vec<&str> = refused["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["field"].as_str().unwrap())
        .collect();
    let expected = [
        "upstream",
        "listen",
        "enabled",
        "toxics[0].toxic.delay",
        "toxics[0].aim.nth",
        "toxics[1].name",
        "toxics[2].name",
        "toxics[2].toxic",
        "toxics[3]",
        "color",
    ];
    // The second toxic of a name is told only where the first could be read.
    let expected: Vec<&str> = expected.into_iter().filter(|field| *field != "toxics[1].name").collect();
    assert_eq!(fields, expected, "{refused:#}");
    assert_eq!(api.ask("GET /v1/proxies/a", "").status, 404);
}

#[test]
fn a_toxic_is_put_on_changed_and_taken_off() {
    let api = api();
    let path = "/v1/proxies/a/toxics/t";
    let put = |body: &str| api.ask(&format!("PUT {path}"), body);
    assert_eq!(put(r#"{"toxic":{"Loss":{"bad":"1%"}}}"#).status, 201);
    let shown = api.json(&format!("GET {path}"), "");
    assert_eq!((&shown["aim"]["way"], &shown["evidence"]["bit"]), (&json!("Downstream"), &json!(false)));
    assert_eq!(put(r#"{"toxic":{"Blackhole":{}},"aim":{"toxicity":"50%"}}"#).status, 200);
    let shown = api.json(&format!("GET {path}"), "");
    assert_eq!((&shown["aim"]["way"], &shown["aim"]["toxicity"]), (&json!("Both"), &json!("50%")));
    assert_eq!(put(r#"{"toxic":{"Slicer":{"average":"0B","variation":"9B"}}}"#).status, 400);
    assert_eq!(put("{}").status, 400);
    assert_eq!(put("").status, 400);
    let healed = api.json(&format!("DELETE {path}"), "");
    assert!(healed["proven"].is_boolean() && healed["evidence"].is_string());
    assert_eq!(api.ask(&format!("DELETE {path}"), "").status, 404);
}

/// Its clients in Rust read attributes as whole numbers, those in Java stop at a type that they do not know.
#[test]
fn toxiproxys_own_lists_hold_only_what_toxiproxy_could_have() {
    let api = api();
    api.json("PUT /v1/proxies/a/toxics/lost", r#"{"toxic":{"Loss":{"bad":"1%"}}}"#);
    api.json(
        "PUT /v1/proxies/a/toxics/both",
        r#"{"toxic":{"Latency":{"delay":"1ms"}},"aim":{"way":"Both"}}"#,
    );
    api.json("PUT /v1/proxies/a/toxics/late", r#"{"toxic":{"Latency":{"delay":"100ms"}}}"#);
    api.json("POST /v1/partitions/cut", r#"{"between":["a"]}"#);
    let late = json!({ "attributes": { "latency": 100, "jitter": 0 }, "name": "late", "type": "latency",
        "stream": "downstream", "toxicity": 1 });
    assert_eq!(api.json("GET /proxies/a/toxics", ""), json!([late]));
    assert_eq!(api.json("GET /proxies", "")["a"]["toxics"], json!([late]));
    assert_eq!(api.json("GET /proxies/a", "")["toxics"], json!([late]));
    let not_found = "{\"error\":\"toxic not found\",\"status\":404}\n";
    for method in ["GET", "PATCH", "POST", "DELETE"] {
        api.check(&format!("{method} /proxies/a/toxics/lost"), "{}", 404, not_found);
    }
    assert_eq!(api.ask("POST /proxies/a/toxics", r#"{"name":"lost","type":"noop"}"#).status, 409);
    assert_eq!(api.json("GET /v1/proxies/a", "")["toxics"].as_array().unwrap().len(), 4);
    assert_eq!(api.ask("POST /reset", "").status, 204);
    assert_eq!(api.json("GET /v1/proxies/a", "")["toxics"], json!([]));
}

#[test]
fn a_profile_replaces_the_one_before_and_goes_as_a_whole() {
    let api = api();
    let names = |shown: &serde_json::Value| shown["toxics"].as_array().unwrap().len();
    let slow = api.json("POST /v1/proxies/a/profile", r#"{"name":"3g"}"#);
    assert_eq!((names(&slow), &slow["toxics"][0]["part_of"]), (4, &json!("profile 3g")));
    assert_eq!(names(&api.json("POST /v1/proxies/a/profile", r#"{"name":"dsl"}"#)), 3);
    let refused = api.ask("POST /v1/proxies/a/profile", r#"{"name":"5g"}"#);
    assert!(refused.status == 400 && refused.body.contains("slow-3g"), "{refused:?}");
    assert_eq!(api.ask("DELETE /v1/proxies/a/toxics/profile-delay", "").status, 409);
    assert_eq!(api.ask("DELETE /v1/proxies/a/profile", "").status, 204);
    assert_eq!(names(&api.json("GET /v1/proxies/a", "")), 0);
    assert_eq!(api.json("GET /v1/profiles", "")["profiles"].as_array().unwrap().len(), 8);
}

#[test]
fn a_partition_cuts_a_group_and_joins_it_again() {
    let api = api();
    let body = r#"{"between":["b","a"],"way":"Upstream"}"#;
    api.check(
        "POST /v1/partitions/split",
        body,
        201,
        r#"{"name":"split","between":["a","b"],"way":"Upstream","cuts":["a","b"]}"#,
    );
    assert_eq!(api.ask("POST /v1/partitions/split", body).status, 409);
    assert_eq!(api.json("GET /v1/proxies/b", "")["toxics"][0]["part_of"], "partition split");
    assert_eq!(api.json("GET /v1/partitions", "")["partitions"].as_array().unwrap().len(), 1);
    let refused = api.ask("POST /v1/partitions/other", r#"{"between":["a","x","y"],"way":"Left"}"#);
    let refused: serde_json::Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(refused["problems"].as_array().unwrap().len(), 3, "{refused:#}");
    assert_eq!(api.ask("DELETE /v1/partitions/split", "").status, 204);
    assert_eq!(api.ask("DELETE /v1/partitions/split", "").status, 404);
    assert_eq!(api.json("GET /v1/proxies/a", "")["toxics"], json!([]));
}

/// Proxies for all links of a cluster of three, both ways.
fn cluster() -> Api {
    let api = Api::start();
    for (from, to) in [("a", "b"), ("b", "a"), ("a", "c"), ("c", "a"), ("b", "c"), ("c", "b")] {
        let body = format!(r#"{{"upstream":"up:1","from":"{from}","to":"{to}"}}"#);
        api.json(&format!("PUT /v1/proxies/{from}-{to}"), &body);
    }
    api.json("PUT /v1/proxies/other", r#"{"upstream":"up:1"}"#);
    api
}

#[test]
fn a_partition_between_groups_cuts_what_goes_from_one_to_another() {
    let api = cluster();
    let cut = api.json("POST /v1/partitions/p", r#"{"between":[["a","b"],["c"]],"way":"upstream"}"#);
    let expected = json!({ "name": "p", "between": [["a", "b"], ["c"]], "way": "Upstream",
        "cuts": ["a-c", "b-c", "c-a", "c-b"] });
    assert_eq!(cut, expected);
    assert_eq!(api.json("GET /v1/partitions/p", ""), expected);
    let toxics = |name: &str| api.json(&format!("GET /v1/proxies/{name}"), "")["toxics"].clone();
    assert_eq!(toxics("a-c")[0]["toxic"], json!({ "Partition": {} }));
    assert_eq!([toxics("a-b"), toxics("other")], [json!([]), json!([])]);
    // Another one at the same time, with its own part of the cluster.
    let all = api.json("POST /v1/partitions/q", r#"{"between":[["a"],["b"],["c"]]}"#);
    assert_eq!(all["cuts"].as_array().unwrap().len(), 6);
    assert_eq!(api.ask("DELETE /v1/partitions/p", "").status, 204);
    assert_eq!(toxics("a-c")[0]["part_of"], "partition q");
}

#[test]
fn a_partition_that_would_cut_nothing_tells_why() {
    let api = cluster();
    let refused = |body: &str| {
        let answer = api.ask("POST /v1/partitions/p", body);
        assert_eq!((answer.status, api.ask("GET /v1/partitions/p", "").status), (400, 404), "{body}");
        let refused: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let problems = refused["problems"].as_array().unwrap().iter();
        problems.map(|it| it["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let none = "no proxy goes from one of these groups to another: 0 go within one group, 6 go to or from somebody \
        in none, 1 have no `from` or no `to`";
    assert_eq!(refused(r#"{"between":[["a"],["x"]]}"#), ["no proxy is from or to \"x\"", none]);
    assert_eq!(refused(r#"{"between":[["a"],["a"]]}"#)[0], "\"a\" is in two places");
    assert_eq!(refused(r#"{"between":[["a","b"]]}"#)[0], "one group alone has nothing between it");
    assert_eq!(refused(r#"{"between":[["a"],[]]}"#)[0], "it is no group of names");
    assert_eq!(refused(r#"{"between":["a-b",["c"]],"way":"left"}"#).len(), 2);
    assert_eq!(refused("{}").len(), 1);
    api.json("PUT /v1/proxies/a-b", r#"{"from":"","to":"z"}"#);
    let shown = api.json("GET /v1/proxies/a-b", "");
    assert_eq!((&shown["from"], &shown["to"]), (&serde_json::Value::Null, &json!("z")));
}

#[test]
fn a_partition_holds_for_all_or_for_none() {
    let api = api();
    api.json("PUT /v1/proxies/b/toxics/partition%2Fsplit", r#"{"toxic":{"Noop":{}}}"#);
    assert_eq!(api.ask("POST /v1/partitions/split", r#"{"between":["a","b"]}"#).status, 409);
    assert_eq!(api.json("GET /v1/proxies/a", "")["toxics"], json!([]));
}

#[test]
fn who_answers_tells_its_seed_and_its_limits() {
    let about = Api::start().json("GET /v1", "");
    assert_eq!((&about["seed"], &about["toxiproxy"]), (&json!(42), &json!("2.12.0")));
    assert_eq!(about["limits"]["proxies"], 10_000);
}

#[test]
fn paths_and_methods_that_are_none_are_told_in_json() {
    let api = api();
    let answer = api.ask("GET /v1/nowhere", "");
    assert!(answer.status == 404 && answer.body.contains("no such path"), "{answer:?}");
    for what in ["POST /v1", "POST /v1/proxies/a", "PATCH /v1/proxies/a/toxics/t", "POST /v1/profiles"] {
        assert_eq!(api.ask(what, "{}").status, 405, "{what}");
    }
}
