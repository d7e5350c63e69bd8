//! The workload `Journey`: its steps, and what is captured on the way.

use super::data::data;
use super::{Common, KEYS, bare_request, common, http, tls};
use crate::read::context::{Blank, Context};
use crate::read::scalar::{blank, text, whole};
use crate::syntax::Node;
use crate::workload::journey::{Capture, JourneyStep, JourneyWorkload};
use crate::workload::{HttpRequest, HttpVersion};

blank! {
    JourneyStep: Self { request: HttpRequest::blank(), capture: Vec::new() }, r#"(get: "/")"#;
    Vec<JourneyStep>: Self::new(), r#"[(post: "/login", capture: {"token": Json("/token")}), (get: "/?token={token}")]"#;
    Capture: Self::Json(String::new()), r#"Json("/token")"#;
}

/// The workload.
pub(super) fn journey(cx: &mut Context, node: &Node) -> Option<JourneyWorkload> {
    let mut fields = cx.fields(node, "workload `Journey`")?;
    let version = fields.or(cx, "version", HttpVersion::Http1, http::version);
    let Common { to, arrivals, timeout, connections, habits } = common(cx, &mut fields);
    let workload = JourneyWorkload {
        version,
        to,
        arrivals,
        timeout,
        connections,
        habits,
        tls: fields.optional(cx, "tls", tls::tls),
        auth: fields.optional(cx, "auth", http::auth),
        keys: fields.or(cx, "keys", KEYS, whole(1, u64::MAX)),
        data: fields.optional(cx, "data", data),
        steps: fields.required(cx, "steps", |cx, node| cx.list(node, "steps", step)),
    };
    fields.finish(cx);
    Some(workload)
}

fn step(cx: &mut Context, node: &Node) -> Option<JourneyStep> {
    let mut fields = cx.fields(node, "a step")?;
    let request = bare_request(cx, &mut fields);
    let capture = fields.or(cx, "capture", Vec::new(), |cx, node| cx.entries(node, "captures", captured));
    fields.finish(cx);
    Some(JourneyStep { request, capture })
}

fn captured(cx: &mut Context, node: &Node) -> Option<Capture> {
    let form = cx.variant(node, "a capture", &["Json", "Matches", "Header"])?;
    let (example, capture): (_, fn(String) -> Capture) = match form {
        "Json" => (r#"Json("/token")"#, Capture::Json),
        "Matches" => (r#"Matches("id=([0-9]+)")"#, Capture::Matches),
        _ => (r#"Header("Location")"#, Capture::Header),
    };
    let only = cx.only(node, example)?;
    cx.step("text", only, text).map(capture)
}
