//! Workloads: that there is something to send, somewhere to send it, and a rate.

use super::{Checker, arrivals, targets};
use crate::places::{Path, Step, part};
use crate::syntax::shortened;
use crate::units::Span;
use crate::workload::{HttpRequest, TcpExchange, Workload};

mod data;
mod grpc;
mod http;
mod journey;
mod malformed;
mod postgres;
mod redis;
mod tls;
mod udp;
mod websocket;

/// What the client writes itself.
const OWN_HEADERS: [&str; 3] = ["host", "content-length", "transfer-encoding"];
/// The longest name of an endpoint, in characters.
const LONGEST_NAME: usize = 100;

pub(super) fn rules(checker: &mut Checker<'_>) {
    let experiment = checker.experiment;
    for (name, workload) in &experiment.workloads {
        let path = part!["workloads", name];
        let to = path.then("to").then("name");
        match workload {
            Workload::Udp(udp) => udp::reaches(checker, &to, &udp.to),
            _ => checker.destination(&to, workload.to()),
        }
        arrivals::rules(checker, &path, workload);
        reading(checker, &path, workload);
        http::streams(checker, &path, workload);
        tls::rules(checker, &path, workload);
        match workload {
            Workload::Http(http) => {
                timeout(checker, &path, http.timeout);
                http::auth(checker, &path.then("auth"), http.auth.as_ref());
                http::version(checker, &path, (http.version, "requests"), http.requests.iter());
                data::of_http(checker, &path, http);
                filled(checker, &path.then("requests"), http.requests.len(), "requests: [(get: \"/\")]");
                for (index, of) in http.requests.iter().enumerate() {
                    request(checker, &path.then("requests").then(index), of);
                }
            }
            Workload::Tcp(tcp) => {
                timeout(checker, &path, tcp.timeout);
                exchanges(checker, &path.then("exchanges"), &tcp.exchanges);
            }
            Workload::Udp(udp) => {
                timeout(checker, &path, udp.timeout);
                exchanges(checker, &path.then("exchanges"), &udp.exchanges);
                udp::lengths(checker, &path.then("exchanges"), &udp.exchanges);
            }
            Workload::Postgres(postgres) => {
                timeout(checker, &path, postgres.timeout);
                postgres::rules(checker, &path, postgres);
            }
            Workload::Grpc(grpc) => {
                timeout(checker, &path, grpc.timeout);
                grpc::rules(checker, &path, grpc);
            }
            Workload::WebSocket(websocket) => {
                timeout(checker, &path, websocket.timeout);
                websocket::rules(checker, &path, websocket);
            }
            Workload::Operations(operations) => timeout(checker, &path, operations.timeout),
            Workload::Journey(journey) => {
                timeout(checker, &path, journey.timeout);
                journey::rules(checker, &path, journey);
            }
            Workload::Malformed(malformed) => {
                timeout(checker, &path, malformed.timeout);
                malformed::rules(checker, &path, malformed);
            }
            Workload::Redis(redis) => {
                timeout(checker, &path, redis.timeout);
                redis::rules(checker, &path, redis);
            }
        }
    }
}

fn reading(checker: &mut Checker<'_>, path: &Path, workload: &Workload) {
    if workload.habits().read_rate.is_some_and(|rate| rate.as_bytes_per_second() == 0) {
        let help =
            "write a rate such as `\"16KiB/s\"`; for an answer that never comes use `Blackhole` on a link";
        checker.tell(&path.then("read_rate"), "at a rate of zero no answer is ever read", help);
    }
}

fn timeout(checker: &mut Checker<'_>, path: &Path, timeout: Span) {
    if timeout.is_zero() {
        checker.tell(
            &path.then("timeout"),
            "with no time to answer every answer is late",
            "write a timeout such as `\"2s\"`",
        );
    }
}

fn filled(checker: &mut Checker<'_>, path: &Path, length: usize, example: &str) {
    if length == 0 {
        checker.tell(path, "a workload without requests sends nothing", format!("write `{example}`"));
    }
}

/// That a text can be the name of an environment variable.
fn variable(checker: &mut Checker<'_>, path: &Path, name: &str) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_part) {
        // It may be the secret itself, so it is not shown.
        let message = "this is not the name of an environment variable";
        checker.tell(path, message, "write a name such as `\"SHOP_PASSWORD\"`, not the secret itself");
    }
}

/// A name stands in every table: it is one, and it is short.
fn name(checker: &mut Checker<'_>, path: &Path, name: Option<&str>) {
    let Some(name) = name else { return };
    let length = name.chars().count();
    if name.trim().is_empty() || length > LONGEST_NAME || name.chars().any(char::is_control) {
        let message = format!("`{}` is not the name of an endpoint", shortened(name));
        let help = format!("write 1 to {LONGEST_NAME} characters such as `\"item\"`, or leave `name` out");
        checker.tell(&path.then("name"), message, help);
    }
}

fn request(checker: &mut Checker<'_>, path: &Path, request: &HttpRequest) {
    name(checker, path, request.name.as_deref());
    if request.method.is_empty() || !request.method.bytes().all(is_token) {
        let message = format!("`{}` is not a method", shortened(&request.method));
        checker.tell(&path.then("method"), message, "write one such as `GET`, `POST` or `PATCH`");
    }
    targets::http_path(checker, &path.then("path"), &request.path);
    data::braces(checker, &path.then("path"), &request.path);
    for (name, value) in &request.headers {
        header(checker, &path.then("headers").then(name), name, value);
    }
    http::expect(checker, &path.then("expect"), &request.expect);
}

fn header(checker: &mut Checker<'_>, path: &Path, name: &str, value: &str) {
    let shown = shortened(name);
    if name.is_empty() || !name.bytes().all(is_token) {
        let help = "a header's name has letters, digits and `-`, and no `:`";
        checker.tell(&path.then(Step::Key), format!("`{shown}` is not the name of a header"), help);
    } else if OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        checker.tell(
            &path.then(Step::Key),
            format!("`{shown}` is written by the client itself"),
            "remove it",
        );
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        let message = format!("the value of header `{shown}` holds a control character");
        checker.tell(path, message, "remove it; line breaks would start another header");
    }
}

/// A character of a token (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn exchanges(checker: &mut Checker<'_>, path: &Path, exchanges: &[TcpExchange]) {
    filled(checker, path, exchanges.len(), "exchanges: [(send: \"…\", expect: \"…\")]");
    for (index, of) in exchanges.iter().enumerate() {
        exchange(checker, &path.then(index), of);
    }
}

fn exchange(checker: &mut Checker<'_>, path: &Path, exchange: &TcpExchange) {
    name(checker, path, exchange.name.as_deref());
    if exchange.send.is_empty() {
        checker.tell(
            &path.then("send"),
            "there is nothing to send",
            "write what to send, such as `\"PING\\r\\n\"`",
        );
    }
    let awaits =
        !exchange.expect.is_empty() || exchange.until.as_ref().is_some_and(|until| !until.is_empty());
    if !awaits {
        let help = "add `expect: \"…\"`, what the answer starts with, or `until: \"…\"`, what it ends with";
        checker.tell(path, "nothing says when the answer is there", help);
    }
}
