//! Links of HTTP, WebSocket, TLS, UDP and DNS in the native API.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use serde_json::{Value, json};

use crate::control::{AT_ONCE, timed};
use crate::peers::{serve, sink, wait};
use crate::support::{Api, LONG};

/// A server that answers every request with `two apples`, and closes.
fn shop() -> SocketAddr {
    serve(|mut stream| {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
            head.push(byte[0]);
        }
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\ntwo apples");
    })
}

/// Makes a link and gives its address.
#[track_caller]
fn link(api: &Api, name: &str, spec: &Value) -> SocketAddr {
    let made = api.ask(&format!("PUT /v1/links/{name}"), &spec.to_string());
    assert_eq!(made.status, 201, "{made:?}");
    let shown: Value = serde_json::from_str(&made.body).unwrap();
    shown["listen"].as_str().unwrap().parse().unwrap()
}

/// What comes for a request, until its end.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn a_fault_on_http_is_put_on_bites_and_is_taken_off() {
    let api = Api::start();
    let spec = json!({ "kind": "http", "upstream": shop().to_string() });
    let address = link(&api, "shop", &spec);
    assert!(get(address, "/items/1").ends_with("two apples"));
    let fault =
        json!({ "http": { "matches": { "path": "/items/*" }, "act": { "answer": { "status": 503 } } } });
    let path = "/v1/links/shop/faults/busy";
    assert_eq!(api.ask(&format!("PUT {path}"), &fault.to_string()).status, 201);
    assert!(get(address, "/items/1").starts_with("HTTP/1.1 503"));
    assert!(get(address, "/other").ends_with("two apples"));
    let shown = api.json(&format!("GET {path}"), "");
    assert_eq!(
        (&shown["evidence"]["bit"], &shown["fault"]["http"]["act"]),
        (&json!(true), &fault["http"]["act"])
    );
    let metrics = api.ask("GET /metrics", "").body;
    for row in [
        r#"shakedown_link_fault_bit{link="shop",name="busy",protocol="HTTP"} 1"#,
        r#"shakedown_link_counters{counter="requests",kind="http",link="shop"} 3"#,
    ] {
        assert!(metrics.lines().any(|line| line == row), "{metrics}");
    }
    // Another one in its place, which is about other requests.
    let other =
        json!({ "http": { "matches": { "path": "/other" }, "act": { "answer": { "status": 418 } } } });
    assert_eq!(api.ask(&format!("PUT {path}"), &other.to_string()).status, 200);
    assert!(get(address, "/items/1").ends_with("two apples"));
    assert!(get(address, "/other").starts_with("HTTP/1.1 418"));
    // And one that looks at responses, but not at the first.
    let late = json!({ "status": [200], "after_requests": 1 });
    let late = json!({ "http": { "matches": late, "act": { "replace_body": { "body": "two pears" } } } });
    assert_eq!(api.ask(&format!("PUT {path}"), &late.to_string()).status, 200);
    assert!(get(address, "/other").ends_with("two apples"));
    assert!(get(address, "/other").ends_with("two pears"));
    let ended = api.json(&format!("DELETE {path}"), "");
    assert_eq!((&ended["proven"], &ended["did"]["bit"]), (&json!(true), &json!(true)), "{ended}");
    assert!(get(address, "/other").ends_with("two apples"));
    assert_eq!(api.ask(&format!("DELETE {path}"), "").status, 404);
    assert_eq!(api.ask(&format!("PUT {path}"), r#"{"websocket":{"drop":{}}}"#).status, 201);
    assert_eq!(api.json(&format!("DELETE {path}"), "")["did"]["bit"], false, "nobody has upgraded");
    let shown = api.json("GET /v1/links/shop", "");
    assert_eq!((&shown["takes"], &shown["faults"]), (&json!(["http", "websocket"]), &json!([])));
    assert_eq!(shown["counters"]["requests"], 8);
}

#[test]
fn datagrams_are_lost_until_a_reset() {
    let api = Api::start();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(LONG)).unwrap();
    let spec = json!({ "kind": "udp", "upstream": server.local_addr().unwrap().to_string() });
    let address = link(&api, "statsd", &spec);
    assert_eq!(api.ask("PUT /v1/links/statsd/faults/gone", r#"{"udp":"blackhole"}"#).status, 201);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"lost", address).unwrap();
    let bit = || api.json("GET /v1/links/statsd/faults/gone", "")["evidence"]["bit"] == true;
    assert!(wait(bit));
    assert_eq!(api.ask("POST /reset", "").status, 204);
    assert_eq!(api.json("GET /v1/links/statsd", "")["faults"], json!([]));
    client.send_to(b"found", address).unwrap();
    let mut bytes = [0; 64];
    let length = server.recv(&mut bytes).unwrap();
    assert_eq!(&bytes[..length], b"found");
}

#[test]
fn names_are_answered_wrongly() {
    let api = Api::start();
    let spec = json!({ "kind": "dns", "names": { "db.test": ["127.0.0.1"] }, "ttl": "30s" });
    let address = link(&api, "names", &spec);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    let asked = || {
        client
            .send_to(
                b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02db\x04test\x00\x00\x01\x00\x01",
                address,
            )
            .unwrap();
        let mut bytes = [0; 512];
        let length = client.recv(&mut bytes).unwrap();
        (bytes[3] & 0xf, bytes[..length].ends_with(&[127, 0, 0, 1]))
    };
    assert_eq!(asked(), (0, true));
    let fault = r#"{"dns":{"act":"nxdomain","name":"*.test"}}"#;
    assert_eq!(api.ask("PUT /v1/links/names/faults/none", fault).status, 201);
    assert_eq!(asked(), (3, false));
    assert_eq!(api.json("DELETE /v1/links/names/faults/none", "")["did"]["bit"], true);
    assert_eq!(asked(), (0, true));
}

#[test]
fn tls_tells_the_certificate_to_trust_and_takes_its_faults() {
    let api = Api::start();
    let upstream = shop().to_string();
    link(&api, "tls", &json!({ "kind": "tls", "upstream": upstream, "terminate": {} }));
    link(&api, "https", &json!({ "kind": "http", "upstream": upstream, "tls": { "terminate": {} } }));
    for name in ["tls", "https"] {
        let shown = api.json(&format!("GET /v1/links/{name}"), "");
        assert!(shown["ca_pem"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"), "{shown}");
        let path = format!("PUT /v1/links/{name}/faults/old");
        assert_eq!(api.ask(&path, r#"{"tls":"expired_certificate"}"#).status, 201);
    }
    let foreign = api.ask("PUT /v1/links/tls/faults/x", r#"{"udp":"blackhole"}"#);
    assert!(foreign.status == 400 && foreign.body.contains("takes faults on TLS"), "{foreign:?}");
    assert_eq!(api.ask("GET /v1/links/tls/faults/x", "").status, 404);
}

/// A server that answers every request with its name, and closes.
fn named(name: &'static str) -> SocketAddr {
    serve(move |mut stream| {
        let mut request = [0; 4_096];
        let _ = stream.read(&mut request);
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
    })
}

#[test]
fn a_link_that_runs_is_changed_with_its_faults_or_runs_on_as_it_was() {
    let api = Api::start();
    let put = |spec: &Value| api.ask("PUT /v1/links/shop", &spec.to_string());
    let spec = json!({ "kind": "http", "upstream": named("one").to_string() });
    let address = link(&api, "shop", &spec);
    let fault = json!({ "http": { "matches": { "path": "/bad" }, "act": { "answer": { "status": 503 } } } });
    assert_eq!(api.ask("PUT /v1/links/shop/faults/busy", &fault.to_string()).status, 201);
    // Its way is as it was, until it is another one: at the address it has, and with its fault.
    let works = |address: SocketAddr, name: &str| {
        assert!(get(address, "/bad").starts_with("HTTP/1.1 503"));
        let answer = get(address, "/");
        assert!(answer.ends_with(name), "{answer}");
        assert_eq!(api.json("GET /v1/links/shop", "")["listen"], address.to_string());
    };
    works(address, "one");
    let two = json!({ "kind": "http", "upstream": named("two").to_string() });
    let idle = TcpStream::connect(address).unwrap();
    assert_eq!(put(&two).status, 200);
    works(address, "two");
    assert_eq!(api.json("GET /v1/links/shop", "")["counters"]["requests"], 2, "it counts anew");
    // What was connected before is not connected any more.
    idle.set_read_timeout(Some(LONG)).unwrap();
    assert!(matches!((&idle).read(&mut [0]), Ok(0) | Err(_)));
    // Nothing of what is refused changes anything.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = |listen: String| {
        let mut spec = two.clone();
        spec["listen"] = json!(listen);
        spec
    };
    let refused = put(&at(taken.local_addr().unwrap().to_string()));
    assert!(refused.status == 500 && refused.body.contains("address already in use"), "{refused:?}");
    let refused = put(&json!({ "kind": "udp", "upstream": "127.0.0.1:9" }));
    assert!(refused.status == 409 && refused.body.contains("DELETE it first"), "{refused:?}");
    let refused = put(&json!({ "kind": "http", "upstream": "127.0.0.1:9", "tls": { "terminat": {} } }));
    assert_eq!(refused.status, 400, "{refused:?}");
    works(address, "two");
    // The same in other words is no change.
    assert_eq!(put(&at(address.to_string())).status, 200);
    assert_eq!(api.json("GET /v1/links/shop", "")["counters"]["requests"], 4);
    // Elsewhere, and nowhere else.
    let elsewhere = SocketAddr::from(([127, 0, 0, 2], 0));
    assert_eq!(put(&at(elsewhere.to_string())).status, 200);
    let listen = api.json("GET /v1/links/shop", "")["listen"].as_str().unwrap().parse().unwrap();
    works(listen, "two");
    assert!(TcpStream::connect(address).is_err(), "it still listens where it was");
    // A fault that could not stay stops the change.
    let mut https = at(listen.to_string());
    https["tls"] = json!({ "terminate": {} });
    assert_eq!(put(&https).status, 200);
    let ca = |shown: &Value| shown["ca_pem"].as_str().map(str::to_owned);
    let before = ca(&api.json("GET /v1/links/shop", "")).unwrap();
    assert_eq!(api.ask("PUT /v1/links/shop/faults/old", r#"{"tls":"expired_certificate"}"#).status, 201);
    let refused = put(&at(listen.to_string()));
    assert!(refused.status == 400 && refused.body.contains("could not stay"), "{refused:?}");
    let shown = api.json("GET /v1/links/shop", "");
    assert_eq!((ca(&shown).unwrap(), shown["faults"].as_array().unwrap().len()), (before, 2));
}

#[test]
fn every_kind_of_link_keeps_its_address_when_it_is_changed() {
    let api = Api::start();
    let shop = shop().to_string();
    let tls = json!({ "terminate": {}, "dial_timeout": "1s" });
    let cases = [
        (json!({ "kind": "udp", "upstream": "127.0.0.1:9" }), ("upstream", json!("127.0.0.1:10"))),
        (json!({ "kind": "dns", "names": {} }), ("ttl", json!("5s"))),
        (json!({ "kind": "tls", "upstream": shop, "terminate": {} }), ("dial_timeout", json!("1s"))),
        (json!({ "kind": "http", "upstream": shop, "tls": { "terminate": {} } }), ("tls", tls)),
    ];
    for (spec, (field, value)) in cases {
        let address = link(&api, "a", &spec);
        let mut other = spec.clone();
        other[field] = value;
        for asked in [&other, &spec] {
            let answer = api.ask("PUT /v1/links/a", &asked.to_string());
            assert_eq!(answer.status, 200, "{asked}: {answer:?}");
            assert_eq!(api.json("GET /v1/links/a", "")["listen"], address.to_string());
        }
        assert_eq!(api.ask("DELETE /v1/links/a", "").status, 204);
    }
}

#[test]
fn a_put_may_be_repeated_and_nobody_takes_the_address_of_another_one() {
    let api = Api::start();
    let spec = json!({ "kind": "udp", "upstream": "127.0.0.1:9" });
    let address = link(&api, "a", &spec);
    assert_eq!(api.ask("PUT /v1/links/a", &spec.to_string()).status, 200);
    let taken = json!({ "kind": "udp", "listen": address.to_string(), "upstream": "127.0.0.1:10" });
    let refused = api.ask("PUT /v1/links/b", &taken.to_string());
    assert!(refused.status == 500 && refused.body.contains("address already in use"), "{refused:?}");
    assert_eq!(api.json("GET /v1/links", "")["links"].as_array().unwrap().len(), 1);
}

#[test]
fn the_address_of_a_link_that_was_taken_away_can_be_had_at_once() {
    let api = Api::start();
    for kind in ["http", "udp", "tls"] {
        let mut spec = json!({ "kind": kind, "upstream": shop().to_string() });
        if kind == "tls" {
            spec["terminate"] = json!({});
        }
        spec["listen"] = json!(link(&api, "a", &spec).to_string());
        for _ in 0..10 {
            let open = TcpStream::connect(spec["listen"].as_str().unwrap());
            assert_eq!(api.ask("DELETE /v1/links/a", "").status, 204);
            link(&api, "a", &spec);
            drop(open);
        }
        assert_eq!(api.ask("DELETE /v1/links/a", "").status, 204);
    }
    assert_eq!(api.ask("DELETE /v1/links/a", "").status, 404);
}

#[test]
fn what_is_wrong_with_a_link_or_a_fault_is_told_with_its_field() {
    let api = Api::start();
    link(&api, "a", &json!({ "kind": "http", "upstream": "127.0.0.1:9" }));
    let problems = |what: &str, body: Value| {
        let answer = api.ask(what, &body.to_string());
        assert_eq!(answer.status, 400, "{what} {body}: {answer:?}");
        let refused: Value = serde_json::from_str(&answer.body).unwrap();
        let fields = refused["problems"].as_array().unwrap().iter();
        fields.map(|problem| problem["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let new = "PUT /v1/links/new";
    assert_eq!(problems(new, json!({})), ["kind"]);
    assert_eq!(problems(new, json!({ "kind": "tcp", "upstream": "x:1" })), ["kind"]);
    assert!(api.ask(new, r#"{"kind":5}"#).body.contains("there is no kind"));
    assert_eq!(
        problems(new, json!({ "kind": "udp", "listen": "x", "ttl": "1s" })),
        ["listen", "upstream", "ttl"]
    );
    let tls = json!({ "kind": "http", "upstream": "127.0.0.1:9", "tls": { "terminat": {} } });
    assert_eq!(problems(new, tls), ["tls.terminat"]);
    let zone = json!({ "kind": "dns", "names": { "a..b": [] } });
    assert_eq!(problems(new, zone).len(), 1);
    let fault = "PUT /v1/links/a/faults/f";
    let status = json!({ "http": { "act": { "answer": { "status": 9 } }, "matches": { "status": [200], "every": 0 } } });
    assert_eq!(
        problems(fault, status),
        ["http.matches.every", "http.matches.status", "http.act.answer.status"]
    );
    assert_eq!(problems(fault, json!({ "http": { "act": "go_awya" } })), ["http.act"]);
    assert_eq!(problems(fault, json!({})), [""]);
    assert_eq!(problems(fault, json!({ "http": {}, "udp": "blackhole" })), [""]);
    assert_eq!(problems(fault, json!({ "quic": {} })), ["quic"]);
    assert_eq!(api.json("GET /v1/links/a", "")["faults"], json!([]));
    assert_eq!(api.ask("PUT /v1/links/none/faults/f", "{}").status, 404);
}

#[test]
fn clients_that_are_stuck_hold_up_nobody_who_takes_their_link_away() {
    let api = Api::start();
    let (upstream, _held) = sink();
    let spec = json!({ "kind": "http", "upstream": upstream.to_string() });
    let address = link(&api, "a", &spec);
    let ask = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n";
    let stuck = |_| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(ask).unwrap();
        stream.set_nonblocking(true).unwrap();
        while stream.write(&[7; 65_536]).is_ok() {}
        stream
    };
    let _stuck: Vec<TcpStream> = (0..20).map(stuck).collect();
    assert!(wait(|| api.json("GET /v1/links/a", "")["counters"]["open"] == 20));
    let ((), took) = timed(|| assert_eq!(api.ask("DELETE /v1/links/a", "").status, 204));
    assert!(took < AT_ONCE, "{took:?}");
    link(&api, "a", &json!({ "kind": "udp", "upstream": "127.0.0.1:9", "listen": address.to_string() }));
}
