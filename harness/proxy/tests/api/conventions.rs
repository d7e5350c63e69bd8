//! How Toxiproxy speaks HTTP, whatever is asked.

use crate::support::Api;

const PROXY: &str = r#"{"name":"p","listen":"localhost:0","upstream":"up:1"}"#;

#[test]
fn the_version_has_its_own_form() {
    let api = Api::start();
    let answer = api.check("GET /version", "", 200, "{\"version\": \"2.12.0\"}\n");
    assert_eq!(answer.header("content-type"), Some("application/json;charset=utf-8"));
}

#[test]
fn success_is_json_without_a_line_end() {
    let api = Api::start();
    let answer = api.check("GET /proxies", "", 200, "{}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-toxiproxy-request-id").map(str::len), Some(20));
    let other = api.ask("GET /proxies", "");
    assert_ne!(answer.header("x-toxiproxy-request-id"), other.header("x-toxiproxy-request-id"));
}

#[test]
fn errors_are_json_that_is_called_text() {
    let api = Api::start();
    let answer = api.check("GET /proxies/p", "", 404, "{\"error\":\"proxy not found\",\"status\":404}\n");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(answer.header("x-toxiproxy-request-id").is_some());
}

#[test]
fn errors_of_populate_are_called_json() {
    let api = Api::start();
    let expected = r#"{"error":"missing required field: upstream at proxy 2","status":400,"proxies":null}"#;
    let answer = api.check("POST /populate", &format!(r#"[{PROXY},{{"name":"q"}}]"#), 400, expected);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    api.check("GET /proxies", "", 200, "{}");
}

#[test]
fn browsers_are_turned_away_on_every_path() {
    let api = Api::start();
    for path in ["/version", "/proxies", "/nowhere", "/v1"] {
        let answer = api.ask_with(&format!("GET {path}"), "User-Agent: Mozilla/5.0 (X11)\r\n", "");
        assert_eq!((answer.status, answer.body.as_str()), (403, "User agent not allowed\n"), "{path}");
    }
    assert_eq!(api.ask_with("GET /version", "User-Agent: toxiproxy-cli/2.12\r\n", "").status, 200);
}

#[test]
fn paths_that_are_none_are_told_in_gos_words() {
    let api = Api::start();
    for path in ["/", "/proxies/", "/nowhere", "/proxies/p/toxics/t/more", "/version/", "/proxies/p/toxics/"]
    {
        let answer = api.check(&format!("GET {path}"), "", 404, "404 page not found\n");
        assert_eq!(answer.header("x-toxiproxy-request-id"), None, "{path}");
    }
}

#[test]
fn a_method_that_a_path_has_not_is_an_empty_405() {
    let api = Api::start();
    api.json("POST /proxies", PROXY);
    for (method, path) in [
        ("POST", "/version"),
        ("GET", "/reset"),
        ("GET", "/populate"),
        ("PUT", "/proxies"),
        ("PUT", "/proxies/p"),
        ("DELETE", "/proxies/p/toxics"),
        ("PUT", "/proxies/p/toxics/t"),
        ("HEAD", "/proxies"),
        ("OPTIONS", "/proxies"),
        ("POST", "/metrics"),
    ] {
        let answer = api.check(&format!("{method} {path}"), "", 405, "");
        assert_eq!(answer.header("x-toxiproxy-request-id"), None, "{method} {path}");
    }
}

#[test]
fn fields_are_found_in_any_case_and_unknown_ones_ignored() {
    let api = Api::start();
    let body =
        r#"{"NAME":"p","Upstream":"up:1","LISTEN":"localhost:0","colour":"red"} {"name":"second value"}"#;
    let expected = r#"{"name":"p","listen":"127.0.0.1:PORT","upstream":"up:1","enabled":true,"toxics":[]}"#;
    let answer = api.ask_with("POST /proxies", "Content-Type: text/strange\r\n", body);
    assert_eq!((answer.status, crate::support::without_ports(&answer.body).as_str()), (201, expected));
}

#[test]
fn a_name_is_one_segment_of_a_path() {
    let api = Api::start();
    for (name, path) in [("a b", "a%20b"), ("ünï", "%C3%BCn%C3%AF"), ("a/b", "a%2Fb"), ("%", "%25")] {
        api.proxy(name, "up:1");
        assert_eq!(api.json(&format!("GET /proxies/{path}"), "")["name"], name);
        assert_eq!(api.ask(&format!("DELETE /proxies/{path}"), "").status, 204);
    }
    assert_eq!(api.ask("GET /proxies/%zz", "").status, 400);
}

#[test]
fn a_connection_serves_many_requests() {
    use std::io::Write as _;

    let api = Api::start();
    let mut stream = api.connect();
    for _ in 0..100 {
        write!(stream, "GET /proxies HTTP/1.1\r\nHost: {}\r\n\r\n", api.address).unwrap();
        assert_eq!(crate::support::Answer::read(&mut stream, true).body, "{}");
    }
}
