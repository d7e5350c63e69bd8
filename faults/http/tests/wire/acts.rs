//! Acts on heads and on whole exchanges: each does what it says, and says what it did.

use std::collections::BTreeMap;
use std::time::Duration;

use shakedown_http_faults::act::{
    Abort, AbortHow, Answer, Delay, HeaderChange, HeaderEdit, HttpAct, Informational, RedirectLoop,
    ReplaceBody, Rewrite, TooManyRequests,
};
use shakedown_http_faults::fault::HttpFault;
use shakedown_http_faults::matching::{BodyMatch, HeaderMatch, Match};
use shakedown_scenarios::units::{Ratio, Size, Span};
use tokio::io::AsyncWriteExt;

use crate::shop::{FIXED, STREAM};
use crate::support::*;

#[tokio::test]
async fn a_delay_holds_the_request_back_before_the_server_sees_it() {
    for place in Place::both().await {
        place.inject(Delay::before(Span::millis(60)));
        let began = now();
        let answer = place.get("/fixed").await;
        assert!(began.elapsed() >= Duration::from_millis(60), "{:?}", began.elapsed());
        assert_eq!((answer.status(), answer.body().as_str()), (200, FIXED));
        place.assert_seen(1, 1);
        assert!(place.evidence().waited >= Span::millis(60));
        place.heal();
        assert_eq!(place.get("/fixed").await.status(), 200);
        place.assert_seen(1, 1);
    }
}

#[tokio::test]
async fn what_waits_goes_on_as_soon_as_its_fault_is_healed() {
    for place in Place::both().await {
        place.inject(Delay::before(Span::secs(3_000)));
        let mut waiting = connect(place.address()).await;
        waiting.write_all(b"GET /fixed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        until("the request to come", || place.evidence().matched == 1).await;
        place.heal();
        assert_eq!(rest(&mut waiting).await.status(), 200);
        place.assert_seen(1, 0);
    }
}

#[tokio::test]
async fn a_fault_can_wait_for_a_status_and_pass_over_the_first_requests() {
    for place in Place::both().await {
        let matches = Match { status: vec![404, 503], after_requests: Some(1), ..Match::default() };
        let body = ReplaceBody { body: "gone".to_owned(), content_type: None };
        place.inject_as(ID, HttpFault { matches, act: body.into() });
        let some = Match { path: Some("/fixed".parse().unwrap()), every: Some(2), ..Match::default() };
        place.inject_as(ID + 1, HttpFault { matches: some, act: Answer::status(503).into() });
        let mut seen = Vec::new();
        for path in ["/nowhere", "/fixed", "/nowhere", "/fixed", "/fixed"] {
            let answer = place.get(path).await;
            seen.push((answer.status(), answer.body() == "gone"));
        }
        assert_eq!(seen, [(404, false), (200, false), (404, true), (503, true), (200, false)]);
        place.assert_seen(2, 2);
        place.heal();
    }
}

#[tokio::test]
async fn a_fault_can_wait_for_a_body_and_hands_it_on_whole() {
    for place in Place::both().await {
        let part = BodyMatch::Text("ee,fo".to_owned());
        let matches = Match { status: vec![200], response_body: Some(part), ..Match::default() };
        let added = HeaderChange::response("x-seen", HeaderEdit::Add("yes".to_owned()));
        place.inject_as(ID, HttpFault { matches, act: added.into() });
        let bodies =
            [("/stream", STREAM.concat()), ("/fixed", FIXED.to_owned()), ("/big", "x".repeat(1 << 20))];
        for (path, body) in &bodies {
            let answer = place.get(path).await;
            assert_eq!(answer.header("x-seen").len(), usize::from(*path == "/stream"), "{path}");
            assert!(answer.unframed() == *body, "{path} did not come out as it went in");
        }
        let mut sender = http2(place.address()).await;
        let response = send2(&mut sender, "/stream").await.unwrap();
        assert_eq!(response.headers()["x-seen"], "yes");
        assert_eq!(text(response.into_body()).await, STREAM.concat());
        place.assert_seen(2, 2);
        place.heal();
        // What is looked at may be what is changed.
        let all = BodyMatch::Regex("^x+$".to_owned());
        let matches = Match { response_body: Some(all), ..Match::default() };
        let act = ReplaceBody { body: "small".to_owned(), content_type: None };
        place.inject_as(ID, HttpFault { matches, act: act.into() });
        assert_eq!(place.get("/big").await.unframed(), "small");
        place.assert_seen(1, 1);
    }
}

#[tokio::test]
async fn an_answer_whose_body_is_waited_for_goes_on_when_the_fault_is_healed() {
    let listener = tokio::net::TcpListener::bind(any()).await.unwrap();
    let place = Place::before(listener.local_addr().unwrap());
    let never = BodyMatch::Text("never".to_owned());
    let matches = Match { response_body: Some(never), ..Match::default() };
    place.inject_as(ID, HttpFault { matches, act: HttpAct::KeepAliveClose });
    let mut client = connect(place.address()).await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let (mut server, _) = soon("the proxy", listener.accept()).await.unwrap();
    read_until(&mut server, "\r\n\r\n").await;
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), client.readable()).await;
    assert!(early.is_err(), "the rest of the body may still fit");
    place.heal();
    read_until(&mut client, "four").await;
    server.write_all(b"andmore").await.unwrap();
    read_until(&mut client, "andmor").await;
    place.assert_seen(0, 0);
}

