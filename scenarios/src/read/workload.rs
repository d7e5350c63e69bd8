//! Workloads and their mixes.

use super::arrivals::arrivals;
use super::context::{Blank, Context};
use super::fields::Fields;
use super::scalar::{blank, quantity, text, whole};
use crate::syntax::Node;
use crate::units::Span;
use crate::workload::{
    Arrivals, Destination, Habits, HttpExpect, HttpRequest, HttpVersion, HttpWorkload, TcpExchange,
    TcpWorkload, Workload,
};

mod data;
mod grpc;
mod http;
mod journey;
mod malformed;
mod operations;
mod postgres;
mod redis;
mod tls;
mod udp;
mod websocket;

blank! {
    Workload: Self::Tcp(TcpWorkload {
        to: Destination::blank(),
        arrivals: Arrivals::blank(),
        timeout: Span::ZERO,
        connections: 1,
        habits: Habits::default(),
        tls: None,
        exchanges: Vec::new(),
    }), r#"Http(to: Target("server"), arrivals: Poisson("100/s"), requests: [(get: "/")])"#;
    Destination: Self::Target(String::new()), r#"Link("link")"#;
    HttpRequest: Self {
        name: None,
        method: String::new(),
        path: String::new(),
        headers: Vec::new(),
        body: String::new(),
        expect: HttpExpect::default(),
        weight: 1,
        keys: 1,
    }, r#"(get: "/")"#;
    Vec<HttpRequest>: Self::new(), r#"[(get: "/")]"#;
    TcpExchange: Self { name: None, send: String::new(), expect: String::new(), until: None, weight: 1, keys: 1 },
        r#"(send: "PING\r\n", expect: "+PONG\r\n")"#;
    Vec<TcpExchange>: Self::new(), r#"[(send: "PING\r\n", expect: "+PONG\r\n")]"#;
}

/// The shorthands of a request, and the method each stands for.
const SHORTHANDS: [(&str, &str); 5] =
    [("get", "GET"), ("post", "POST"), ("put", "PUT"), ("delete", "DELETE"), ("head", "HEAD")];
const HEAVIEST: u32 = 1_000_000;
pub(super) const MOST_CONNECTIONS: u32 = 10_000;
/// How many connections may be open where the file does not say, in the open model.
const CONNECTIONS: u32 = 64;
/// How many requests may be under way on a connection of HTTP/2 where the file does not say (RFC 9113, section 6.5.2, advises
/// targets to allow no fewer).
const STREAMS: u32 = 100;
const STREAMS_MAX: u32 = 1_000;
/// How many keys `{n}` is drawn from where the file does not say.
const KEYS: u64 = 1_000;

/// One workload.
pub(super) fn workload(cx: &mut Context, node: &Node) -> Option<Workload> {
    match cx.variant(
        node,
        "a workload",
        &[
            "Http",
            "Tcp",
            "Udp",
            "Redis",
            "Postgres",
            "WebSocket",
            "Grpc",
            "Operations",
            "Journey",
            "Malformed",
        ],
    )? {
        "Http" => http_workload(cx, node).map(Workload::Http),
        "Postgres" => postgres::postgres(cx, node).map(Workload::Postgres),
        "Grpc" => grpc::grpc(cx, node).map(Workload::Grpc),
        "WebSocket" => websocket::websocket(cx, node).map(Workload::WebSocket),
        "Journey" => journey::journey(cx, node).map(Workload::Journey),
        "Malformed" => malformed::malformed(cx, node).map(Workload::Malformed),
        "Operations" => operations::operations(cx, node).map(Workload::Operations),
        "Udp" => udp::udp(cx, node).map(Workload::Udp),
        "Redis" => redis::redis(cx, node).map(Workload::Redis),
        _ => tcp(cx, node).map(Workload::Tcp),
    }
}

fn http_workload(cx: &mut Context, node: &Node) -> Option<HttpWorkload> {
    let mut fields = cx.fields(node, "workload `Http`")?;
    let version = fields.or(cx, "version", HttpVersion::Http1, http::version);
    let Common { to, arrivals, timeout, connections, habits } = common(cx, &mut fields);
    let tls = fields.optional(cx, "tls", tls::tls);
    let auth = fields.optional(cx, "auth", http::auth);
    let data = fields.optional(cx, "data", data::data);
    let requests = fields.required(cx, "requests", |cx, node| cx.list(node, "requests", request));
    fields.finish(cx);
    Some(HttpWorkload { version, to, arrivals, timeout, connections, habits, tls, auth, data, requests })
}

