//! The workload `WebSocket`: its messages and heartbeats.

use super::{HEAVIEST, MOST_CONNECTIONS, arrivals, destination, tls};
use crate::read::context::{Blank, Context};
use crate::read::scalar::{blank, quantity, text, whole};
use crate::syntax::Node;
use crate::units::Span;
use crate::workload::websocket::{Sending, WebSocketMessage, WebSocketWorkload};

blank! {
    WebSocketMessage: Self { send: Sending::Text(String::new()), expect: None, weight: 1, keys: 1 },
        r#"(send: "hello {n}", expect: "hello {n}")"#;
    Vec<WebSocketMessage>: Self::new(), r#"[(send: "hello {n}", expect: "hello {n}")]"#;
}

/// How many numbers `{n}` is drawn from where the file does not say: so many that no two messages are the same, for a server
/// may send to everybody what one has said.
const KEYS: u64 = 1 << 62;

/// How many sockets are held where the file does not say, in the open model.
const SOCKETS: u32 = 100;

/// The workload.
pub(super) fn websocket(cx: &mut Context, node: &Node) -> Option<WebSocketWorkload> {
    let mut fields = cx.fields(node, "workload `WebSocket`")?;
    let to = fields.required(cx, "to", destination);
    let arrivals = fields.required(cx, "arrivals", arrivals);
    let usual = arrivals.users().unwrap_or(SOCKETS);
    let workload = WebSocketWorkload {
        to,
        arrivals,
        timeout: fields.or(cx, "timeout", Span::secs(5), quantity),
        sockets: fields.or(cx, "sockets", usual, whole(1_u32, MOST_CONNECTIONS)),
        tls: fields.optional(cx, "tls", tls::tls),
        path: fields.or(cx, "path", "/".to_owned(), text),
        headers: fields.or(cx, "headers", Vec::new(), |cx, node| cx.entries(node, "headers", text)),
        messages: fields.required(cx, "messages", |cx, node| cx.list(node, "messages", message)),
    };
    fields.finish(cx);
    Some(workload)
}

fn message(cx: &mut Context, node: &Node) -> Option<WebSocketMessage> {
    let mut fields = cx.fields(node, "a message")?;
    let send = match fields.one_of(cx, &["send", "ping"]) {
        Some(("ping", node)) => Sending::Ping(cx.step("ping", node, text).unwrap_or_default()),
        Some((_, node)) => Sending::Text(cx.step("send", node, text).unwrap_or_default()),
        None => {
            cx.note_broken();
            Sending::Text(String::new())
        }
    };
    let message = WebSocketMessage {
        send,
        expect: fields.optional(cx, "expect", text),
        weight: fields.or(cx, "weight", 1, whole(1, HEAVIEST)),
        keys: fields.or(cx, "keys", KEYS, whole(1, u64::MAX)),
    };
    fields.finish(cx);
    Some(message)
}
