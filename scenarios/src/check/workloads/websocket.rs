//! WebSocket workloads: that the upgrade and every message can be sent, and that answers can be told.

use super::{filled, header};
use crate::check::{Checker, targets};
use crate::places::{Path, Step};
use crate::syntax::shortened;
use crate::workload::websocket::{Sending, WebSocketMessage, WebSocketWorkload};

/// What the client writes itself to make a request an upgrade.
const OWN_HEADERS: [&str; 6] = [
    "connection",
    "upgrade",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-extensions",
    "sec-websocket-accept",
];
/// The longest content of a ping (RFC 6455, section 5.5).
const PING_BYTES_MAX: usize = 125;
/// The most digits that `{n}` may become.
const DIGITS_MAX: usize = 20;

pub(super) fn rules(checker: &mut Checker<'_>, path: &Path, websocket: &WebSocketWorkload) {
    targets::http_path(checker, &path.then("path"), &websocket.path);
    for (name, value) in &websocket.headers {
        let at = path.then("headers").then(name);
        header(checker, &at, name, value);
        if OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            let message = format!("`{}` is written by the client itself", shortened(name));
            checker.tell(&at.then(Step::Key), message, "remove it");
        }
    }
    let path = path.then("messages");
    filled(
        checker,
        &path,
        websocket.messages.len(),
        "messages: [(send: \"hello {n}\", expect: \"hello {n}\")]",
    );
    for (index, of) in websocket.messages.iter().enumerate() {
        message(checker, &path.then(index), of);
    }
}

fn message(checker: &mut Checker<'_>, path: &Path, message: &WebSocketMessage) {
    if message.expect.as_ref().is_some_and(String::is_empty) {
        let help = "write a text that only the answer holds, or leave `expect` out and wait for nothing";
        checker.tell(&path.then("expect"), "every message holds an empty text", help);
    }
    let Sending::Ping(content) = &message.send else { return };
    if message.expect.is_some() {
        checker.tell(&path.then("expect"), "a ping is answered by its pong", "remove `expect`");
    }
    let longest = content.replace("{n}", &"9".repeat(DIGITS_MAX)).len();
    if longest > PING_BYTES_MAX {
        let message = format!("a ping of up to {longest} bytes is too long");
        checker.tell(&path.then("ping"), message, format!("allowed: at most {PING_BYTES_MAX} bytes"));
    }
}
