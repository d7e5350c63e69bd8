//! Who may ask: web pages may not, and elsewhere than on loopback only who has the token.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use shakedown_proxy::server::{Options, Patience};
use shakedown_scenarios::units::Span;

use crate::support::{Answer, Api, LONG, options};

#[track_caller]
fn status(api: &Api, head: &str) -> u16 {
    api.raw(&format!("{head}Content-Length: 0\r\n\r\n")).status
}

#[test]
fn a_foreign_host_is_refused() {
    let api = Api::start();
    for host in ["evil.com", "localhost.evil.com", "127.0.0.1.evil.com:8474", "10.0.0.1"] {
        assert_eq!(status(&api, &format!("GET /proxies HTTP/1.1\r\nHost: {host}\r\n")), 403, "{host}");
    }
    assert_eq!(status(&api, "GET /proxies HTTP/1.1\r\n"), 403);
    assert_eq!(status(&api, "GET /proxies HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n"), 403);
    assert_eq!(status(&api, "GET http://evil.com/proxies HTTP/1.1\r\nHost: localhost\r\n"), 403);
    assert_eq!(status(&api, "GET /proxies HTTP/1.1\r\nHost: localhost:1\r\n"), 200);
}

#[test]
fn a_foreign_origin_is_refused_and_nothing_is_done() {
    let api = Api::start();
    api.proxy("p", "up:1");
    for origin in ["http://evil.com", "null", "http://localhost.evil.com"] {
        for what in ["POST /reset", "DELETE /proxies/p", "POST /populate"] {
            let headers = format!("Origin: {origin}\r\nContent-Type: text/plain\r\n");
            assert_eq!(api.ask_with(what, &headers, "[]").status, 403, "{origin} {what}");
        }
    }
    assert_eq!(api.ask_with("GET /proxies", "Sec-Fetch-Site: cross-site\r\n", "").status, 403);
    assert_eq!(api.ask("GET /proxies/p", "").status, 200);
}

#[test]
fn a_websocket_of_another_site_is_refused() {
    let api = Api::start();
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: http://evil.com\r\n";
    assert_eq!(api.ask_with("GET /proxies", upgrade, "").status, 403);
}

#[test]
fn a_get_changes_nothing() {
    let api = Api::start();
    api.proxy("p", "up:1");
    api.json("POST /proxies/p/toxics", r#"{"type":"latency"}"#);
    let before = api.ask("GET /proxies", "").body;
    for path in [
        "/reset",
        "/populate",
        "/proxies/p?enabled=false",
        "/proxies/p/toxics/latency_downstream",
        "/v1/proxies/p/profile",
        "/v1/partitions/x",
        "/v1/links/x",
        "/v1/links/x/faults/y",
    ] {
        api.ask(&format!("GET {path}"), r#"{"enabled":false,"name":"3g","between":["p"]}"#);
    }
    assert_eq!(api.ask("GET /proxies", "").body, before);
    assert_eq!(api.json("GET /v1/links", "")["links"], serde_json::json!([]));
}

#[test]
fn elsewhere_than_on_loopback_a_token_is_needed() {
    let refused = Api::refused(&Options { host: "0.0.0.0".to_owned(), ..options() });
    assert!(refused.contains("--token-file"), "{refused}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let mut api =
        Api::with(&Options { host: "0.0.0.0".to_owned(), token_file: Some(file.clone()), ..options() });
    api.address = ([127, 0, 0, 1], api.address.port()).into();
    let token = std::fs::read_to_string(file).unwrap();
    assert_eq!(api.ask("GET /version", "").status, 401);
    assert_eq!(api.ask_with("GET /proxies", "Authorization: Bearer wrong\r\n", "").status, 401);
    let bearer = format!("Authorization: Bearer {}\r\n", token.trim());
    assert_eq!(api.ask_with("GET /proxies", &bearer, "").status, 200);
}

#[test]
fn a_slow_client_is_given_up_and_a_good_one_is_served_meanwhile() {
    let patience = Patience { request: Span::secs(1), answer: Span::secs(5), idle: Span::secs(2) };
    let api = Api::with(&Options { patience, ..options() });
    let mut slow: Vec<_> = (0..50).map(|_| api.connect()).collect();
    for stream in &mut slow {
        stream
            .write_all(b"POST /proxies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
            .unwrap();
    }
    assert_eq!(api.ask("GET /proxies", "").status, 200);
    for mut stream in slow {
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut rest = Vec::new();
        // Closed or reset: either way it is over, and the read did not run into its own time limit.
        let outcome = stream.read_to_end(&mut rest);
        assert!(outcome.as_ref().err().is_none_or(|error| error.kind() != std::io::ErrorKind::WouldBlock));
    }
}

#[test]
fn a_head_that_never_ends_is_given_up() {
    let api = Api::start();
    let mut stream = api.connect();
    stream.write_all(b"GET /proxies HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    let filler = format!("X-Filler: {}\r\n", "x".repeat(1_000));
    for _ in 0..200 {
        if stream.write_all(filler.as_bytes()).is_err() {
            return;
        }
    }
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    let text = String::from_utf8_lossy(&rest);
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 431"), "{text}");
}

#[test]
fn an_idle_connection_outlives_a_request() {
    let patience = Patience { request: Span::secs(1), answer: Span::secs(5), idle: Span::secs(20) };
    let api = Api::with(&Options { patience, ..options() });
    let mut stream = api.connect();
    let ask = |stream: &mut std::net::TcpStream| {
        stream.write_all(b"GET /proxies HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        Answer::read(stream, true).status
    };
    assert_eq!(ask(&mut stream), 200);
    // Longer than a request may take, and less than a pause may.
    stream.set_read_timeout(Some(Duration::from_millis(2_500))).unwrap();
    assert!(stream.read(&mut [0]).is_err(), "nothing comes, and no end either");
    assert_eq!(ask(&mut stream), 200);
}
