use std::collections::BTreeMap;

use proptest::prelude::*;
use shakedown_scenarios::toxic::{Aim, Toxic};
use shakedown_scenarios::units::Span;

use crate::collection::{Collection, Exposed, MOST_PROXIES};
use crate::engine::{Injection, Paper, PaperProxy};
use crate::handle::{Request, Response, handle};

fn collection(seed: u64) -> Collection<Paper> {
    Collection::new(Paper::default(), seed, Exposed { proxies: true, runtime: None })
}

fn ask(collection: &mut Collection<Paper>, what: &str, body: &str) -> Response {
    let (method, path) = what.split_once(' ').unwrap();
    handle(collection, Request { method, path, is_bare: false, body: body.as_bytes() })
}

#[track_caller]
fn done(collection: &mut Collection<Paper>, what: &str, body: &str) {
    let response = ask(collection, what, body);
    assert!(response.status < 300, "{what} {body}: {}", String::from_utf8_lossy(&response.body));
}

#[test]
fn toxics_that_come_with_a_proxy_hold_when_it_starts() {
    let mut collection = collection(1);
    let body = r#"{"name":"p","listen":"localhost:0","upstream":"up:1",
        "toxics":[{"type":"latency","attributes":{"latency":9}},{"type":"timeout","stream":"upstream"}]}"#;
    done(&mut collection, "POST /proxies", body);
    let held = collection.entry("p").unwrap().running().unwrap().held();
    assert_eq!(held[&0].toxic, Toxic::latency(Span::millis(9)));
    assert_eq!(held[&1].toxic, Toxic::Timeout { after: Span::ZERO });
}

