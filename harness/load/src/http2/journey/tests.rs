use http::header::COOKIE;
use proptest::prelude::*;
use serde_json::json;
use shakedown_scenarios::workload::HttpAuth;
use shakedown_scenarios::workload::journey::Capture;

use super::*;
use crate::client::journey::JourneyClient;
use crate::client::journey::tests::{journey, purchase, step};
use crate::client::{Client as _, Reading};

/// A request as everybody reads it: method, path, sorted fields without the one that names the target, body.
type Request = (String, String, Vec<(String, Vec<u8>)>, Vec<u8>);

/// The same user over either version.
struct Twins {
    first: (JourneyClient, <JourneyClient as crate::client::Client>::Answer),
    second: (Journeys, Traveller),
    number: u64,
}

impl Twins {
    fn new(workload: &JourneyWorkload, number: u64) -> Self {
        let first = JourneyClient::new("shop:80", workload).unwrap();
        let second = Journeys::new(workload).unwrap();
        let users = (first.answer(), second.answer());
        Self { first: (first, users.0), second: (second, users.1), number }
    }

    fn ask(&self, kind: u32) -> Ask {
        Ask { due: 0, key: self.number, kind, row: 0 }
    }

    /// What both ask at this step.
    fn asked(&mut self, kind: u32) -> [Request; 2] {
        let (ask, mut bytes) = (self.ask(kind), Vec::new());
        self.first.0.begins(&ask, &mut self.first.1, 0, 5);
        self.first.0.ask(&ask, &mut self.first.1, &mut bytes);
        self.second.0.begins(&ask, &mut self.second.1, 5);
        [of_bytes(&bytes), of_parcel(self.second.0.ask(&ask, &self.second.1).unwrap())]
    }

    /// The verdicts on this answer of status 200.
    fn answered(&mut self, kind: u32, head: &[(&str, &str)], body: &str) -> [Result<(), ErrorClass>; 2] {
        let ask = self.ask(kind);
        let fields: String = head.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let text = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len());
        let first = self.first.0.read(&mut self.first.1, text.as_bytes(), &mut Vec::new());
        let Reading::Whole { verdict: first, .. } = first else { panic!("not whole: {text:?}") };
        let field = |(name, value): &(&str, &str)| (name.parse().unwrap(), value.parse().unwrap());
        let headers: HeaderMap = head.iter().map(field).collect();
        let (talk, traveller) = (&self.second.0, &mut self.second.1);
        talk.head(&ask, traveller, StatusCode::OK, &headers);
        body.as_bytes().chunks(3).for_each(|piece| talk.body(&ask, traveller, piece));
        [first, talk.judge(&ask, traveller, None)]
    }
}

fn of_bytes(bytes: &[u8]) -> Request {
    let mut fields = [httparse::EMPTY_HEADER; 20];
    let mut request = httparse::Request::new(&mut fields);
    let Ok(httparse::Status::Complete(head)) = request.parse(bytes) else {
        panic!("{bytes:?} is no request")
    };
    let fields =
        request.headers.iter().map(|field| (field.name.to_lowercase(), field.value.trim_ascii().into()));
    let mut fields: Vec<_> = fields.filter(|(name, _)| name != "host").collect();
    fields.sort();
    (request.method.unwrap().into(), request.path.unwrap().into(), fields, bytes[head..].into())
}

fn of_parcel(parcel: Parcel) -> Request {
    let field = |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), value.as_bytes().to_vec());
    let mut fields: Vec<_> = parcel.headers.iter().map(field).collect();
    fields.sort();
    (parcel.method.to_string(), parcel.path.to_string(), fields, parcel.body.into())
}

