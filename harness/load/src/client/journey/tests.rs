use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::feeder::{Feeder, Order};
use shakedown_scenarios::workload::journey::Capture;
use shakedown_scenarios::workload::{
    Arrivals, Destination, Habits, HttpExpect, HttpRequest, HttpVersion, Think,
};

use super::http1::JourneyAnswer;
use super::*;
use crate::client::{Client, Reading};

pub(crate) fn step(method: &str, path: &str, capture: &[(&str, Capture)]) -> JourneyStep {
    JourneyStep {
        request: HttpRequest {
            name: None,
            method: method.into(),
            path: path.into(),
            headers: Vec::new(),
            body: String::new(),
            expect: HttpExpect::default(),
            weight: 1,
            keys: 1,
        },
        capture: capture.iter().map(|(name, capture)| ((*name).to_owned(), capture.clone())).collect(),
    }
}

pub(crate) fn journey(steps: Vec<JourneyStep>) -> JourneyWorkload {
    JourneyWorkload {
        version: HttpVersion::Http1,
        to: Destination::Target("shop".into()),
        arrivals: Arrivals::Constant(Rate::per_second(1.0).unwrap()),
        timeout: Span::secs(1),
        connections: 1,
        habits: Habits::default(),
        tls: None,
        auth: None,
        keys: 10,
        data: None,
        steps,
    }
}

fn client_of(host: &str, journey: &JourneyWorkload) -> Result<JourneyClient, ClientError> {
    JourneyClient::new(host, journey)
}

/// A login that gives a token and an item, and a purchase that needs both.
pub(crate) fn purchase() -> JourneyWorkload {
    let token = Capture::Json("/token".into());
    let mut buy = step("POST", "/buy/{item}?by={n}", &[]);
    buy.request.headers = vec![("X-Token".into(), "t {token}".into())];
    buy.request.body = r#"{"item": "{item}", "token": "{{token}}"}"#.into();
    journey(vec![
        step("GET", "/login/{n}", &[("token", token), ("item", Capture::Header("X-Item".into()))]),
        buy,
    ])
}

fn asked(client: &JourneyClient, answer: &mut JourneyAnswer, kind: u32) -> String {
    let (ask, mut out) = (Ask { due: 0, key: 7, kind, row: 0 }, Vec::new());
    client.begins(&ask, answer, 0, 0);
    client.ask(&ask, answer, &mut out);
    String::from_utf8(out).unwrap()
}

