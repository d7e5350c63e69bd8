//! HTTP/1.1 requests, and what a right answer to each looks like.

pub(crate) mod answer;
pub(crate) mod checks;
mod chunked;
pub(crate) mod draft;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use shakedown_scenarios::workload::feeder::Feeder;
use shakedown_scenarios::workload::{HttpAuth, HttpRequest};

use self::answer::{AnswerReader, Step};
use self::checks::{Checks, Seen, Witness};
use self::draft::Draft;
use crate::client::secret::Secret;
use crate::client::{Client, ClientError, ErrorClass, Reading};
use crate::mix::Ask;
use crate::rows;
use crate::template::Template;

/// The requests of a workload, ready to send.
#[derive(Debug)]
pub(crate) struct HttpClient {
    requests: Vec<Prepared>,
    /// Rows, of which each request has one; none where the workload has no data.
    rows: Vec<Vec<String>>,
    /// Whether answers may be quoted: where requests hold a secret they may give it back.
    may_quote: bool,
}

/// One kind of request with everything that does not change from one to the next.
#[derive(Debug)]
struct Prepared {
    form: Form,
    checks: Checks,
    is_head: bool,
    asks_to_close: bool,
}

/// What is written.
#[derive(Debug)]
enum Form {
    /// Bytes that are the same each time but for a number in the path.
    Fixed {
        /// Method and path.
        line: Template,
        /// From ` HTTP/1.1` to the end of the body. What it logs in with stands in it.
        tail: Secret,
    },
    /// With the values of a row.
    Drafted(Draft),
}

/// The state of reading one answer.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    reader: AnswerReader,
    seen: Seen,
    kind: u32,
}

pub(crate) const USER_AGENT: &str = concat!("shakedown/", env!("CARGO_PKG_VERSION"));

// === impl HttpClient ===

impl HttpClient {
    /// Prepares the requests of a mix, each of which has a row of `data`.
    pub(crate) fn new(
        host: &str,
        auth: Option<&HttpAuth>,
        requests: &[HttpRequest],
        data: Option<&Feeder>,
    ) -> Result<Self, ClientError> {
        checked_host(host)?;
        let login = auth.map(login).transpose()?;
        let may_quote = login.is_none();
        let prepared = |request| Prepared::new(host, login.as_ref(), request, data);
        let requests = requests.iter().map(prepared).collect::<Result<_, _>>()?;
        Ok(Self { requests, rows: data.map(rows::table).transpose()?.unwrap_or_default(), may_quote })
    }

    fn prepared(&self, kind: u32) -> &Prepared {
        &self.requests[kind as usize]
    }

    fn judge(&self, answer: &mut HttpAnswer) -> Result<(), ErrorClass> {
        self.prepared(answer.kind).checks.judge(answer.reader.status(), &mut answer.seen)
    }
}

impl Client for HttpClient {
    type Answer = HttpAnswer;

    fn answer(&self) -> HttpAnswer {
        HttpAnswer { reader: AnswerReader::default(), seen: Seen::default(), kind: 0 }
    }

    fn reads_late(&self) -> bool {
        true
    }

    fn has_key(&self, kind: usize) -> bool {
        self.requests.get(kind).is_some_and(|request| match &request.form {
            Form::Fixed { line, .. } => line.has_place(),
            Form::Drafted(draft) => draft.has_number(),
        })
    }

    fn ask(&self, ask: &Ask, answer: &mut HttpAnswer, out: &mut Vec<u8>) {
        let request = self.prepared(ask.kind);
        match &request.form {
            Form::Fixed { line, tail } => {
                line.render(ask.key, out);
                out.extend_from_slice(tail.bytes());
            }
            Form::Drafted(draft) => {
                let row = self.rows.get(ask.row as usize).map_or(&[][..], Vec::as_slice);
                draft.write(ask.key, row, out);
            }
        }
        answer.kind = ask.kind;
        answer.reader.begin(request.is_head);
        answer.seen.begin(&request.checks);
    }

    fn whole_at_once(&self, _: &HttpAnswer) -> bool {
        false
    }