proptest! {
    /// Whatever a server gives: both versions ask the same, judge the same, keep the same, and no value leaves its place.
    #[test]
    fn a_step_is_the_same_over_both_versions(
        token in any::<String>(),
        item in "[!-~]([ -~]{0,10}[!-~])?",
        cookie in "[ -~]{0,20}",
        number: u64,
        has_item: bool,
    ) {
        let mut twins = Twins::new(&purchase(), number);
        for _ in 0..2 {
            let [first, second] = twins.asked(0);
            prop_assert_eq!(&first, &second);
            prop_assert_eq!(&first.1, &format!("/login/{number}"));
            let head = [("X-Item", item.as_str()), ("Set-Cookie", cookie.as_str())];
            let [first, second] =
                twins.answered(0, &head[usize::from(!has_item)..], &json!({"token": token}).to_string());
            prop_assert_eq!(first, second);
            prop_assert_eq!(first.is_ok(), has_item && token.len() <= 4096);
            let [first, second] = twins.asked(1);
            prop_assert_eq!(&first, &second);
            let (method, path, fields, body) = first;
            let end = format!("?by={number}");
            prop_assert!(method == "POST" && path.starts_with("/buy/") && path.ends_with(&end), "{}", path);
            let is_set = fields.iter().any(|(name, _)| name == "cookie");
            prop_assert_eq!(fields.len(), 3 + usize::from(is_set), "user-agent, x-token, content-length: {:?}", fields);
            let begin = format!("{{\"item\": \"{}", if has_item && token.len() <= 4096 { &item } else { "" });
            prop_assert!(body.starts_with(begin.as_bytes()), "{:?}", body);
        }
    }
}

#[test]
fn cookies_logins_and_checks_are_those_of_http_1() {
    let auth = Some(HttpAuth::Bearer { env: "PATH".into() });
    let mut twins = Twins::new(&JourneyWorkload { auth, ..purchase() }, 7);
    let [first, second] = twins.asked(0);
    assert_eq!(first, second);
    let parcel = twins.second.0.ask(&twins.ask(0), &twins.second.1).unwrap();
    assert!(parcel.headers["authorization"].is_sensitive() && !parcel.headers["user-agent"].is_sensitive());
    assert!(!format!("{:?} {parcel:?}", twins.second.0).contains(&std::env::var("PATH").unwrap()));
    let head = [("X-Item", "pen"), ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/buy")];
    assert_eq!(twins.answered(0, &head, r#"{"token": "x\n"}"#), [Ok(()); 2]);
    assert_eq!(twins.second.0.follows(&twins.ask(0)), Some(1));
    let [first, second] = twins.asked(1);
    assert_eq!(first, second);
    let again = of_parcel(twins.second.0.ask(&twins.ask(1), &twins.second.1).unwrap());
    assert_eq!(again, second, "what is asked once more is the same");
    let parcel = twins.second.0.ask(&twins.ask(1), &twins.second.1).unwrap();
    assert_eq!(parcel.headers[COOKIE], "b=2; a=1");
    assert_eq!(parcel.headers["x-token"], "t x", "nothing stands around a value");
    assert_eq!(twins.second.0.follows(&twins.ask(1)), None);
    assert_eq!(twins.answered(1, &[], ""), [Ok(()); 2]);
    twins.asked(0);
    assert_eq!(twins.answered(0, &head[..1], "{}"), [Err(ErrorClass::Check); 2]);
}

#[test]
fn what_http_2_cannot_say_is_refused_or_fails_its_step() {
    let refused = |of: JourneyWorkload| Journeys::new(&of).unwrap_err();
    let with = |path: &str, header: (&str, &str)| {
        let mut step = step("GET", path, &[]);
        step.request.headers = vec![(header.0.into(), header.1.into())];
        journey(vec![step])
    };
    assert!(matches!(refused(with("/a#{n}", ("A", "b"))), ClientError::Path(_)));
    assert!(matches!(refused(with("/?<{n}", ("A", "b"))), ClientError::Path(_)));
    assert!(matches!(refused(with("/", ("Keep-Alive", "b"))), ClientError::Connection(_)));
    assert!(matches!(refused(with("/", ("A", "b\n"))), ClientError::Header(_)));
    assert!(matches!(refused(journey(vec![step("CONNECT", "/", &[])])), ClientError::Method(_)));
    let give = step("GET", "/", &[("long", Capture::Json("/long".into()))]);
    let far = step("GET", &format!("/{}", "{long}".repeat(17)), &[]);
    let mut twins = Twins::new(&journey(vec![give, far]), 1);
    twins.asked(0);
    assert_eq!(twins.answered(0, &[], &json!({"long": "x".repeat(4096)}).to_string()), [Ok(()); 2]);
    let (talk, traveller) = (&twins.second.0, &mut twins.second.1);
    talk.begins(&Ask { due: 0, key: 1, kind: 1, row: 0 }, traveller, 0);
    let told = talk.ask(&Ask { due: 0, key: 1, kind: 1, row: 0 }, traveller).unwrap_err();
    assert_eq!(told, ErrorClass::Protocol, "69 KB of path");
}
