//! The workload `Grpc`: its calls.

use super::{Common, HEAVIEST, STREAMS, STREAMS_MAX, common, http, tls};
use crate::read::context::{Blank, Context};
use crate::read::fields::Fields;
use crate::read::scalar::{blank, quantity, text, whole};
use crate::syntax::Node;
use crate::workload::grpc::{GrpcCall, GrpcExpect, GrpcStatus, GrpcWorkload};

blank! {
    GrpcCall: Self {
        name: None,
        method: String::new(),
        message: String::new(),
        message_file: None,
        metadata: Vec::new(),
        expect: GrpcExpect::default(),
        weight: 1,
    }, r#"(call: "shop.Items/Get", message: "CAE=")"#;
    Vec<GrpcCall>: Self::new(), r#"[(call: "shop.Items/Get", message: "CAE=")]"#;
}

/// The workload.
pub(super) fn grpc(cx: &mut Context, node: &Node) -> Option<GrpcWorkload> {
    let mut fields = cx.fields(node, "workload `Grpc`")?;
    let Common { to, arrivals, timeout, connections, habits } = common(cx, &mut fields);
    let streams = fields.or(cx, "streams", STREAMS, whole(1, STREAMS_MAX));
    let tls = fields.optional(cx, "tls", tls::tls);
    let auth = fields.optional(cx, "auth", http::auth);
    let calls = fields.required(cx, "calls", |cx, node| cx.list(node, "calls", call));
    fields.finish(cx);
    Some(GrpcWorkload { to, arrivals, timeout, connections, streams, habits, tls, auth, calls })
}

fn call(cx: &mut Context, node: &Node) -> Option<GrpcCall> {
    let mut fields = cx.fields(node, "a call")?;
    let name = fields.optional(cx, "name", text);
    let method = fields.required(cx, "call", text);
    let (message, message_file) = message(cx, &mut fields);
    let call = GrpcCall {
        name,
        method,
        message: message.unwrap_or_default(),
        message_file,
        metadata: fields.or(cx, "metadata", Vec::new(), |cx, node| cx.entries(node, "metadata", text)),
        expect: fields.or(cx, "expect", GrpcExpect::default(), expect),
        weight: fields.or(cx, "weight", 1, whole(1, HEAVIEST)),
    };
    fields.finish(cx);
    Some(call)
}

/// `message: "CAE="`, or `message_file: "order.bin"`.
fn message(cx: &mut Context, fields: &mut Fields<'_>) -> (Option<String>, Option<String>) {
    match fields.at_most_one_of(cx, &["message", "message_file"]) {
        Some((key @ "message", node)) => (cx.step(key, node, text), None),
        Some((key, node)) => (None, cx.step(key, node, text)),
        None => (None, None),
    }
}

fn expect(cx: &mut Context, node: &Node) -> Option<GrpcExpect> {
    let mut fields = cx.fields(node, "`expect`")?;
    let status = fields.or(cx, "status", GrpcStatus::Ok, status);
    let (message, message_file) = message(cx, &mut fields);
    let expect = GrpcExpect {
        status,
        message,
        message_file,
        at_least: fields.optional(cx, "at_least", quantity),
        at_most: fields.optional(cx, "at_most", quantity),
        within: fields.optional(cx, "within", quantity),
    };
    fields.finish(cx);
    Some(expect)
}

fn status(cx: &mut Context, node: &Node) -> Option<GrpcStatus> {
    let words = GrpcStatus::ALL.map(|(word, _)| word);
    let found = cx.variant(node, "a status", &words)?;
    cx.bare(node);
    GrpcStatus::ALL.iter().find(|(word, _)| *word == found).map(|(_, status)| *status)
}
