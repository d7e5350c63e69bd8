use proptest::prelude::*;
use shakedown_scenarios::toxic::{Aim, Toxic};
use shakedown_scenarios::units::Span;

use crate::collection::{Collection, Exposed};
use crate::engine::Paper;
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