fn tcp(cx: &mut Context, node: &Node) -> Option<TcpWorkload> {
    let mut fields = cx.fields(node, "workload `Tcp`")?;
    let Common { to, arrivals, timeout, connections, habits } = common(cx, &mut fields);
    let tls = fields.optional(cx, "tls", tls::tls);
    let exchanges = fields.required(cx, "exchanges", |cx, node| cx.list(node, "exchanges", exchange));
    fields.finish(cx);
    Some(TcpWorkload { to, arrivals, timeout, connections, habits, tls, exchanges })
}

/// What workloads of all protocols have.
struct Common {
    to: Destination,
    arrivals: Arrivals,
    timeout: Span,
    connections: u32,
    habits: Habits,
}

fn common(cx: &mut Context, fields: &mut Fields<'_>) -> Common {
    let to = fields.required(cx, "to", destination);
    let arrivals = fields.required(cx, "arrivals", arrivals);
    let timeout = fields.or(cx, "timeout", Span::secs(5), quantity);
    let usual = arrivals.users().unwrap_or(CONNECTIONS);
    let connections = fields.or(cx, "connections", usual, whole(1_u32, MOST_CONNECTIONS));
    let requests_per_connection = fields.optional(cx, "requests_per_connection", whole(1_u32, u32::MAX));
    let read_rate = fields.optional(cx, "read_rate", quantity);
    Common { to, arrivals, timeout, connections, habits: Habits { requests_per_connection, read_rate } }
}

fn destination(cx: &mut Context, node: &Node) -> Option<Destination> {
    match cx.variant(node, "a destination", &["Link", "Target"])? {
        "Link" => {
            let name = cx.only(node, r#"Link("name")"#)?;
            cx.step("name", name, text).map(Destination::Link)
        }
        _ => {
            let name = cx.only(node, r#"Target("name")"#)?;
            cx.step("name", name, text).map(Destination::Target)
        }
    }
}

fn request(cx: &mut Context, node: &Node) -> Option<HttpRequest> {
    let mut fields = cx.fields(node, "a request")?;
    let request = HttpRequest {
        weight: fields.or(cx, "weight", 1, whole(1, HEAVIEST)),
        keys: fields.or(cx, "keys", KEYS, whole(1, u64::MAX)),
        ..bare_request(cx, &mut fields)
    };
    fields.finish(cx);
    Some(request)
}

/// What a request has wherever it stands; its weight and its keys are those of one that stands alone.
fn bare_request(cx: &mut Context, fields: &mut Fields<'_>) -> HttpRequest {
    let (method, path) = method_and_path(cx, fields);
    HttpRequest {
        name: fields.optional(cx, "name", text),
        method,
        path,
        headers: fields.or(cx, "headers", Vec::new(), |cx, node| cx.entries(node, "headers", text)),
        body: fields.or(cx, "body", String::new(), text),
        expect: fields.or(cx, "expect", HttpExpect::default(), http::expect),
        weight: 1,
        keys: 1,
    }
}

/// `get: "/path"`, or `method: "GET", path: "/path"`. The path's place is noted under `path` either way.
fn method_and_path(cx: &mut Context, fields: &mut Fields<'_>) -> (String, String) {
    let keys = ["get", "post", "put", "delete", "head", "method"];
    let Some((key, node)) = fields.one_of(cx, &keys) else {
        let path = fields.optional(cx, "path", text);
        cx.note_broken();
        return (String::new(), path.unwrap_or_default());
    };
    match SHORTHANDS.iter().find(|(shorthand, _)| *shorthand == key) {
        Some((_, method)) => ((*method).to_owned(), cx.step("path", node, text).unwrap_or_default()),
        None => (cx.step("method", node, text).unwrap_or_default(), fields.required(cx, "path", text)),
    }
}

fn exchange(cx: &mut Context, node: &Node) -> Option<TcpExchange> {
    let mut fields = cx.fields(node, "an exchange")?;
    let exchange = TcpExchange {
        name: fields.optional(cx, "name", text),
        send: fields.required(cx, "send", text),
        expect: fields.or(cx, "expect", String::new(), text),
        until: fields.optional(cx, "until", text),
        weight: fields.or(cx, "weight", 1, whole(1, HEAVIEST)),
        keys: fields.or(cx, "keys", KEYS, whole(1, u64::MAX)),
    };
    fields.finish(cx);
    Some(exchange)
}
