//! What is told of requests that failed: what was wanted, what came instead, and never a secret.

use http::Response;
use shakedown_scenarios::units::{Size, Span};
use shakedown_scenarios::workload::journey::Capture;
use shakedown_scenarios::workload::redis::{RedisExpect, RedisWorkload, Resp};
use shakedown_scenarios::workload::{
    HttpAuth, HttpExpect, HttpVersion, HttpWorkload, JourneyWorkload, Workload,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::http2;
use crate::journey::{journey, step};
use crate::redis::redis;
use crate::support::{Totals, answering, asked, http, run, serve};

/// A variable that is there wherever tests run; what it holds is the secret.
const SECRET: &str = "PATH";

const SHOP: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 28\r\n\r\n\
                    {\"count\": 4, \"names\": [\"a\"]}";

/// The one thing that is told of a load whose answers are all wrong in this way.
async fn told(expect: HttpExpect, answer: &'static str) -> String {
    let mut workload = http(40.0, 1);
    workload.requests[0].expect = expect;
    let (totals, _) = run(Workload::Http(workload), answering(answer).await, Span::millis(200)).await;
    totals.assert_complete();
    let class = totals.errors.keys().next().unwrap();
    let [why] = totals.whys(class)[..] else { panic!("{:?}", totals.whys(class)) };
    format!("{class}: {why}")
}

#[tokio::test]
async fn every_expectation_tells_what_it_wanted_and_what_it_found() {
    let of = HttpExpect::default;
    let body = "28 bytes: `{\"count\": 4, \"names\": [\"a\"]}`";
    let json = |pointer: &str, wanted: serde_json::Value| HttpExpect {
        json: vec![("/names/0".into(), "a".into()), (pointer.into(), wanted)],
        ..of()
    };
    let header = |name: &str, value: &str| HttpExpect { headers: vec![(name.into(), value.into())], ..of() };
    let sized = |at_least, at_most| HttpExpect {
        at_least: Some(Size::bytes(at_least)),
        at_most: Some(Size::bytes(at_most)),
        ..of()
    };
    for (expect, why) in [
        (
            HttpExpect { status: Some(201), ..of() },
            format!("status: expected status 201, found 200 with a body of {body}"),
        ),
        (
            HttpExpect { body: Some("five".into()), ..of() },
            format!("check: expected `five` in the first 64 KiB of the body, found a body of {body}"),
        ),
        (
            HttpExpect { matches: Some("c[0-9]+".into()), ..of() },
            format!("check: expected a match of `c[0-9]+` in the body, found a body of {body}"),
        ),
        (sized(29, 99), format!("check: expected a body of 29 bytes or more, found {body}")),
        (sized(0, 1), format!("check: expected a body of 1 byte or less, found {body}")),
        (
            header("content-type", "json"),
            "check: expected a header `content-type` with `json` in it, found `text/html`".into(),
        ),
        (header("x-id", ""), "check: expected a header `x-id`, found none".into()),
        (json("/count", 5.into()), "check: expected `5` at `/count` of the JSON, found `4`".into()),
        (json("/size", 5.into()), "check: expected `5` at `/size` of the JSON, found nothing there".into()),
    ] {
        assert_eq!(told(expect, SHOP).await, why);
    }
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>";
    let why = "check: expected a body in JSON of at most 64 KiB, found 6 bytes: `<html>`";
    assert_eq!(told(json("/count", 5.into()), page).await, why);
    let why = "status: expected a status from 200 to 399, found 503 with a body of 0 bytes";
    assert_eq!(told(of(), "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await, why);
    let why = "protocol: expected the head of an HTTP/1.x answer with at most 128 fields, found something else: \
               `SSH-2.0-x\\r\\n\\r\\n`";
    assert_eq!(told(of(), "SSH-2.0-x\r\n\r\n").await, why);
}

#[tokio::test]
async fn a_capture_that_finds_nothing_says_what_it_looked_for() {
    let capture = |pointer: &str| step("/", &[("id", Capture::Json(pointer.into()))]);
    let workload = JourneyWorkload {
        arrivals: http(40.0, 1).arrivals,
        steps: vec![capture("/names/0"), capture("/names")],
        data: None,
        ..journey()
    };
    let (totals, _) = run(Workload::Journey(workload), answering(SHOP).await, Span::millis(200)).await;
    totals.assert_complete();
    let [why] = totals.whys("check")[..] else { panic!("{totals:?}") };
    let wanted = "a text, number or truth at `/names` of the JSON";
    assert_eq!(why, format!("expected {wanted} to capture (at most 4096 bytes), found none"));
}

/// All that is told of a load's failures.
fn words(totals: &Totals) -> String {
    let examples = totals.windows.iter().flat_map(|window| &window.examples);
    examples.map(|example| format!("{}\n", example.why)).collect()
}

#[tokio::test]
async fn no_word_of_a_failure_holds_a_secret_that_the_target_gives_back() {
    // It answers with what it was asked, as some do in their pages of errors.
    let address = serve(|mut stream| async move {
        while let Some(head) = asked(&mut stream).await {
            let length = head.len();
            let answer = format!(
                "HTTP/1.1 500 Oops\r\nX-Asked: {}\r\nContent-Length: {length}\r\n\r\n{head}",
                head.replace("\r\n", " ")
            );
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    // The same in streams.
    let (in_streams, _) = http2::server(|request, mut respond| {
        let head = format!("{:?}", request.headers());
        let answer = Response::builder().status(500).header("x-asked", head.as_str()).body(()).unwrap();
        if let Ok(mut body) = respond.send_response(answer, false) {
            let _ = body.send_data(head.into_bytes().into(), true);
        }
    })
    .await;
    let secret = std::env::var(SECRET).unwrap();
    let env = || SECRET.to_owned();
    let expects = [
        HttpExpect::default(),
        HttpExpect { status: Some(500), matches: Some("nowhere".into()), ..HttpExpect::default() },
        HttpExpect {
            status: Some(500),
            headers: vec![("x-asked".into(), "nobody".into())],
            ..HttpExpect::default()
        },
    ];
    for auth in [
        HttpAuth::Bearer { env: env() },
        HttpAuth::Basic { user: "app".into(), password_env: env() },
        HttpAuth::Header { name: "X-Key".into(), env: env() },
    ] {
        for expect in &expects {
            let mut requests = HttpWorkload { auth: Some(auth.clone()), ..http(40.0, 1) };
            requests.requests[0].expect = expect.clone();
            let mut steps = JourneyWorkload {
                auth: Some(auth.clone()),
                arrivals: requests.arrivals.clone(),
                steps: vec![step("/", &[])],
                data: None,
                ..journey()
            };
            steps.steps[0].request.expect = expect.clone();
            let streams = HttpWorkload { version: HttpVersion::Http2 { streams: 2 }, ..requests.clone() };
            for (workload, address) in [
                (Workload::Http(requests), address),
                (Workload::Journey(steps), address),
                (Workload::Http(streams), in_streams),
            ] {
                let (totals, _) = run(workload, address, Span::millis(200)).await;
                totals.assert_complete();
                let words = words(&totals);
                assert!(
                    !words.contains(&secret[..8]) && !words.contains("Basic ") && words.contains("expected"),
                    "{words}"
                );
            }
        }
    }
}

#[tokio::test]
async fn no_word_of_a_failure_holds_a_password_that_a_redis_gives_back() {
    // A Redis before version 6 answers a `HELLO` with all its words.
    let address = serve(|mut stream| async move {
        let mut bytes = [0; 4_096];
        while let Ok(count @ 1..) = stream.read(&mut bytes).await {
            let said = String::from_utf8_lossy(&bytes[..count]).replace("\r\n", " ");
            if stream.write_all(format!("-ERR unknown command `HELLO`: {said}\r\n").as_bytes()).await.is_err()
            {
                return;
            }
        }
    })
    .await;
    let secret = std::env::var(SECRET).unwrap();
    for protocol in [Resp::Resp2, Resp::Resp3] {
        let workload = RedisWorkload {
            protocol,
            password_env: Some(SECRET.to_owned()),
            ..redis(40.0, 1, &[(&["PING"], RedisExpect::Any)])
        };
        let (totals, _) = run(Workload::Redis(workload), address, Span::millis(200)).await;
        totals.assert_complete();
        let words = words(&totals);
        assert_eq!(words, "expected to be logged in, found the error `ERR`\n");
        assert!(!words.contains(&secret));
    }
}
