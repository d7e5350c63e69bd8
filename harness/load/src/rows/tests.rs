use proptest::prelude::*;
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::workload::{HttpExpect, HttpRequest};

use super::*;
use crate::client::Client as _;
use crate::client::http::HttpClient;
use crate::http2::Requests;
use crate::http2::talk::{Parcel, Talk as _};
use crate::mix::Ask;

fn feeder(order: Order, rows: Vec<Vec<String>>) -> Feeder {
    Feeder { file: "users.csv".into(), columns: vec!["a".into(), "b".into()], order, rows }
}

fn drawn(order: Order, count: usize) -> Vec<u32> {
    let feeder = feeder(order, vec![vec![String::new()]; 3]);
    let mut rows = Rows::new(&feeder, Streams::new(1).stream("rows"));
    (0..count).map(|_| rows.next()).collect()
}

#[test]
fn rows_come_in_turn_or_at_random() {
    assert_eq!(drawn(Order::InTurn, 7), [0, 1, 2, 0, 1, 2, 0]);
    let rows = drawn(Order::Random, 300);
    assert_eq!(rows, drawn(Order::Random, 300), "the same seed draws the same");
    for row in 0..3 {
        let count = rows.iter().filter(|drawn| **drawn == row).count();
        assert!((60..140).contains(&count), "{row}: {count}");
    }
}

#[test]
fn data_that_was_not_read_is_refused() {
    let unread = feeder(Order::InTurn, Vec::new());
    assert_eq!(table(&unread), Err(ClientError::Rows("users.csv".into())));
    assert_eq!(Rows::new(&unread, Streams::new(1).stream("rows")).next(), 0);
}

/// A request with names wherever they may stand.
fn request(path: &str) -> HttpRequest {
    HttpRequest {
        name: None,
        method: "POST".into(),
        path: path.into(),
        headers: vec![
            ("X-A".into(), "{a}".into()),
            ("X-B".into(), "{n} {b} {{b}}".into()),
            ("X-C".into(), "c".into()),
        ],
        body: "{\"a\": {a}, \"n\": {n}, \"b\": {{b}}}".into(),
        expect: HttpExpect::default(),
        weight: 1,
        keys: 10,
    }
}

const ASK: Ask = Ask { due: 0, key: 7, kind: 0, row: 1 };

/// What HTTP/1.1 writes for the second row.
fn written(request: &HttpRequest, feeder: &Feeder) -> Vec<u8> {
    let client = HttpClient::new("shop", None, std::slice::from_ref(request), Some(feeder)).unwrap();
    let mut out = Vec::new();
    client.ask(&ASK, &mut client.answer(), &mut out);
    out
}

fn over_http2(request: &HttpRequest, feeder: &Feeder) -> Result<Requests, ClientError> {
    Requests::new(None, std::slice::from_ref(request), Some(feeder))
}

fn said(requests: &Requests) -> Parcel {
    requests.ask(&ASK, &requests.answer()).unwrap()
}

/// The parts of what was written: the path, how many header lines there are, and the body. Fails where there is not one whole
/// head, or the body is not as long as it says.
fn parts(written: &[u8]) -> (String, usize, Vec<u8>) {
    let mut fields = [httparse::EMPTY_HEADER; 16];
    let mut head = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(end) = head.parse(written).unwrap() else { panic!("no whole head") };
    let lines = written[..end].windows(2).filter(|two| two == b"\r\n").count();
    let ends = written[..end].iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
    assert_eq!((lines, ends), (head.headers.len() + 2, lines * 2), "a line that is none");
    let length = head.headers.iter().find(|field| field.name == "Content-Length").unwrap();
    let length: usize = std::str::from_utf8(length.value).unwrap().parse().unwrap();
    assert_eq!(length, written.len() - end);
    (head.path.unwrap().to_owned(), head.headers.len(), written[end..].to_vec())
}

#[test]
fn a_row_stands_in_path_headers_and_body_of_both_versions() {
    let rows = [["x", "y"], [" é/?\r\n", "a b\tc "]].map(|row| row.map(str::to_owned).to_vec());
    let feeder = feeder(Order::InTurn, rows.to_vec());
    let request = request("/{a}-{n}?b={b}&{{b}}");
    let body = "{\"a\":  é/?\r\n, \"n\": 7, \"b\": {b}}";
    let path = "/%20%C3%A9/?%0D%0A-7?b=a%20b%09c%20&{b}";
    let expected = format!(
        "POST {path} HTTP/1.1\r\nHost: shop\r\nUser-Agent: {}\r\nX-A:  é/?  \r\nX-B: 7 a b c  {{b}}\r\nX-C: c\r\n\
         Content-Length: {}\r\n\r\n{body}",
        crate::client::http::USER_AGENT,
        body.len()
    );
    assert_eq!(String::from_utf8(written(&request, &feeder)).unwrap(), expected);
    let client = over_http2(&request, &feeder).unwrap();
    assert!(client.has_key(0));
    let sent = said(&client);
    assert_eq!(sent.path.as_str(), path);
    let field = |name: &str| String::from_utf8(sent.headers[name].as_bytes().to_vec()).unwrap();
    let fields = ["x-a", "x-b", "x-c", "content-length"].map(field);
    assert_eq!(fields, ["é/?", "7 a b c  {b}", "c", &body.len().to_string()]);
    assert_eq!((sent.headers.len(), sent.body.as_ref()), (5, body.as_bytes()));
}

#[test]
fn a_row_whose_path_http_2_cannot_hold_is_refused_before_the_load() {
    let rows = ["x".to_owned(), "é".repeat(2_000)].map(|field| vec![field, String::new()]);
    let feeder = feeder(Order::InTurn, rows.to_vec());
    let refused = over_http2(&request(&"/{a}".repeat(6)), &feeder).unwrap_err();
    assert_eq!(refused, ClientError::Row { file: "users.csv".into(), row: 2 });
    over_http2(&request(&"/{a}".repeat(5)), &feeder).unwrap();
}

/// Any text, those that would break out of their place more often than others.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\r\n: %#?&{}a0/é\u{0}\u{7f}\u{85}]{0,40}",
        "(\r\n|GET / HTTP/1.1\r\n|X: y){0,6}"
    ]
}

proptest! {
    /// Whatever a row holds, there is one head with as many lines as were asked for, and one body of the length that it says; over
    /// HTTP/2 there are the same path, as many fields, and the same body.
    #[test]
    fn no_row_writes_a_second_request(row in proptest::collection::vec(field(), 2)) {
        let feeder = feeder(Order::InTurn, vec![Vec::new(), row.clone()]);
        let request = request("/{a}/{n}?b={b}&{a}");
        let (path, fields, body) = parts(&written(&request, &feeder));
        prop_assert_eq!(fields, 6);
        let expected = format!("{{\"a\": {}, \"n\": 7, \"b\": {{b}}}}", row[0]);
        prop_assert_eq!(&body, expected.as_bytes());
        prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
        let client = over_http2(&request, &feeder).unwrap();
        let sent = said(&client);
        prop_assert_eq!(sent.path.as_str(), path);
        prop_assert_eq!((sent.headers.len(), sent.body.as_ref()), (5, &body[..]));
        for value in sent.headers.values() {
            let bytes = value.as_bytes();
            prop_assert!(bytes.trim_ascii().len() == bytes.len() && !bytes.iter().any(u8::is_ascii_control), "{value:?}");
        }
    }
}