    fn read(&self, answer: &mut HttpAnswer, bytes: &[u8], _: &mut Vec<u8>) -> Reading {
        let request = self.prepared(answer.kind);
        let HttpAnswer { reader, seen, .. } = answer;
        match reader.read(bytes, Witness { checks: &request.checks, seen }) {
            Ok(Step::More) => Reading::More,
            Ok(Step::Whole { rest }) => {
                // Bytes behind a whole answer belong to nothing that was asked: the next answer could not be trusted.
                let keep = reader.may_keep() && !request.asks_to_close && rest == 0;
                Reading::Whole { verdict: self.judge(answer), keep }
            }
            Err(_) => Reading::Whole { verdict: Err(ErrorClass::Protocol), keep: false },
        }
    }

    fn may_quote(&self) -> bool {
        self.may_quote
    }

    fn why(&self, answer: &HttpAnswer, class: ErrorClass) -> Option<String> {
        match class {
            ErrorClass::Protocol => answer.reader.violation().map(|violation| violation.to_string()),
            ErrorClass::Status | ErrorClass::Check => {
                let checks = &self.prepared(answer.kind).checks;
                checks.why(answer.reader.status(), &answer.seen, self.may_quote)
            }
            _ => None,
        }
    }

    fn closed(&self, answer: &mut HttpAnswer) -> Result<(), ErrorClass> {
        if !answer.reader.ends_with_the_connection() {
            return Err(ErrorClass::Closed);
        }
        self.judge(answer)
    }

    fn within(&self, ask: &Ask) -> Option<u64> {
        self.prepared(ask.kind).checks.within
    }

    fn unasked(&self, _: &mut HttpAnswer, _: &[u8], _: u64, _: &mut Vec<u8>) -> bool {
        // Typically a `408 Request Timeout` on its way to closing an idle connection.
        false
    }
}

// === impl Prepared ===

impl Prepared {
    fn new(
        host: &str,
        login: Option<&(String, Secret)>,
        request: &HttpRequest,
        data: Option<&Feeder>,
    ) -> Result<Self, ClientError> {
        let HttpRequest { method, path, expect, .. } = request;
        checked(request)?;
        let form = match data {
            None => Form::Fixed {
                line: Template::new(&format!("{method} {path}")),
                tail: Secret::new(tail(host, login, request)),
            },
            Some(feeder) => Form::Drafted(Draft::new(host, login, request, &rows::names(feeder))?),
        };
        Ok(Self {
            form,
            checks: Checks::new(expect)?,
            is_head: method == "HEAD",
            asks_to_close: asks_to_close(request),
        })
    }
}

/// Whether a request says that it is the last of its connection.
pub(crate) fn asks_to_close(request: &HttpRequest) -> bool {
    let is_close = |(name, value): &(String, String)| {
        name.eq_ignore_ascii_case("connection") && value.to_ascii_lowercase().contains("close")
    };
    request.headers.iter().any(is_close)
}

/// Whether a request of this method says how long its body is even when it is empty (RFC 9110, section 8.6).
pub(crate) fn defines_a_body(method: &str) -> bool {
    ["POST", "PUT", "PATCH"].contains(&method)
}

/// That a Host header can hold it.
pub(crate) fn checked_host(host: &str) -> Result<(), ClientError> {
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic());
    if is_host { Ok(()) } else { Err(ClientError::Host(host.to_owned())) }
}

/// That the line of a request can hold it.
pub(crate) fn checked_path(path: &str) -> Result<(), ClientError> {
    let is_path = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    if is_path { Ok(()) } else { Err(ClientError::Path(shown(path))) }
}

/// That a request of any version can be sent, and smuggles nothing.
pub(crate) fn checked(request: &HttpRequest) -> Result<(), ClientError> {
    let HttpRequest { method, path, headers, .. } = request;
    // The answer to CONNECT is a tunnel, which no request can follow.
    if !is_token(method) || method.eq_ignore_ascii_case("CONNECT") {
        return Err(ClientError::Method(shown(method)));
    }
    checked_path(path)?;
    for (name, value) in headers {
        if !is_token(name) || value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(ClientError::Header(shown(&format!("{name}: {value}"))));
        }
        if ["content-length", "transfer-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return Err(ClientError::Framing(shown(name)));
        }
    }
    Ok(())
}