fn read(client: &JourneyClient, answer: &mut JourneyAnswer, head: &str, body: &str) -> Reading {
    let text = format!("HTTP/1.1 200 OK\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len());
    client.read(answer, text.as_bytes(), &mut Vec::new())
}

const OK: Reading = Reading::Whole { verdict: Ok(()), keep: true };
const CHECK: Reading = Reading::Whole { verdict: Err(ErrorClass::Check), keep: true };

#[test]
fn what_was_answered_is_part_of_what_is_asked_next() {
    let client = client_of("shop:80", &purchase()).unwrap();
    let mut user = client.answer();
    assert_eq!(
        asked(&client, &mut user, 0),
        format!("GET /login/7 HTTP/1.1\r\nHost: shop:80\r\nUser-Agent: {USER_AGENT}\r\n\r\n")
    );
    let given = "X-Item: a pen\r\nSet-Cookie: sid=1; Path=/\r\n";
    assert_eq!(read(&client, &mut user, given, r#"{"token": "x\ny"}"#), OK);
    assert_eq!(client.follows(&Ask { due: 0, key: 7, kind: 0, row: 0 }), Some(1));
    assert_eq!(
        asked(&client, &mut user, 1),
        format!(
            "POST /buy/a%20pen?by=7 HTTP/1.1\r\nHost: shop:80\r\nUser-Agent: {USER_AGENT}\r\nX-Token: t x y\r\n\
             Cookie: sid=1\r\nContent-Length: 37\r\n\r\n{{\"item\": \"a pen\", \"token\": \"{{token}}\"}}"
        )
    );
    assert_eq!(client.follows(&Ask { due: 0, key: 7, kind: 1, row: 0 }), None);
    assert!(client.has_key(0));
}

#[test]
fn what_is_not_found_fails_the_check_of_its_step() {
    let client = client_of("shop", &purchase()).unwrap();
    let mut user = client.answer();
    for (head, body) in
        [("", r#"{"token": "x"}"#), ("X-Item: 1\r\n", r#"{"id": 1}"#), ("X-Item: 1\r\n", "none")]
    {
        asked(&client, &mut user, 0);
        assert_eq!(read(&client, &mut user, head, body), CHECK, "{head:?} {body:?}");
    }
}

#[test]
fn a_new_user_has_no_cookies_and_no_values_and_a_user_who_stays_keeps_its_cookies() {
    let users = Arrivals::Closed { users: 1, think: Think::Constant(Span::ZERO) };
    for (arrivals, keeps) in [(users, true), (purchase().arrivals, false)] {
        let client = client_of("shop", &JourneyWorkload { arrivals, ..purchase() }).unwrap();
        let mut user = client.answer();
        asked(&client, &mut user, 0);
        read(&client, &mut user, "X-Item: 1\r\nSet-Cookie: sid=1; Path=/\r\n", r#"{"token": "x"}"#);
        assert_eq!(asked(&client, &mut user, 0).contains("Cookie: sid=1\r\n"), keeps);
        assert!(user.user.values.iter().all(Vec::is_empty));
    }
}

#[test]
fn a_step_may_write_its_cookies_itself() {
    let mut by_hand = step("GET", "/", &[]);
    by_hand.request.headers = vec![("Cookie".into(), "mine=1".into())];
    let client = client_of("shop", &journey(vec![step("GET", "/", &[]), by_hand])).unwrap();
    let mut user = client.answer();
    asked(&client, &mut user, 0);
    read(&client, &mut user, "Set-Cookie: sid=1\r\n", "");
    let request = asked(&client, &mut user, 1);
    assert!(request.contains("Cookie: mine=1\r\n") && !request.contains("sid"), "{request}");
}

#[test]
fn a_journey_that_cannot_be_sent_is_refused() {
    let refused = |workload| client_of("shop", &workload).unwrap_err();
    assert!(matches!(refused(journey(vec![step("CONNECT", "/", &[])])), ClientError::Method(_)));
    assert!(matches!(refused(journey(vec![step("GET", "items", &[])])), ClientError::Path(_)));
    let bad = step("GET", "/", &[("x", Capture::Matches("(".into()))]);
    assert!(matches!(refused(journey(vec![bad])), ClientError::Regex(_)));
    assert!(matches!(client_of("a b", &purchase()).unwrap_err(), ClientError::Host(_)));
}

#[test]
fn each_journey_has_its_row_from_its_first_step_to_its_last() {
    let rows = ["ann", "b b", "cy"].map(|user| vec![user.to_owned()]).to_vec();
    let columns = vec!["user".to_owned()];
    let data = Some(Feeder { file: "users.csv".into(), columns, order: Order::InTurn, rows });
    let steps = vec![step("GET", "/{user}", &[]), step("GET", "/again/{user}", &[])];
    let client = client_of("shop", &JourneyWorkload { data, ..journey(steps) }).unwrap();
    let mut user = client.answer();
    for (row, name) in [(2, "cy"), (1, "b%20b"), (0, "ann"), (1, "b%20b")] {
        for (kind, path) in [(0, format!("/{name}")), (1, format!("/again/{name}"))] {
            let (ask, mut out) = (Ask { due: 0, key: 7, kind, row }, Vec::new());
            client.begins(&ask, &mut user, 0, 0);
            client.ask(&ask, &mut user, &mut out);
            let request = String::from_utf8(out).unwrap();
            assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{request}");
        }
    }
}

#[test]
fn data_that_was_not_read_is_refused() {
    let data =
        Feeder { file: "users.csv".into(), columns: Vec::new(), order: Order::InTurn, rows: Vec::new() };
    let refused = client_of("shop", &JourneyWorkload { data: Some(data), ..purchase() }).unwrap_err();
    assert_eq!(refused, ClientError::Rows("users.csv".into()));
}