/// The heads of interim answers before the final one.
fn interim(answer: &Raw) -> Vec<String> {
    let (text, mut heads) = (answer.text(), Vec::new());
    let mut rest = text.as_str();
    while let Some((head, after)) = rest.split_once("\r\n\r\n").filter(|_| rest.starts_with("HTTP/1.1 1")) {
        heads.push(head.to_owned());
        rest = after;
    }
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n"), "{text:?}");
    heads
}

#[tokio::test]
async fn interim_answers_come_before_the_server_is_asked_and_leave_the_connection() {
    let listener = tokio::net::TcpListener::bind(any()).await.unwrap();
    let place = Place::before(listener.local_addr().unwrap());
    let headers = BTreeMap::from([("link".to_owned(), "</a.css>; rel=preload".to_owned())]);
    place.inject(Informational { status: 103, headers, times: 2 });
    let mut client = connect(place.address()).await;
    client.write_all(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
    // They are there while the server has not answered yet.
    assert_eq!(read_until(&mut client, &hints.repeat(2)).await, hints.repeat(2));
    let (mut server, _) = soon("the proxy", listener.accept()).await.unwrap();
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend";
    for number in 1..=2 {
        read_until(&mut server, "\r\n\r\n").await;
        server.write_all(answer).await.unwrap();
        let text = read_until(&mut client, "end").await;
        assert_eq!(text.matches(hints).count(), if number == 1 { 0 } else { 2 }, "{text}");
        client.write_all(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    }
    until("all to be bitten", || place.evidence().bitten >= 2).await;
}

#[tokio::test]
async fn interim_answers_are_for_clients_that_know_them() {
    let place = Place::proxy().await;
    place.inject(Informational { status: 100, headers: BTreeMap::new(), times: 100 });
    let answer = place.get("/fixed").await;
    assert_eq!(interim(&answer), ["HTTP/1.1 100 Continue"; 100]);
    assert!(answer.text().ends_with(FIXED));
    place.assert_seen(1, 1);
    let old = ask(place.address(), "GET /fixed HTTP/1.0\r\n\r\n").await;
    assert!(old.status() == 200 && old.body() == FIXED, "{old:?}");
    let mut sender = http2(place.address()).await;
    assert_eq!(send2(&mut sender, "/fixed").await.unwrap().status(), 200);
    place.assert_seen(3, 1);
    // The library reads them as any client does that waits for the final one.
    let io = hyper_util::rt::TokioIo::new(connect(place.address()).await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("/fixed").header("host", "shop").body(String::new()).unwrap();
    let response = soon("the answer", sender.send_request(request)).await.unwrap();
    assert_eq!((response.status().as_u16(), text(response.into_body()).await.as_str()), (200, FIXED));
}

#[tokio::test]
async fn a_fault_does_nothing_before_its_time() {
    for place in Place::both().await {
        let matches = Match { after: Some(Span::secs(3_000)), ..Match::default() };
        place.inject_as(ID, HttpFault { matches, act: Abort::default().into() });
        assert_eq!(place.get("/fixed").await.status(), 200);
        place.assert_seen(0, 0);
    }
}

#[tokio::test]
async fn a_rewrite_asks_the_server_for_something_else() {
    for place in Place::both().await {
        place.inject(Rewrite {
            method: Some("PUT".to_owned()),
            path: Some("/echo".to_owned()),
            query: Some("page=9".to_owned()),
        });
        let answer = place.get("/fixed?page=1").await;
        assert!(answer.body().starts_with("PUT /echo?page=9 HTTP/1.1\n"), "{answer:?}");
        place.assert_seen(1, 1);
        place.heal();
        assert_eq!(place.get("/fixed?page=1").await.body(), FIXED);
    }
}

#[tokio::test]
async fn an_abort_closes_the_connection_without_an_answer() {
    for place in Place::both().await {
        place.inject(Abort::default());
        let answer = place.get("/fixed").await;
        assert_eq!((answer.text().as_str(), answer.reset), ("", false));
        place.assert_seen(1, 1);
        place.heal();
        assert_eq!(place.get("/fixed").await.status(), 200);
    }
}

#[tokio::test]
async fn the_proxy_aborts_with_a_reset_where_that_is_wanted() {
    let place = Place::proxy().await;
    place.inject(Abort { how: AbortHow::Reset, ..Abort::default() });
    let answer = place.get("/fixed").await;
    assert_eq!((answer.text().as_str(), answer.reset), ("", true));
    place.assert_seen(1, 1);
}

#[tokio::test]
async fn an_abort_within_the_body_lets_so_much_of_it_pass() {
    for place in Place::both().await {
        place.inject(Abort { after: Some(Size::bytes(7)), ..Abort::default() });
        let answer = place.get("/fixed").await;
        assert_eq!(answer.header("content-length"), ["20"], "{answer:?}");
        assert_eq!((answer.body().as_str(), answer.reset), (&FIXED[..7], false));
        place.assert_seen(1, 1);
        // There is nothing to abort in a body that is not longer.
        assert_eq!(place.get("/empty").await.status(), 200);
        place.assert_seen(2, 1);
    }
}

#[tokio::test]
async fn an_abort_within_the_body_can_be_a_reset_too() {
    let place = Place::proxy().await;
    place.inject(Abort { how: AbortHow::Reset, after: Some(Size::bytes(7)), ..Abort::default() });
    let answer = place.get("/fixed").await;
    assert!(answer.reset, "{answer:?}");
    place.assert_seen(1, 1);
}

#[tokio::test]
async fn an_answer_comes_without_the_server_being_asked() {
    for place in Place::both().await {
        let headers = [("x-from".to_owned(), "fault".to_owned())].into();
        place.inject(Answer { status: 503, headers, body: "closed".to_owned() });
        let answer = place.get("/fixed").await;
        assert_eq!((answer.status(), answer.body().as_str()), (503, "closed"));
        assert_eq!(answer.header("x-from"), ["fault"]);
        assert!(answer.header("x-shop").is_empty(), "{answer:?}");
        place.assert_seen(1, 1);
    }
}

#[tokio::test]
async fn headers_of_the_response_are_added_replaced_removed_and_blown_up() {
    for place in Place::both().await {
        let change = |edit| HeaderChange::response("X-Shop", edit);
        let cases = [
            (HeaderEdit::Add("more".to_owned()), vec!["open".to_owned(), "more".to_owned()]),
            (HeaderEdit::Replace("other".to_owned()), vec!["other".to_owned()]),
            (HeaderEdit::Remove, vec![]),
            (HeaderEdit::Huge(Size::bytes(200_000)), vec!["x".repeat(200_000)]),
        ];
        for (edit, expected) in cases {
            place.inject(change(edit));
            let answer = place.get("/fixed").await;
            assert_eq!((answer.header("x-shop"), answer.body().as_str()), (expected, FIXED));
            place.assert_seen(1, 1);
            place.heal();
        }
    }
}

#[tokio::test]
async fn headers_of_the_request_are_changed_before_the_server_sees_them() {
    for place in Place::both().await {
        place.inject(HeaderChange::request("x-who", HeaderEdit::Replace("nobody".to_owned())));
        let request = "GET /echo HTTP/1.1\r\nHost: a\r\nX-Who: me\r\nConnection: close\r\n\r\n";
        let answer = ask(place.address(), request).await;
        assert!(answer.body().contains("x-who=nobody\n") && !answer.body().contains("=me"), "{answer:?}");
        place.assert_seen(1, 1);
    }
}

#[tokio::test]
async fn too_many_requests_says_when_to_try_again() {
    for place in Place::both().await {
        place.inject(TooManyRequests { retry_after: Span::millis(2_500), body: "slow down".to_owned() });
        let answer = place.get("/fixed").await;
        assert_eq!((answer.status(), answer.header("retry-after")), (429, vec!["3".to_owned()]));
        assert_eq!(answer.body(), "slow down");
        place.assert_seen(1, 1);
    }
}

#[tokio::test]
async fn a_redirect_loop_never_leads_anywhere_else() {
    for place in Place::both().await {
        place.inject(RedirectLoop { status: 307, vary: true });
        let mut path = "/fixed?a=b".to_owned();
        for hop in 1..=3 {
            let answer = place.get(&path).await;
            assert_eq!(answer.status(), 307);
            path = answer.header("location").remove(0);
            assert_eq!(path, format!("/fixed?a=b&hop={hop}"));
        }
        place.assert_seen(3, 3);
    }
}

#[tokio::test]
async fn keep_alive_close_ends_a_connection_that_would_have_gone_on() {
    for place in Place::both().await {
        let request = "GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut stream = connect(place.address()).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        assert!(!read_until(&mut stream, FIXED).await.contains("close"));
        place.inject(HttpAct::KeepAliveClose);
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert_eq!((answer.header("connection"), answer.reset), (vec!["close".to_owned()], false));
        assert_eq!(answer.body(), FIXED);
        place.assert_seen(1, 1);
    }
}

#[tokio::test]
async fn only_what_matches_is_touched() {
    for place in Place::both().await {
        let matches = Match {
            methods: vec!["GET".to_owned()],
            path: Some("/fi*".parse().unwrap()),
            headers: vec![HeaderMatch::equals("x-user", "me")],
            every: Some(2),
            ..Match::default()
        };
        place.inject_as(ID, HttpFault { matches, act: Answer::status(500).into() });
        let ask = |method: &str, path: &str, user: &str| {
            let (method, path, user) = (method.to_owned(), path.to_owned(), user.to_owned());
            let address = place.address();
            let head =
                format!("{method} {path} HTTP/1.1\r\nHost: a\r\nX-User: {user}\r\nConnection: close\r\n");
            async move { ask(address, &format!("{head}\r\n")).await.status() }
        };
        assert_eq!(ask("GET", "/fixed?x", "me").await, 200, "the first of two");
        assert_eq!(ask("DELETE", "/fixed", "me").await, 200, "another method");
        assert_eq!(ask("GET", "/echo", "me").await, 200, "another path");
        assert_eq!(ask("GET", "/fixed", "you").await, 200, "another user");
        assert_eq!(ask("GET", "/fixed", "me").await, 500, "the second of two");
        place.assert_seen(1, 1);
    }
}

#[tokio::test]
async fn both_places_bite_the_same_requests() {
    let mut seen = Vec::new();
    for place in Place::both().await {
        let matches = Match { share: Ratio::new(0.5), ..Match::default() };
        place.inject_as(ID, HttpFault { matches, act: Answer::status(500).into() });
        let mut statuses = Vec::new();
        for _ in 0..24 {
            statuses.push(place.get("/fixed").await.status());
        }
        seen.push(statuses);
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0].contains(&200) && seen[0].contains(&500));
}

#[tokio::test]
async fn faults_add_up_in_the_order_of_their_injection() {
    for place in Place::both().await {
        place.inject_as(1, HttpFault::always(Answer::status(503)));
        place.inject_as(2, HttpFault::always(Answer::status(504)));
        place.inject(HeaderChange::response("x-why", HeaderEdit::Add("fault".to_owned())));
        let answer = place.get("/fixed").await;
        assert_eq!((answer.status(), answer.header("x-why")), (503, vec!["fault".to_owned()]));
        place.assert_seen(1, 1);
    }
}