/// The header that logs in.
pub(crate) fn login(auth: &HttpAuth) -> Result<(String, Secret), ClientError> {
    let checked = |env: &String| {
        let secret = Secret::of_environment(env)?;
        if HttpAuth::can_hold(secret.bytes()) { Ok(secret) } else { Err(ClientError::Secret(env.clone())) }
    };
    Ok(match auth {
        HttpAuth::Bearer { env } => {
            ("Authorization".to_owned(), Secret::new([b"Bearer ", checked(env)?.bytes()].concat()))
        }
        HttpAuth::Basic { user, password_env } => {
            let pair = [user.as_bytes(), b":", checked(password_env)?.bytes()].concat();
            ("Authorization".to_owned(), Secret::new(format!("Basic {}", BASE64.encode(pair)).into_bytes()))
        }
        HttpAuth::Header { name, env } if is_token(name) => (name.clone(), checked(env)?),
        HttpAuth::Header { name, .. } => return Err(ClientError::Header(shown(name))),
    })
}

fn tail(host: &str, login: Option<&(String, Secret)>, request: &HttpRequest) -> Vec<u8> {
    let HttpRequest { method, headers, body, .. } = request;
    let has = |wanted: &str| headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let mut tail = String::from(" HTTP/1.1\r\n");
    if !has("host") {
        tail += &format!("Host: {host}\r\n");
    }
    if !has("user-agent") {
        tail += &format!("User-Agent: {USER_AGENT}\r\n");
    }
    for (name, value) in headers {
        tail += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() || defines_a_body(method) {
        tail += &format!("Content-Length: {}\r\n", body.len());
    }
    let mut tail = tail.into_bytes();
    if let Some((name, secret)) = login {
        tail.extend_from_slice(name.as_bytes());
        tail.extend_from_slice(b": ");
        tail.extend_from_slice(secret.bytes());
        tail.extend_from_slice(b"\r\n");
    }
    tail.extend_from_slice(b"\r\n");
    tail.extend_from_slice(body.as_bytes());
    tail
}

/// A token of RFC 9110, section 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// What is quoted of a wrong text: its beginning, with control characters made visible.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shakedown_scenarios::units::{Size, Span};
    use shakedown_scenarios::workload::HttpExpect;

    use super::*;

    fn request(method: &str, path: &str) -> HttpRequest {
        HttpRequest {
            name: None,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: String::new(),
            expect: HttpExpect::default(),
            weight: 1,
            keys: 100,
        }
    }

    fn sent(request: &HttpRequest, key: u64) -> String {
        let client = HttpClient::new("shop:80", None, std::slice::from_ref(request), None).unwrap();
        let mut out = Vec::new();
        client.ask(&Ask { due: 0, key, kind: 0, row: 0 }, &mut client.answer(), &mut out);
        String::from_utf8(out).unwrap()
    }

    /// The verdict on an answer, and whether the connection is kept.
    fn judged(request: &HttpRequest, answer: &str) -> Reading {
        let client = HttpClient::new("shop", None, std::slice::from_ref(request), None).unwrap();
        let mut state = client.answer();
        client.ask(&Ask { due: 0, key: 0, kind: 0, row: 0 }, &mut state, &mut Vec::new());
        client.read(&mut state, answer.as_bytes(), &mut Vec::new())
    }

    const OK: Reading = Reading::Whole { verdict: Ok(()), keep: true };

    fn wrong(class: ErrorClass) -> Reading {
        Reading::Whole { verdict: Err(class), keep: true }
    }

    #[test]
    fn a_request_is_written_with_its_key_and_its_length() {
        assert_eq!(
            sent(&request("GET", "/items/{n}?x={n}"), 12),
            format!("GET /items/12?x=12 HTTP/1.1\r\nHost: shop:80\r\nUser-Agent: {USER_AGENT}\r\n\r\n")
        );
        let post = HttpRequest {
            headers: vec![("host".into(), "other".into()), ("User-Agent".into(), "me".into())],
            body: "{\"n\": \"{n}\"}".into(),
            ..request("POST", "/")
        };
        let expected =
            "POST / HTTP/1.1\r\nhost: other\r\nUser-Agent: me\r\nContent-Length: 12\r\n\r\n{\"n\": \"{n}\"}";
        assert_eq!(sent(&post, 1), expected);
        assert!(sent(&request("PUT", "/"), 1).contains("Content-Length: 0\r\n"));
    }

    #[test]
    fn nothing_can_be_smuggled_into_a_request() {
        let refused = |request: HttpRequest| HttpClient::new("h", None, &[request], None).unwrap_err();
        assert!(matches!(refused(request("GE T", "/")), ClientError::Method(_)));
        assert!(matches!(refused(request("CONNECT", "/")), ClientError::Method(_)));
        assert!(matches!(refused(request("GET", "/a b")), ClientError::Path(_)));
        assert!(matches!(refused(request("GET", "/\r\nX: y")), ClientError::Path(_)));
        assert!(matches!(refused(request("GET", "items")), ClientError::Path(_)));
        let with = |name: &str, value: &str| HttpRequest {
            headers: vec![(name.to_owned(), value.to_owned())],
            ..request("GET", "/")
        };
        assert!(matches!(refused(with("X", "a\r\nY: b")), ClientError::Header(_)));
        assert!(matches!(refused(with("X:", "a")), ClientError::Header(_)));
        assert!(matches!(refused(with("content-Length", "3")), ClientError::Framing(_)));
        assert!(matches!(
            HttpClient::new("a b", None, &[request("GET", "/")], None).unwrap_err(),
            ClientError::Host(_)
        ));
    }

    #[test]
    fn any_success_or_redirection_is_right_unless_a_status_is_expected() {
        let answer = |status: u16| format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(judged(&request("GET", "/"), &answer(204)), OK);
        assert_eq!(judged(&request("GET", "/"), &answer(302)), OK);
        assert_eq!(judged(&request("GET", "/"), &answer(500)), wrong(ErrorClass::Status));
        let mut not_found = request("GET", "/");
        not_found.expect.status = Some(404);
        assert_eq!(judged(&not_found, &answer(404)), OK);
        assert_eq!(judged(&not_found, &answer(200)), wrong(ErrorClass::Status));
    }

    #[test]
    fn a_body_without_the_expected_text_fails_the_check_and_keeps_the_connection() {
        let mut hello = request("GET", "/");
        hello.expect.body = Some("hello".into());
        assert_eq!(judged(&hello, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsay hello"), OK);
        let other = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhell";
        assert_eq!(judged(&hello, other), wrong(ErrorClass::Check));
    }

    #[test]
    fn heads_bodies_and_sizes_are_checked() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nX-Id: 7\r\n\
                      Content-Length: 43\r\n\r\n{\"name\": \"pen\", \"in\": [1, 2.0], \"ok\": true}";
        let check = |expect: HttpExpect, expected: Reading| {
            assert_eq!(
                judged(&HttpRequest { expect: expect.clone(), ..request("GET", "/") }, answer),
                expected,
                "{expect:?}"
            );
        };
        let header = |name: &str, value: &str| HttpExpect {
            headers: vec![(name.into(), value.into())],
            ..HttpExpect::default()
        };
        check(header("content-type", "application/json"), OK);
        check(header("x-id", ""), OK);
        check(header("content-type", "text/html"), wrong(ErrorClass::Check));
        check(header("x-other", ""), wrong(ErrorClass::Check));
        let matches = |text: &str| HttpExpect { matches: Some(text.into()), ..HttpExpect::default() };
        check(matches(r#""name": "p[a-z]n""#), OK);
        check(matches(r"\[\d, \d\.\d\]"), OK);
        check(matches("^pen"), wrong(ErrorClass::Check));
        let at = |pointer: &str, value: serde_json::Value| HttpExpect {
            json: vec![(pointer.into(), value)],
            ..HttpExpect::default()
        };
        check(at("/name", json!("pen")), OK);
        check(at("/in/1", json!(2)), OK);
        check(at("/ok", json!(true)), OK);
        check(at("/in", json!([1, 2])), wrong(ErrorClass::Check));
        check(at("/name", json!("ink")), wrong(ErrorClass::Check));
        check(at("/nothing", json!(null)), wrong(ErrorClass::Check));
        let sized = |at_least, at_most| HttpExpect {
            at_least: Some(Size::bytes(at_least)),
            at_most: Some(Size::bytes(at_most)),
            ..HttpExpect::default()
        };
        check(sized(43, 43), OK);
        check(sized(44, 99), wrong(ErrorClass::Check));
        check(sized(0, 42), wrong(ErrorClass::Check));
        check(HttpExpect { status: Some(201), ..sized(44, 99) }, wrong(ErrorClass::Status));
        let no_json = HttpRequest { expect: at("/name", json!("pen")), ..request("GET", "/") };
        let nested = format!("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n{}", "[".repeat(60_000));
        assert_eq!(judged(&no_json, &nested), wrong(ErrorClass::Check));
    }

    #[test]
    fn a_request_may_be_given_a_time() {
        let expect = HttpExpect { within: Some(Span::millis(5)), ..HttpExpect::default() };
        let requests = [HttpRequest { expect, ..request("GET", "/") }, request("GET", "/")];
        let client = HttpClient::new("shop", None, &requests, None).unwrap();
        let within = |kind| client.within(&Ask { due: 0, key: 0, kind, row: 0 });
        assert_eq!((within(0), within(1)), (Some(5_000_000), None));
    }

    #[test]
    fn a_login_stands_in_the_request_and_is_not_shown() {
        let sent = |auth: HttpAuth| {
            let client = HttpClient::new("shop", Some(&auth), &[request("GET", "/")], None).unwrap();
            let mut out = Vec::new();
            client.ask(&Ask { due: 0, key: 0, kind: 0, row: 0 }, &mut client.answer(), &mut out);
            assert!(format!("{client:?}").contains("tail: a secret"));
            String::from_utf8(out).unwrap()
        };
        let path = std::env::var("PATH").unwrap();
        let env = || "PATH".to_owned();
        assert!(
            sent(HttpAuth::Bearer { env: env() })
                .contains(&format!("\r\nAuthorization: Bearer {path}\r\n\r\n"))
        );
        let key = HttpAuth::Header { name: "X-Key".into(), env: env() };
        assert!(sent(key).contains(&format!("\r\nX-Key: {path}\r\n\r\n")));
        let pair = BASE64.encode(format!("app:{path}"));
        let basic = HttpAuth::Basic { user: "app".into(), password_env: env() };
        assert!(sent(basic).contains(&format!("\r\nAuthorization: Basic {pair}\r\n\r\n")));
        let unset = HttpAuth::Bearer { env: "SHAKEDOWN_NOBODY_SETS_THIS".into() };
        let refused = HttpClient::new("shop", Some(&unset), &[request("GET", "/")], None).unwrap_err();
        assert!(matches!(refused, ClientError::Unset(_)));
    }

    #[test]
    fn a_text_behind_the_first_64_kib_is_not_found() {
        let mut hello = request("GET", "/");
        hello.expect.body = Some("hello".into());
        let answer = |before: usize| {
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}hello", before + 5, "x".repeat(before))
        };
        assert_eq!(judged(&hello, &answer(65_531)), OK);
        assert_eq!(judged(&hello, &answer(65_532)), wrong(ErrorClass::Check));
    }

    #[test]
    fn bytes_behind_an_answer_end_the_connection() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500";
        assert_eq!(judged(&request("GET", "/"), answer), Reading::Whole { verdict: Ok(()), keep: false });
    }

    #[test]
    fn a_request_that_asks_to_close_is_the_last_of_its_connection() {
        let close =
            HttpRequest { headers: vec![("Connection".into(), "close".into())], ..request("GET", "/") };
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(judged(&close, answer), Reading::Whole { verdict: Ok(()), keep: false });
    }
}