#[test]
fn a_toxic_that_is_wrong_keeps_its_proxy_from_being_made() {
    let mut collection = collection(1);
    let toxics = r#""toxics":[{"type":"noop"},{"type":"bandwidth","attributes":{"rate":-1}}]"#;
    let proxy = format!(r#"{{"name":"p","upstream":"up:1",{toxics}}}"#);
    assert_eq!(ask(&mut collection, "POST /proxies", &proxy).status, 400);
    let other = format!(r#"[{{"name":"a","upstream":"up:1"}},{proxy}]"#);
    let refused = ask(&mut collection, "POST /populate", &other);
    let text = String::from_utf8(refused.body).unwrap();
    assert!(text.contains("rate is -1; allowed are 0 to 1000000000 at proxy 2"), "{text}");
    assert_eq!(collection.entries().count(), 0);
}

#[test]
fn a_proxys_seed_depends_on_its_name_and_the_one_seed_alone() {
    let seeds = |seed, names: &[&str]| {
        let mut collection = collection(seed);
        for name in names {
            done(&mut collection, "POST /proxies", &format!(r#"{{"name":"{name}","upstream":"up:1"}}"#));
        }
        collection.entry("b").unwrap().seed()
    };
    assert_eq!(seeds(42, &["b"]), seeds(42, &["a", "b", "c"]));
    assert_ne!(seeds(42, &["b"]), seeds(43, &["b"]));
    // Pinned: a change of it changes every run there ever was.
    assert_eq!(seeds(42, &["b"]), GOLDEN);
}

const GOLDEN: u64 = 15_819_375_262_872_727_083;

#[test]
fn what_fails_to_move_stays_where_it_was() {
    let mut collection = collection(1);
    let engine = collection.engine.clone();
    engine.occupy("127.0.0.1:999".parse().unwrap());
    done(&mut collection, "POST /proxies", r#"{"name":"p","listen":"127.0.0.1:777","upstream":"up:1"}"#);
    let before = ask(&mut collection, "GET /proxies/p", "").body;
    let refused = ask(&mut collection, "POST /proxies/p", r#"{"listen":"127.0.0.1:999","upstream":"up:2"}"#);
    assert_eq!(refused.status, 500);
    let refused =
        ask(&mut collection, "POST /populate", r#"[{"name":"p","listen":"127.0.0.1:999","upstream":"u:1"}]"#);
    assert_eq!(refused.status, 500);
    assert_eq!(ask(&mut collection, "GET /proxies/p", "").body, before);
    // Its own port, for every interface: it is given back first, and taken again.
    done(&mut collection, "POST /proxies/p", r#"{"listen":"0.0.0.0:777"}"#);
    engine.occupy("127.0.0.1:777".parse().unwrap());
    let refused = ask(&mut collection, "POST /proxies/p", r#"{"listen":"127.0.0.1:777"}"#);
    assert_eq!(refused.status, 500);
    assert_eq!(collection.entry("p").unwrap().listen(), "0.0.0.0:777");
    assert!(collection.entry("p").unwrap().is_enabled());
}

#[test]
fn a_reset_starts_what_it_can() {
    let mut collection = collection(1);
    for (name, port) in [("a", 701), ("b", 702), ("c", 703)] {
        let body =
            format!(r#"{{"name":"{name}","listen":"127.0.0.1:{port}","upstream":"u:1","enabled":false}}"#);
        done(&mut collection, "POST /proxies", &body);
    }
    collection.engine.occupy("127.0.0.1:701".parse().unwrap());
    let response = ask(&mut collection, "POST /reset", "");
    assert_eq!(response.status, 500);
    let running: Vec<bool> = collection.entries().map(super::super::entry::Entry::is_enabled).collect();
    assert_eq!(running, [false, true, true]);
}

#[test]
fn a_reset_tells_all_that_went_wrong() {
    let mut collection = collection(1);
    for (name, port) in [("a", 701), ("b", 702), ("c", 703)] {
        let body =
            format!(r#"{{"name":"{name}","listen":"127.0.0.1:{port}","upstream":"u:1","enabled":false}}"#);
        done(&mut collection, "POST /proxies", &body);
        done(&mut collection, &format!("POST /proxies/{name}/toxics"), r#"{"type":"noop"}"#);
    }
    for port in [701, 703] {
        collection.engine.occupy(([127, 0, 0, 1], port).into());
    }
    let response = ask(&mut collection, "POST /reset", "");
    let expected = "{\"error\":\"a: listen tcp 127.0.0.1:701: bind: address already in use; \
        c: listen tcp 127.0.0.1:703: bind: address already in use\",\"status\":500}\n";
    assert_eq!(String::from_utf8(response.body).unwrap(), expected);
    let left: Vec<(bool, usize)> =
        collection.entries().map(|entry| (entry.is_enabled(), entry.toxics().count())).collect();
    assert_eq!(left, [(false, 0), (true, 0), (false, 0)]);
}

#[test]
fn there_are_at_most_ten_thousand_proxies() {
    let mut collection = collection(1);
    for number in 0..MOST_PROXIES {
        let body = format!(r#"{{"name":"{number}","upstream":"u:1","enabled":false}}"#);
        done(&mut collection, "POST /proxies", &body);
    }
    let one_more = r#"{"name":"x","upstream":"u:1","enabled":false}"#;
    let refused = ask(&mut collection, "POST /proxies", one_more);
    let text = String::from_utf8(refused.body).unwrap();
    assert_eq!((refused.status, text.contains("too many proxies: at most 10000")), (400, true), "{text}");
    assert_eq!(ask(&mut collection, "PUT /v1/proxies/x", r#"{"upstream":"u:1"}"#).status, 400);
    assert_eq!(ask(&mut collection, "POST /populate", &format!("[{one_more}]")).status, 400);
    assert_eq!(collection.entries().count(), MOST_PROXIES);
    done(&mut collection, "DELETE /proxies/0", "");
    done(&mut collection, "POST /proxies", one_more);
}

#[test]
fn at_most_a_thousand_connections_have_rows_of_their_own() {
    let mut collection = collection(1);
    for name in ["a", "b"] {
        done(&mut collection, "POST /proxies", &format!(r#"{{"name":"{name}","upstream":"u:1"}}"#));
    }
    collection.engine.talk(800);
    let page = String::from_utf8(ask(&mut collection, "GET /metrics", "").body).unwrap();
    let rows: Vec<&str> =
        page.lines().filter(|line| line.starts_with("shakedown_proxy_connection_bytes{")).collect();
    assert_eq!(rows.len(), 2 * 1_000 + 2);
    // The newest 500 of either are shown, and the 600 others together.
    assert!(!page.contains("connection=\"299\"") && page.contains("connection=\"300\""));
    let others = |way, bytes| {
        format!("shakedown_proxy_connection_bytes{{connection=\"others\",direction=\"{way}\"}} {bytes}")
    };
    assert_eq!(rows[rows.len() - 2..], [others("upstream", 600), others("downstream", 1_200)]);
    assert!(page.contains("\nshakedown_proxy_connections_summed 600\n"));
    let listed = ask(&mut collection, "GET /v1/proxies/a/connections", "").body;
    collection.engine.talk(1_001);
    let capped = ask(&mut collection, "GET /v1/proxies/a/connections", "").body;
    let count = |body: &[u8]| {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        (body["open"].as_u64().unwrap(), body["connections"].as_array().unwrap().len())
    };
    assert_eq!((count(&listed), count(&capped)), ((800, 800), (1_001, 1_000)));
}

/// What is shown of a proxy and what the engine holds for it.
fn state(collection: &mut Collection<Paper>) -> (Vec<u8>, Option<BTreeMap<u32, Injection>>) {
    let shown = ask(collection, "GET /v1/proxies/p", "").body;
    (shown, collection.entry("p").unwrap().running().map(PaperProxy::held))
}

#[test]
fn a_put_that_fails_half_way_leaves_all_as_it_was() {
    for enabled in [true, false] {
        let mut collection = collection(1);
        let toxic = |name: &str, delay: u32| {
            format!(r#"{{"name":"{name}","toxic":{{"Latency":{{"delay":"{delay}ms"}}}}}}"#)
        };
        let put = |enabled: bool, listen: u16, toxics: &[String]| {
            let toxics = toxics.join(",");
            format!(
                r#"{{"listen":"127.0.0.1:{listen}","upstream":"u:1","enabled":{enabled},"toxics":[{toxics}]}}"#
            )
        };
        let before = put(enabled, 777, &[toxic("gone", 1), toxic("changed", 2)]);
        done(&mut collection, "PUT /v1/proxies/p", &before);
        done(&mut collection, "POST /v1/proxies/p/profile", r#"{"name":"dsl"}"#);
        let before = state(&mut collection);
        collection.engine.refuse("bad");
        let wanted = [toxic("changed", 3), toxic("new", 4), toxic("bad", 5)];
        // Where it is, at another address, and at another one with its own port.
        for listen in [777, 778, 777] {
            let refused = ask(&mut collection, "PUT /v1/proxies/p", &put(true, listen, &wanted));
            assert_eq!(refused.status, 500, "{}", String::from_utf8_lossy(&refused.body));
            assert_eq!(state(&mut collection), before);
        }
        let clash = [toxic("new", 4), toxic("profile-delay", 5)];
        assert_eq!(ask(&mut collection, "PUT /v1/proxies/p", &put(true, 777, &clash)).status, 409);
        assert_eq!(state(&mut collection), before);
        done(&mut collection, "PUT /v1/proxies/p", &put(true, 777, &wanted[..2]));
        let names: Vec<&str> =
            collection.entry("p").unwrap().toxics().map(|held| held.draft.name.as_str()).collect();
        assert!(names.contains(&"new") && !names.contains(&"gone") && names.contains(&"profile-delay"));
    }
}

#[test]
fn a_profile_that_cannot_be_had_leaves_the_one_before() {
    let mut collection = collection(1);
    done(&mut collection, "PUT /v1/proxies/p", r#"{"upstream":"u:1"}"#);
    done(&mut collection, "POST /v1/proxies/p/profile", r#"{"name":"dsl"}"#);
    let before = state(&mut collection);
    collection.engine.refuse("profile-loss");
    assert_eq!(ask(&mut collection, "POST /v1/proxies/p/profile", r#"{"name":"3g"}"#).status, 500);
    assert_eq!(state(&mut collection), before);
}

/// Paths and bodies that hit something, and what a fuzzer would make of them.
fn request() -> impl Strategy<Value = (String, String)> {
    let method = prop::sample::select(vec!["GET", "POST", "PATCH", "PUT", "DELETE"]);
    let path = prop::sample::select(vec![
        "/proxies",
        "/proxies/a",
        "/proxies/b",
        "/proxies/a/toxics",
        "/proxies/b/toxics",
        "/proxies/a/toxics/t",
        "/proxies/b/toxics/t",
        "/populate",
        "/reset",
        "/metrics",
        "/v1/proxies/a",
        "/v1/proxies/a/toxics/t",
        "/v1/proxies/b/profile",
        "/v1/partitions/x",
        "/v1/links/l",
        "/v1/links/l/faults/f",
    ]);
    (method, path, body()).prop_map(|(method, path, body)| (format!("{method} {path}"), body))
}

fn body() -> impl Strategy<Value = String> {
    let number = prop_oneof![Just(0), Just(-1), Just(i64::MAX), Just(i64::MIN), 0..5_000_i64, any::<i64>()];
    let name = prop::sample::select(vec!["a", "b", "t", ""]);
    let kind = prop::sample::select(vec![
        "noop",
        "latency",
        "bandwidth",
        "slow_close",
        "timeout",
        "reset_peer",
        "slicer",
        "limit_data",
        "x",
    ]);
    let listen =
        prop::sample::select(vec!["", "localhost:0", "127.0.0.1:7", "127.0.0.1:8", "nonsense", "[::1]:9"]);
    let stream = prop::sample::select(vec!["upstream", "downstream", "both"]);
    let fields = (number.clone(), number, name, kind, listen, stream, any::<bool>(), 0..200_i32);
    let whole = fields.prop_map(|(one, two, name, kind, listen, stream, enabled, share)| {
        let share = f64::from(share) / 100.0;
        let attributes = format!(
            r#"{{"latency":{one},"jitter":{two},"rate":{one},"delay":{two},"timeout":{one},"average_size":{one},"size_variation":{two},"bytes":{one}}}"#
        );
        let toxic = format!(r#"{{"name":"t","type":"{kind}","stream":"{stream}","toxicity":{share},"attributes":{attributes}}}"#);
        let head = format!(r#""name":"{name}","listen":"{listen}","upstream":"up:1","enabled":{enabled}"#);
        let native = r#""toxic":{"Latency":{"delay":"5ms"}},"aim":{},"between":["a","b"]"#;
        let rest = format!(r#""type":"{kind}","stream":"{stream}","attributes":{attributes},"toxicity":{share}"#);
        format!(r#"{{{head},{rest},{native},"toxics":[{toxic}]}}"#)
    });
    prop_oneof![
        8 => whole.clone(),
        2 => whole.clone().prop_map(|body| format!("[{body}]")),
        1 => (whole, 0..400_usize).prop_map(|(body, at)| body.chars().take(at).collect()),
        1 => any::<String>(),
        1 => Just(r#"{"toxic":{"Stall":{"every":"2s","hold":"1s"}},"aim":{"toxicity":"10%"}}"#.to_owned()),
        1 => Just(r#"{"between":["a","b"]}"#.to_owned()),
        1 => Just(r#"{"kind":"udp","upstream":"127.0.0.1:9"}"#.to_owned()),
        1 => Just(r#"{"udp":{"loss":{"probability":"5%"}}}"#.to_owned()),
        1 => Just(r#"{"name":"3g"}"#.to_owned()),
    ]
}

proptest! {
    /// Whatever is asked: nobody panics, what is refused changes nothing, what holds can be meant, and the engine holds
    /// exactly what is shown.
    #[test]
    fn a_refusal_changes_nothing_and_the_engine_does_what_is_shown(requests in prop::collection::vec(request(), 1..40)) {
        let mut collection = collection(7);
        for (what, body) in &requests {
            let before = ask(&mut collection, "GET /proxies", "").body;
            let status = ask(&mut collection, what, body).status;
            let after = ask(&mut collection, "GET /proxies", "").body;
            if (400..500).contains(&status) || what.starts_with("GET") {
                prop_assert_eq!(&before, &after, "{} {}", what, body);
            }
            for entry in collection.entries() {
                let shown = entry.toxics().map(|held| (held.id, held.draft.injection())).collect();
                for held in entry.toxics() {
                    prop_assert_eq!(held.draft.toxic().problems(&held.draft.aim), []);
                }
                if let Some(plane) = entry.running() {
                    prop_assert_eq!(plane.held(), shown);
                }
            }
        }
    }

    /// No bytes at all make it panic.
    #[test]
    fn no_bytes_make_it_panic(
        method in "[A-Z]{0,8}",
        path in "/?[a-z0-9%/?.]{0,40}",
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut collection = collection(7);
        ask(&mut collection, "POST /proxies", r#"{"name":"a","upstream":"u:1"}"#);
        handle(&mut collection, Request { method: &method, path: &path, is_bare: true, body: &body });
    }
}

#[test]
fn a_share_of_connections_reaches_the_engine_as_it_was_written() {
    let mut collection = collection(1);
    done(&mut collection, "POST /proxies", r#"{"name":"p","upstream":"up:1"}"#);
    done(&mut collection, "POST /proxies/p/toxics", r#"{"type":"noop","stream":"UPSTREAM","toxicity":0.7}"#);
    let held = collection.entry("p").unwrap().running().unwrap().held();
    let aim: &Aim = &held[&0].aim;
    assert_eq!(aim.toxicity.value(), 0.7);
    assert_eq!(aim.way, shakedown_scenarios::target::Way::Upstream);
    assert_eq!(held[&0].name, "noop_UPSTREAM");
}
